//! The captured notification, deliveries and answers like it, and what a notification does step by step.

pub mod walk;

use std::time::Instant;

use bits_proto::ReplyUrl;
use bits_proto::notify::{Config, DataFiles, Delivery, Notification, Outcome, Output};
use http::Response;

pub use crate::clock::start;
pub use crate::http1::{request, response};

/// Windows BITS 6.7 against IIS 6.0: what the server sent to its application, and what that answered.
pub const NOTIFICATION: &[u8] =
    include_bytes!("../../../../tests/data/captures/upload-reply/06-notification.req");
pub const ANSWER: &[u8] = include_bytes!("../../../../tests/data/captures/upload-reply/07-notification.resp");

/// Where the captured upload went, and where its files were.
pub const DESTINATION: &str = "http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt";
pub const REQUEST_FILE: &str = r"C:\bits\web\upload-ref-isapi-WebFarm\BITS-Sessions\Requests\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\requestfile.bin";
pub const RESPONSE_FILE: &str = r"C:\bits\web\upload-ref-isapi-WebFarm\BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin";

/// What the captured client was told where the reply is.
pub const REPLY_URL: &str = r"BITS-Sessions\Replies\{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}\responsefile.bin";

/// A response of this status and these headers.
pub fn answer(status: u16, headers: &[(&str, &str)]) -> Response<()> {
    let response = Response::builder().status(status);
    headers.iter().fold(response, |head, (name, value)| head.header(*name, *value)).body(()).unwrap()
}

/// As in the captures.
pub fn by_reference() -> Delivery<'static> {
    Delivery::ByReference(DataFiles {
        request: REQUEST_FILE.parse().unwrap(),
        response: RESPONSE_FILE.parse().unwrap(),
    })
}

pub fn by_value(size: u64) -> Delivery<'static> {
    Delivery::ByValue { size }
}

pub fn reply_url(url: &str) -> ReplyUrl<'static> {
    ReplyUrl::from_bytes(url.as_bytes().to_vec()).unwrap()
}

/// A notification as in the captures, with a place for replies, and not yet sent.
pub fn notification(now: Instant, delivery: Delivery<'static>, config: Config) -> Notification {
    let url = "/bitsasp/test.REPLY".parse().unwrap();
    let destination = DESTINATION.parse().unwrap();
    Notification::new(now, &url, &destination, delivery, config)
        .unwrap()
        .with_stored_reply(reply_url(REPLY_URL))
}

/// The same, and it was sent.
pub fn sent(now: Instant, delivery: Delivery<'static>, config: Config) -> Notification {
    let mut notification = notification(now, delivery, config);
    assert_eq!(steps(&mut notification), [Step::Transmit]);
    notification.handle_sent(now);
    notification
}

/// An output, as far as tests compare it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Transmit,
    FindResponseFile,
    StoreBody(u64),
    Discard,
    Abort,
    Done(Outcome),
}

/// What a notification wants now.
pub fn steps(notification: &mut Notification) -> Vec<Step> {
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
