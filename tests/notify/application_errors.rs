//! A client's reaction to errors of a server application, which come with context 0x7.

use std::time::Instant;

use bits_proto::client::{Config, Entity, Event, Failure, Output, Reason, Transmit, Upload};
use bits_proto::packet::{
    Ack, CreateSessionAck, ErrorAck, FragmentAck, FragmentStatus, PacketType, PingAck, Request,
};
use bits_proto::{Conformance, ErrorContext, Hresult, SessionId};
use http::{Response, StatusCode};

const SIZE: u64 = 100_000;

fn session_id() -> SessionId {
    "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
fn start() -> Instant {
    Instant::now()
}

/// The next request of an upload, past its events.
fn next_transmit(upload: &mut Upload) -> Transmit {
    while let Some(output) = upload.poll_output() {
        if let Output::Transmit(transmit) = output {
            return transmit;
        }
    }
    panic!("nothing to send in {:?}", upload.state());
}

fn application_error(status: u16) -> ErrorAck {
    let status = StatusCode::from_u16(status).unwrap();
    let code = Hresult::from_http_status(status);
    ErrorAck { received: Some(SIZE), ..ErrorAck::new(status, code, ErrorContext::REMOTE_APPLICATION) }
}

/// The events after the only fragment of an upload was answered with an error of the application.
fn events_after(status: u16) -> Vec<Event> {
    let now = start();
    let config = Config::builder().fragment_size(SIZE).build().unwrap();
    let destination = "http://server/upload/a.bin".parse().unwrap();
    let mut upload = Upload::new(now, destination, Entity::new(SIZE).unwrap(), config).unwrap();
    let create = next_transmit(&mut upload);
    let created = Ack::CreateSession(CreateSessionAck::new(session_id())).to_response();
    upload.handle_response(now, create.id, &created);
    let fragment = next_transmit(&mut upload);
    upload.handle_response(now, fragment.id, &Ack::Error(application_error(status)).to_response());
    let mut events = Vec::new();
    while let Some(output) = upload.poll_output() {
        match output {
            Output::Event(event) => events.push(event),
            other => panic!("{status}: {other:?}"),
        }
    }
    events
}

#[test]
fn c22_the_applications_fatal_statuses_fail_the_upload() {
    for status in [300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 403, 404, 407, 410, 413, 416, 501, 505] {
        let events = events_after(status);
        let [Event::Failed(failure)] = &events[..] else { panic!("{status}: {events:?}") };
        assert_eq!(failure.reason, Reason::Refused, "{status}");
        assert_eq!(failure.status.map(|status| status.as_u16()), Some(status));
        assert_eq!(failure.context, Some(ErrorContext::REMOTE_APPLICATION), "{status}");
    }
}

#[test]
fn c22_the_applications_transient_statuses_are_waited_out() {
    for status in [306, 408, 409, 500, 502, 503, 504, 599] {
        let events = events_after(status);
        let [Event::Waiting { cause: Failure { status: Some(cause), .. }, .. }] = &events[..] else {
            panic!("{status}: {events:?}")
        };
        assert_eq!(cause.as_u16(), status);
    }
}

#[test]
fn c22_a_416_of_the_application_is_an_error_and_one_of_the_server_an_offset() {
    let read = |response: &Response<()>| {
        Ack::decode(response, PacketType::Fragment, Conformance::Interop).unwrap().unwrap().into_owned()
    };
    let error = Ack::Error(application_error(416));
    assert_eq!(read(&error.to_response()), error);
    // Q11: whatever else a server says beside it.
    let invalid = ErrorAck { context: Some(ErrorContext::REMOTE_FILE), ..application_error(416) };
    let Ack::Fragment(ack) = read(&Ack::Error(invalid).to_response()) else { panic!("an offset") };
    assert_eq!(
        ack,
        FragmentAck {
            status: FragmentStatus::OutOfStep,
            session_id: None,
            received: Some(SIZE),
            reply_url: None
        }
    );
}

#[test]
fn a_refused_upload_can_be_resumed_and_notifies_again() {
    let now = start();
    let config = Config::builder().fragment_size(SIZE).build().unwrap();
    let destination = "http://server/upload/a.bin".parse().unwrap();
    let mut upload = Upload::new(now, destination, Entity::new(SIZE).unwrap(), config).unwrap();
    let create = next_transmit(&mut upload);
    let created = Ack::CreateSession(CreateSessionAck::new(session_id())).to_response();
    upload.handle_response(now, create.id, &created);
    let fragment = next_transmit(&mut upload);
    upload.handle_response(now, fragment.id, &Ack::Error(application_error(416)).to_response());
    upload.resume(now).unwrap();
    let ping = next_transmit(&mut upload);
    upload.handle_response(now, ping.id, &Ack::Ping(PingAck).to_response());
    let repeat = next_transmit(&mut upload).request;
    let (parts, _) = repeat.into_parts();
    let Ok(Some(Request::Fragment(fragment))) = Request::decode(&parts, Conformance::Strict) else {
        panic!("{parts:?}")
    };
    assert_eq!(fragment.range.unwrap().end(), SIZE);
}
