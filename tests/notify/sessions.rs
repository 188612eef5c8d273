//! A session, its notification and the server application joined: what the client gets.

use std::time::{Duration, Instant};

use bits_proto::notify::{
    Application, Config, Delivery, Failure, Notification, NotificationType, NotificationUrl, Outcome, Timer,
};
use bits_proto::packet::{
    Ack, CancelSession, CloseSession, CreateSession, ErrorAck, Fragment, FragmentAck, FragmentStatus,
    PacketType, Request,
};
use bits_proto::server::{Directory, DirectoryBuilder, Exchange, Output, Refusal, Report, Sessions, State};
use bits_proto::{Conformance, ContentRange, ErrorContext, Hresult, Malformed, ProtocolId, SessionId};
use http::{Response, StatusCode};
use testing::notify::*;

const SIZE: u64 = 4892;

/// The sixteen bytes of which the captured session's id is made.
const SESSION: [u8; 16] =
    [0xC8, 0x5B, 0x4E, 0x0A, 0x9E, 0xB9, 0x41, 0x14, 0xBF, 0xA4, 0x8A, 0x43, 0xB4, 0x71, 0x00, 0x91];

/// What the application does with one notification.
#[derive(Clone, Debug)]
enum Answer {
    /// Answers with this head, and writes the response file or not.
    Head(Response<()>, bool),
    /// Answers with a reply of so many bytes as the body.
    Body(u64),
    /// Cannot be reached.
    Unreachable,
    /// Never answers.
    Silence,
}

/// A server with its back-end client, and a client without a network.
struct Server {
    now: Instant,
    sessions: Sessions,
    answers: Vec<Answer>,
    notified: u32,
    published: u32,
    discarded: u32,
    reply_url: &'static str,
}

fn notify_by(notification: fn(NotificationUrl) -> NotificationType) -> DirectoryBuilder {
    Directory::builder().notification(notification("/bitsasp/test.REPLY".parse().unwrap()))
}

/// A server whose application answers so, one notification after the other, and the client's upload but for its last
/// fragment.
fn server(directory: DirectoryBuilder, answers: &[Answer]) -> Server {
    let mut answers = answers.to_vec();
    answers.reverse();
    let mut server = Server {
        now: start(),
        sessions: Sessions::new(directory.build().unwrap()),
        answers,
        notified: 0,
        published: 0,
        discarded: 0,
        reply_url: REPLY_URL,
    };
    let create = CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name: None };
    let created = server.exchange(&Request::CreateSession(create));
    assert_eq!(created.status(), StatusCode::OK);
    server
}

fn accepted() -> Answer {
    Answer::Head(response(ANSWER), true)
}

fn refused(status: u16, headers: &[(&str, &str)]) -> Answer {
    Answer::Head(answer(status, headers), false)
}

fn session_id() -> SessionId {
    "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse().unwrap()
}

impl Server {
    fn exchange(&mut self, request: &Request<'_>) -> Ack<'static> {
        let head = request.to_http(&DESTINATION.parse().unwrap());
        let exchange = self.sessions.handle_request(self.now, &head, &(), || SESSION).unwrap();
        loop {
            let output = self.sessions.poll_output(self.now, exchange).expect("one exchange at a time");
            let report = match output {
                Output::Admit => Report::Admitted,
                Output::Open => Report::Opened,
                Output::Store(store) => Report::Stored(store.length()),
                Output::Notify { .. } => self.notify(exchange).into(),
                Output::Save(_) => Report::Saved,
                Output::Forget => Report::Forgotten,
                Output::Publish { .. } => {
                    self.published += 1;
                    Report::Published
                }
                Output::Discard => {
                    self.discarded += 1;
                    Report::Discarded
                }
                Output::Respond(ack) => return ack,
                Output::Done => panic!("a client waits"),
            };
            self.sessions.handle_report(self.now, exchange, report);
        }
    }

    /// Runs one notification, as the back-end client and as the application.
    fn notify(&mut self, exchange: Exchange) -> Outcome {
        self.notified += 1;
        let session = self.sessions.get(exchange.session().unwrap()).unwrap();
        let destination = format!("http://frankcao8{}", session.destination()).parse().unwrap();
        let (url, delivery) = match self.sessions.directory().notification() {
            NotificationType::ByReference(url) => (url, by_reference()),
            NotificationType::ByValue(url) => (url, by_value(session.received())),
            NotificationType::None => panic!("nobody is to be notified"),
        };
        let config = Config::builder().conformance(self.sessions.directory().conformance()).build().unwrap();
        let mut notification = Notification::new(self.now, url, &destination, delivery, config)
            .unwrap()
            .with_stored_reply(reply_url(self.reply_url));
        let answer = self.answers.pop().expect("one notification too many");
        loop {
            let Some(output) = notification.poll_output() else {
                let due = notification.poll_timeout().expect("something to wait for");
                self.now = due;
                notification.handle_timeout(due);
                continue;
            };
            match (output, &answer) {
                (bits_proto::notify::Output::Transmit(transmit), answer) => {
                    self.transmitted(&mut notification, transmit.request, answer);
                }
                (bits_proto::notify::Output::FindResponseFile, Answer::Head(_, exists)) => {
                    notification.handle_response_file(*exists);
                }
                (bits_proto::notify::Output::StoreBody { .. }, Answer::Body(size)) => {
                    notification.handle_body(*size);
                    notification.handle_body_end();
                }
                (bits_proto::notify::Output::Done(outcome), _) => return outcome,
                (_, Answer::Head(..)) => notification.handle_body_end(),
                _ => {}
            }
        }
    }

    fn transmitted<B>(&self, notification: &mut Notification, request: http::Request<B>, answer: &Answer) {
        let head = request.map(drop);
        let read = Application::new(Conformance::Strict).read(&head).unwrap().unwrap();
        assert_eq!(read.destination.to_uri().unwrap(), DESTINATION);
        notification.handle_sent(self.now);
        match answer {
            Answer::Head(response, _) => notification.handle_response(self.now, response),
            Answer::Body(size) => {
                assert_eq!(read.delivery, Delivery::ByValue { size: SIZE });
                let response = read.reply_in_body(*size).unwrap().to_response();
                notification.handle_response(self.now, &response);
            }
            Answer::Unreachable => notification.handle_transport_error(),
            Answer::Silence => {}
        }
    }

    fn last_fragment(&mut self) -> Ack<'static> {
        let range = Some(ContentRange::new(0..SIZE, SIZE).unwrap());
        self.exchange(&Request::Fragment(Fragment { session_id: session_id(), range, content_name: None }))
    }

    fn close(&mut self) -> Ack<'static> {
        self.exchange(&Request::CloseSession(CloseSession { session_id: session_id(), content_name: None }))
    }

    /// The error that the last fragment is answered with.
    fn refusal(&mut self) -> (u16, Option<Hresult>, Option<ErrorContext>) {
        let Ack::Error(ack) = self.last_fragment() else { panic!("no error") };
        assert_eq!((ack.session_id, ack.received), (Some(session_id()), Some(SIZE)));
        (ack.status.as_u16(), ack.code, ack.context)
    }
}

fn taken(url: Option<&str>) -> Ack<'static> {
    Ack::Fragment(FragmentAck {
        status: FragmentStatus::Accepted,
        session_id: Some(session_id()),
        received: Some(SIZE),
        reply_url: url.map(reply_url),
    })
}

const APPLICATION: Option<ErrorContext> = Some(ErrorContext::REMOTE_APPLICATION);

/// `upload-reply/05` to `08`.
#[test]
fn the_captured_conversation_ends_with_the_captured_ack() {
    let mut server = server(notify_by(NotificationType::ByReference), &[accepted()]);
    let fragment = request(include_bytes!("../data/captures/upload-reply/05-fragment.req"));
    let packet = Request::decode(&fragment, Conformance::Strict).unwrap().unwrap();
    let ours = server.exchange(&packet).to_response();
    let captured = response(include_bytes!("../data/captures/upload-reply/08-fragment.ack"));
    assert_eq!(ours.status(), captured.status());
    for name in
        ["bits-packet-type", "bits-received-content-range", "bits-reply-url", "content-length", "pragma"]
    {
        assert_eq!(ours.headers()[name], captured.headers()[name], "{name}");
    }
    let read = Ack::decode(&captured, PacketType::Fragment, Conformance::Interop).unwrap().unwrap();
    let Ack::Fragment(read) = read else { panic!("{read:?}") };
    assert_eq!(read.reply_url, Some(reply_url(REPLY_URL)));
}

#[test]
fn c10_a_finished_notification_is_never_repeated() {
    let mut server = server(notify_by(NotificationType::ByReference), &[accepted()]);
    for _ in 0..3 {
        assert_eq!(server.last_fragment(), taken(Some(REPLY_URL)));
    }
    assert_eq!(server.notified, 1);
    assert!(matches!(server.close(), Ack::CloseSession(_)));
    assert_eq!(server.notified, 1);
}

#[test]
fn a_failed_notification_is_repeated_with_the_clients_repeat() {
    let answers = [
        Answer::Unreachable,
        refused(503, &[]),
        Answer::Silence,
        refused(409, &[]),
        refused(400, &[]),
        accepted(),
    ];
    let mut server = server(notify_by(NotificationType::ByReference), &answers);
    for expected in [502, 503, 408, 409, 400] {
        assert_eq!(server.refusal().0, expected);
        let session = server.sessions.iter().next().unwrap();
        assert_eq!((session.state(), session.received()), (State::Notifying, SIZE));
    }
    assert_eq!(server.last_fragment(), taken(Some(REPLY_URL)));
    assert_eq!(server.notified, 6);
}

#[test]
fn c22_a_403_is_final() {
    let own = ("BITS-Error", "0x80040001");
    let mut server = server(notify_by(NotificationType::ByReference), &[refused(403, &[own])]);
    for _ in 0..3 {
        assert_eq!(server.refusal(), (403, Some(Hresult::new(0x8004_0001)), APPLICATION));
    }
    assert_eq!(server.notified, 1);
    let cancelled = server.exchange(&Request::CancelSession(CancelSession { session_id: session_id() }));
    assert!(matches!(cancelled, Ack::CancelSession(_)));
}

#[test]
fn c12_a_close_before_the_application_took_the_entity_is_refused() {
    let mut server = server(notify_by(NotificationType::ByReference), &[refused(500, &[]), accepted()]);
    server.refusal();
    let Ack::Error(ErrorAck { status, .. }) = server.close() else { panic!("closed") };
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(server.last_fragment(), taken(Some(REPLY_URL)));
}

/// The status goes on as it is, and with it the code, or else the code of the status.
#[test]
fn c22_what_the_application_says_the_client_hears() {
    for status in [300, 301, 304, 307, 308, 400, 401, 404, 408, 409, 410, 416, 451, 500, 501, 503, 505, 599] {
        let wrapped = Hresult::new(0x8019_0000 | u32::from(status));
        for (headers, code) in [
            (&[][..], wrapped),
            (&[("BITS-Error", "0x80040001")], Hresult::new(0x8004_0001)),
            (&[("BITS-Error-Code", "0x80040001")], Hresult::new(0x8004_0001)),
            (&[("BITS-Error", "0x0")], wrapped),
            (&[("BITS-Error", "oops")], wrapped),
        ] {
            let mut server = server(notify_by(NotificationType::ByValue), &[refused(status, headers)]);
            assert_eq!(server.refusal(), (status, Some(code), APPLICATION), "{headers:?}");
        }
    }
}

#[test]
fn c21_an_answer_against_the_rules_is_500() {
    let long = "x".repeat(4097);
    for headers in [
        &[("BITS-Static-Response-URL", "/relative")][..],
        &[("BITS-Static-Response-URL", &long)],
        &[("Content-Length", "oops")],
        &[("Content-Encoding", "gzip"), ("Content-Length", "5")],
        &[("Content-Length", "99999999999")],
    ] {
        let mut server = server(notify_by(NotificationType::ByValue), &[refused(200, headers)]);
        assert_eq!(server.refusal(), (500, Some(Hresult::E_INVALIDARG), APPLICATION), "{headers:?}");
    }
    // Statuses that HTTP does not have, or that are no answer.
    for status in [600, 101, 103] {
        let mut server = server(notify_by(NotificationType::ByValue), &[refused(status, &[])]);
        assert_eq!(server.refusal(), (500, Some(Hresult::E_INVALIDARG), APPLICATION), "{status}");
    }
    // A success that is none has a code of its own.
    let contradiction = [("BITS-Error", "0x80004005"), ("Content-Length", "0")];
    let mut server = server(notify_by(NotificationType::ByValue), &[refused(200, &contradiction)]);
    assert_eq!(server.refusal(), (500, Some(Hresult::new(0x8000_4005)), APPLICATION));
}

#[test]
fn c21_a_silent_application_is_408() {
    for (conformance, code) in [
        (Conformance::Interop, Hresult::ERROR_TIMEOUT),
        (Conformance::Strict, Hresult::ERROR_DISK_FULL_AS_PRINTED),
    ] {
        let directory = notify_by(NotificationType::ByReference).conformance(conformance);
        let mut server = server(directory, &[Answer::Silence]);
        let began = server.now;
        assert_eq!(server.refusal(), (408, Some(code), APPLICATION));
        assert_eq!(server.now - began, Duration::from_secs(300));
    }
}

#[test]
fn an_application_out_of_reach_is_502() {
    let mut server = server(notify_by(NotificationType::ByValue), &[Answer::Unreachable]);
    assert_eq!(server.refusal(), (502, Some(Hresult::new(0x8019_01F6)), APPLICATION));
}

#[test]
fn a_reply_by_value_is_the_body() {
    let mut server = server(notify_by(NotificationType::ByValue), &[Answer::Body(9977)]);
    assert_eq!(server.last_fragment(), taken(Some(REPLY_URL)));
}

#[test]
fn c45_an_empty_body_is_no_reply() {
    let mut server = server(notify_by(NotificationType::ByValue), &[Answer::Body(0)]);
    assert_eq!(server.last_fragment(), taken(None));
}

#[test]
fn c44_a_static_reply_url_reaches_the_client_as_it_is() {
    let url = "http://application:8080/replies/{1}?a=b";
    let answer = Answer::Head(answer(200, &[("BITS-Static-Response-URL", url)]), true);
    let mut server = server(notify_by(NotificationType::ByReference), &[answer]);
    assert_eq!(server.last_fragment(), taken(Some(url)));
}

/// Section 4, and §2.2.1.2.
#[test]
fn a_reply_url_of_over_2200_characters_is_400() {
    let url = |length: usize| format!("http://application/{}", "x".repeat(length - 19));
    for (length, status) in [(2200, None), (2201, Some(400)), (4096, Some(400))] {
        let url = url(length);
        let answer = Answer::Head(answer(200, &[("BITS-Static-Response-URL", &url)]), false);
        let mut server = server(notify_by(NotificationType::ByReference), &[answer]);
        match status {
            None => assert_eq!(server.last_fragment(), taken(Some(&url))),
            Some(status) => {
                let server_itself = Some(ErrorContext::REMOTE_FILE);
                assert_eq!(server.refusal(), (status, Some(Hresult::E_INVALIDARG), server_itself));
            }
        }
    }
}

#[test]
fn c42_the_entity_is_published_only_if_the_application_says_so() {
    for (headers, published) in [(&[][..], 0), (&[("BITS-Copy-File-To-Destination", "")], 1)] {
        let answer = Answer::Head(answer(200, headers), false);
        let mut server = server(notify_by(NotificationType::ByReference), &[answer]);
        server.last_fragment();
        assert!(matches!(server.close(), Ack::CloseSession(_)));
        assert_eq!((server.published, server.discarded), (published, 1 - published));
    }
}

#[test]
fn c13_an_empty_entity_is_notified_when_the_session_is_closed() {
    let copied = answer(200, &[("BITS-Copy-File-To-Destination", ""), ("Content-Length", "0")]);
    let answers = [refused(503, &[]), Answer::Head(copied, false)];
    let mut server = server(notify_by(NotificationType::ByReference), &answers);
    let Ack::Error(ack) = server.close() else { panic!("closed") };
    assert_eq!((ack.status.as_u16(), ack.context), (503, APPLICATION));
    assert!(matches!(server.close(), Ack::CloseSession(_)));
    assert_eq!((server.notified, server.published), (2, 1));
}

#[test]
fn a_failure_tells_an_operator_what_to_look_at() {
    let status = StatusCode::CONFLICT;
    for (failure, text) in [
        (
            Failure::Refused { status, code: Some(Hresult::E_ACCESSDENIED) },
            "status 409 Conflict, error 0x80070005",
        ),
        (Failure::Refused { status, code: None }, "refused: status 409 Conflict"),
        (
            Failure::Malformed(Malformed::HeaderInvalid("BITS-Static-Response-URL")),
            "BITS-Static-Response-URL",
        ),
        (Failure::ReplyTooLarge { limit: 10 }, "larger than 10 bytes"),
        (Failure::Transport, "connection"),
        (Failure::Timeout(Timer::Send), "sending"),
        (Failure::Timeout(Timer::Response), "did not answer in time"),
        (Failure::Server(Refusal::DiskFull), "this server"),
    ] {
        assert!(failure.to_string().contains(text), "{failure}");
    }
}
