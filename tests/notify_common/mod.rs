//! What the tests of notifications share. No file uses all of it: each item is named once below, so that none looks
//! unused.

use std::time::Instant;

use bits_proto::ReplyUrl;
use bits_proto::notify::{Config, DataFiles, Delivery, Notification, Outcome, Output};
use http::{Request, Response, Version};

/// Windows BITS 6.7 against IIS 6.0: what the server sent to its application, and what that answered.
pub(crate) const NOTIFICATION: &[u8] = include_bytes!("../data/captures/upload-reply/06-notification.req");
pub(crate) const ANSWER: &[u8] = include_bytes!("../data/captures/upload-reply/07-notification.resp");

/// Where the captured upload went, and where its files were.
pub(crate) const DESTINATION: &str = "http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt";
pub(crate) const REQUEST_FILE: &str = r"C:\bits\web\upload-ref-isapi-WebFarm\BITS-Sessions\Requests\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\requestfile.bin";
pub(crate) const RESPONSE_FILE: &str = r"C:\bits\web\upload-ref-isapi-WebFarm\BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin";

/// What the captured client was told where the reply is.
pub(crate) const REPLY_URL: &str =
    r"BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin";

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// The head of a request in HTTP/1.1; panics on bytes that are none.
pub(crate) fn request(bytes: &[u8]) -> Request<()> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    assert!(head.parse(bytes).unwrap().is_complete() && head.version == Some(1));
    let request = Request::builder().method(head.method.unwrap()).uri(head.path.unwrap());
    let headers = head.headers.iter();
    headers
        .fold(request.version(Version::HTTP_11), |head, line| head.header(line.name, line.value))
        .body(())
        .unwrap()
}

/// The head of a response in HTTP/1.1; panics on bytes that are none.
pub(crate) fn response(bytes: &[u8]) -> Response<()> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Response::new(&mut headers);
    assert!(head.parse(bytes).unwrap().is_complete() && head.version == Some(1));
    let response = Response::builder().status(head.code.unwrap()).version(Version::HTTP_11);
    head.headers.iter().fold(response, |head, line| head.header(line.name, line.value)).body(()).unwrap()
}

/// A response of this status and these headers.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let response = Response::builder().status(status);
    headers.iter().fold(response, |head, (name, value)| head.header(*name, *value)).body(()).unwrap()
}

/// As in the captures.
pub(crate) fn by_reference() -> Delivery<'static> {
    Delivery::ByReference(DataFiles {
        request: REQUEST_FILE.parse().unwrap(),
        response: RESPONSE_FILE.parse().unwrap(),
    })
}

pub(crate) fn by_value(size: u64) -> Delivery<'static> {
    Delivery::ByValue { size }
}

pub(crate) fn reply_url(url: &str) -> ReplyUrl<'static> {
    ReplyUrl::from_bytes(url.as_bytes().to_vec()).unwrap()
}

/// A notification as in the captures, with a place for replies, and not yet sent.
pub(crate) fn notification(now: Instant, delivery: Delivery<'static>, config: Config) -> Notification {
    let url = "/bitsasp/test.REPLY".parse().unwrap();
    let destination = DESTINATION.parse().unwrap();
    Notification::new(now, &url, &destination, delivery, config)
        .unwrap()
        .with_stored_reply(reply_url(REPLY_URL))
}

/// The same, and it was sent.
pub(crate) fn sent(now: Instant, delivery: Delivery<'static>, config: Config) -> Notification {
    let mut notification = notification(now, delivery, config);
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    notification.handle_sent(now);
    notification
}

/// An output, as far as tests compare it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Transmit,
    FindResponseFile,
    StoreBody(u64),
    Discard,
    Abort,
    Done(Outcome),
}

/// What a notification wants now.
pub(crate) fn steps(notification: &mut Notification) -> Vec<Step> {
    std::iter::from_fn(|| notification.poll_output())
        .map(|output| match output {
            Output::Transmit(_) => Step::Transmit,
            Output::FindResponseFile => Step::FindResponseFile,
            Output::StoreBody { limit } => Step::StoreBody(limit),
            Output::Discard => Step::Discard,
            Output::Abort => Step::Abort,
            Output::Done(outcome) => Step::Done(outcome),
        })
        .collect()
}

const _: [&[u8]; 2] = [NOTIFICATION, ANSWER];
const _: fn() = || {
    let _ = (start, request, response, answer, by_reference, by_value, sent);
};
