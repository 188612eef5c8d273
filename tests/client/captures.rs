//! Windows BITS 6.7 against IIS 6.0: our client takes the captured Acks and sends what Windows sent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bits_proto::client::{
    Config, ConfigBuilder, ContentNamePackets, Entity, Event, Output, ReplyMode, State, Suspend, Timer,
    Transmit, TransportError, Upload,
};
use bits_proto::packet::Payload;
use http::{HeaderMap, Request};
use testing::clock;
use testing::http1;

/// The entity of both captures: rfc2119.txt, in one fragment.
const SIZE: u64 = 4892;

macro_rules! capture {
    ($path:literal) => {
        include_bytes!(concat!("../data/captures/", $path))
    };
}

/// Our client in the place of the one that was captured.
struct Replay {
    upload: Upload,
    now: Instant,
    events: Vec<Event>,
}

impl Replay {
    fn new(destination: &str, config: ConfigBuilder) -> Self {
        let now = clock::start();
        let entity = Entity::new(SIZE).unwrap().named("rfc2119.txt").unwrap();
        let config = config.content_name(ContentNamePackets::All).build().unwrap();
        let upload = Upload::new(now, destination.parse().unwrap(), entity, config).unwrap();
        Self { upload, now, events: Vec::new() }
    }

    /// The next request must match this capture; it is answered with that one.
    #[track_caller]
    fn exchange(&mut self, request: &[u8], ack: &[u8]) -> Payload {
        let transmit = self.next().expect("the client sends nothing");
        matches(&transmit.request, &http1::request(request));
        self.upload.handle_response(self.now, transmit.id, &http1::response(ack));
        transmit.request.into_body()
    }

    fn next(&mut self) -> Option<Transmit> {
        while let Some(output) = self.upload.poll_output() {
            match output {
                Output::Transmit(transmit) => return Some(transmit),
                Output::Event(event) => self.events.push(event),
                Output::Abort(id) => panic!("{id:?} is aborted"),
            }
        }
        None
    }

    fn events(&mut self) -> Vec<Event> {
        assert!(self.next().is_none(), "the client sends more than was captured");
        std::mem::take(&mut self.events)
    }
}

/// Sent and captured are the same in method, path, host, and `BITS-*` and `Content-*` headers.
#[track_caller]
fn matches(sent: &Request<Payload>, captured: &Request<()>) {
    assert_eq!(sent.method(), captured.method());
    assert_eq!(sent.uri().path_and_query(), captured.uri().path_and_query());
    assert_eq!(sent.uri().authority().unwrap().as_str(), captured.headers()["host"]);
    assert_eq!(protocol_headers(sent.headers()), protocol_headers(captured.headers()));
}

fn protocol_headers(headers: &HeaderMap) -> BTreeSet<(&str, &str)> {
    let ours = |name: &str| name.starts_with("bits-") || name.starts_with("content-");
    headers
        .iter()
        .filter(|(name, _)| ours(name.as_str()))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

#[test]
fn an_upload_that_was_suspended_after_its_fragment() {
    let mut replay = Replay::new("http://frankcao8/upload/2000mb-rfc2119.txt", Config::builder());
    replay.exchange(capture!("upload/01-create-session.req"), capture!("upload/02-create-session.ack"));

    // The Ping of the capture is what a client sends on resuming: it was suspended while the fragment was on its way.
    let fragment = replay.next().unwrap();
    replay.upload.suspend(replay.now, Suspend::Gracefully).unwrap();
    matches(&fragment.request, &http1::request(capture!("upload/03-fragment.req")));
    assert_eq!(fragment.request.body(), &Payload::Range(0..SIZE));
    let ack = http1::response(capture!("upload/04-fragment.ack"));
    replay.upload.handle_response(replay.now, fragment.id, &ack);
    let session_id = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}".parse().unwrap();
    assert_eq!(
        replay.events(),
        [Event::SessionCreated { session_id }, Event::Progress { acknowledged: SIZE }, Event::Suspended]
    );

    replay.upload.resume(replay.now).unwrap();
    replay.exchange(capture!("upload/05-ping.req"), capture!("upload/06-ping.ack"));
    replay.exchange(capture!("upload/07-close-session.req"), capture!("upload/08-close-session.ack"));
    assert_eq!(replay.events(), [Event::Completed { confirmed: true }]);
    assert_eq!(replay.upload.state(), State::Completed);
}

/// The upload-reply capture to where the session is on the host that the server named.
fn moved() -> Replay {
    let destination = "http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt";
    let mut replay = Replay::new(destination, Config::builder().reply(ReplyMode::Required));
    replay.exchange(
        capture!("upload-reply/01-create-session.req"),
        capture!("upload-reply/02-create-session.ack"),
    );
    replay.exchange(capture!("upload-reply/03-ping.req"), capture!("upload-reply/04-ping.ack"));
    let session_id = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse().unwrap();
    let host = "FRANKCAO8".parse().unwrap();
    assert_eq!(replay.events, [Event::SessionCreated { session_id }, Event::HostChanged { host }]);
    replay.events.clear();
    replay
}

#[test]
fn an_upload_with_reply_on_another_host() {
    let mut replay = moved();
    let body =
        replay.exchange(capture!("upload-reply/05-fragment.req"), capture!("upload-reply/08-fragment.ack"));
    assert_eq!(body, Payload::Range(0..SIZE));

    // The reply is fetched from where Windows fetched it: from the origin, not from the host that the server named.
    let get = http1::request(capture!("upload-reply/09-reply-get.req"));
    let events = replay.events();
    let [Event::Progress { acknowledged: SIZE }, Event::ReplyReady { url, trusted: true }] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(url.path_and_query(), get.uri().path_and_query());
    assert_eq!(url.authority().unwrap().as_str(), get.headers()["host"]);
    assert_eq!(url.scheme_str(), Some("http"));

    replay.upload.reply_fetched(replay.now).unwrap();
    replay.exchange(
        capture!("upload-reply/11-close-session.req"),
        capture!("upload-reply/12-close-session.ack"),
    );
    assert_eq!(replay.events(), [Event::Completed { confirmed: true }]);
}

#[test]
fn the_captured_fallback_timeout_is_110_seconds() {
    let mut replay = moved();
    let fragment = replay.next().unwrap();
    replay.upload.handle_transport_error(replay.now, fragment.id, TransportError::Unsent);
    while let Some((at, timer)) = replay.upload.next_timer() {
        if timer == Timer::HostFallback {
            assert_eq!(at - clock::start(), Duration::from_secs(110));
            return;
        }
        replay.now = at;
        replay.upload.handle_timeout(at);
        if let Some(ping) = replay.next() {
            replay.upload.handle_transport_error(replay.now, ping.id, TransportError::Unsent);
        }
    }
    panic!("the fallback timer does not run");
}
