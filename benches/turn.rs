//! One turn of each machine, beside the same work written by hand on the types of `http`.
//!
//! A server's turn: hand the head of a Fragment to the table, report the bytes stored, take the Ack and encode it. Neither
//! server keeps records. A client's turn: hand over the Ack of a Fragment, take the request for the next one.
//!
//! `cargo bench --bench turn` prints nanoseconds for both and their ratio; `-- --quick` takes a second or two.
//! The rounds of the two alternate, so that a busy machine slows both down, and the medians are compared.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its arguments")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints what it finds")]

mod counting;

use std::hint::black_box;
use std::time::Instant;

use bits_proto::client::{self, Config, Entity, Transmit, Upload};
use bits_proto::packet::{Ack, CreateSession, CreateSessionAck, Fragment, FragmentAck, Payload, Request};
use bits_proto::server::{self, Directory, Exchange, Keep, Report, Sessions};
use bits_proto::{ContentName, ContentRange, Guid, ProtocolId, SessionId};
use http::Uri;
use http::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};

/// How many fragments one round uploads, and the size of each.
const FRAGMENTS: u64 = 1000;
const FRAGMENT_SIZE: u64 = 1024 * 1024;
const TOTAL: u64 = FRAGMENTS * FRAGMENT_SIZE;

const RANDOM: [u8; 16] = [7; 16];
const NAME: &str = "rfc2119.txt";

fn main() {
    // Without `--bench`, `cargo test --all-targets` only asks whether it runs.
    let quick = !std::env::args().any(|arg| arg == "--bench") || std::env::args().any(|arg| arg == "--quick");
    let rounds = if quick { 21 } else { 501 };

    let destination = Uri::from_static("http://frankcao8/upload/2000mb-rfc2119.txt");
    let session_id = SessionId::from(Guid::from_random(RANDOM));
    let requests: Vec<_> = (0..FRAGMENTS).map(|index| fragment(index, session_id, &destination)).collect();
    let acks: Vec<_> = (0..FRAGMENTS).map(|index| fragment_ack(index, session_id)).collect();

    // Both sides must do the same before they are timed.
    let mut ours = OurServer::new(&destination);
    let mut theirs = by_hand::Server::new(session_id, &destination);
    for (request, ack) in requests.iter().zip(&acks) {
        assert_same_response(&ours.turn(request), ack);
        assert_same_response(&theirs.turn(request), ack);
    }
    let mut ours = OurClient::new(&destination, session_id);
    let mut theirs = by_hand::Client::new(session_id, &destination);
    for (ack, request) in acks.iter().zip(&requests[1..]) {
        assert_same_request(&ours.turn(ack), request);
        assert_same_request(&theirs.turn(ack).expect("an Ack"), request);
    }

    println!("{:<24} {:>9} {:>9} {:>7}", "", "ours", "by hand", "ratio");
    compare(
        "a server's turn",
        rounds,
        || {
            let mut server = OurServer::new(&destination);
            nanoseconds(&requests, |request| server.turn(request))
        },
        || {
            let mut server = by_hand::Server::new(session_id, &destination);
            nanoseconds(&requests, |request| server.turn(request))
        },
    );
    // The last Ack is followed by no Fragment.
    let acks = &acks[..acks.len() - 1];
    compare(
        "a client's turn",
        rounds,
        || {
            let mut client = OurClient::new(&destination, session_id);
            nanoseconds(acks, |ack| client.turn(ack))
        },
        || {
            let mut client = by_hand::Client::new(session_id, &destination);
            nanoseconds(acks, |ack| client.turn(ack))
        },
    );
}

/// A Fragment as a server's HTTP stack hands it over (`upload/03-fragment.req`, with a larger file).
fn fragment(index: u64, session_id: SessionId, destination: &Uri) -> http::Request<()> {
    let start = index * FRAGMENT_SIZE;
    let fragment = Request::Fragment(Fragment {
        session_id,
        range: ContentRange::new(start..start + FRAGMENT_SIZE, TOTAL).ok(),
        content_name: ContentName::new(NAME).ok(),
    });
    let mut request = fragment.to_http(destination).map(drop);
    let of_the_stack = [
        (ACCEPT, "*/*"),
        (HOST, "frankcao8"),
        (USER_AGENT, "Microsoft BITS/6.7"),
        (CONNECTION, "Keep-Alive"),
    ];
    let of_the_stack = of_the_stack.map(|(name, value)| (name, HeaderValue::from_static(value)));
    request.headers_mut().extend(of_the_stack);
    request
}

/// Its Ack as a client's HTTP stack hands it over.
fn fragment_ack(index: u64, session_id: SessionId) -> http::Response<()> {
    Ack::Fragment(FragmentAck::accepted(session_id, (index + 1) * FRAGMENT_SIZE)).to_response()
}

struct OurServer {
    now: Instant,
    sessions: Sessions,
}

impl OurServer {
    /// A server with a session that waits for its first Fragment.
    fn new(destination: &Uri) -> Self {
        let directory = Directory::builder().keep(Keep::Nothing).build().expect("a directory");
        let mut server = Self { now: Instant::now(), sessions: Sessions::new(directory) };
        let create = CreateSession { protocols: ProtocolId::BITS_1_5.into(), content_name: None };
        let (exchange, output) = server.begin(&Request::CreateSession(create).to_http(destination).map(drop));
        assert_eq!(output, server::Output::Open);
        assert!(matches!(server.report(exchange, Report::Opened), server::Output::Respond(_)));
        server
    }

    fn turn(&mut self, head: &http::Request<()>) -> http::Response<()> {
        let (exchange, output) = self.begin(head);
        let server::Output::Store(store) = output else { panic!("{output:?}") };
        match self.report(exchange, Report::Stored(store.length())) {
            server::Output::Respond(ack) => ack.to_response(),
            output => panic!("{output:?}"),
        }
    }

    fn begin(&mut self, head: &http::Request<()>) -> (Exchange, server::Output) {
        let exchange = self.sessions.handle_request(self.now, head, &(), || RANDOM);
        let exchange = exchange.expect("a BITS request");
        (exchange, self.output(exchange))
    }

    fn report(&mut self, exchange: Exchange, report: Report) -> server::Output {
        self.sessions.handle_report(self.now, exchange, report);
        self.output(exchange)
    }

    fn output(&mut self, exchange: Exchange) -> server::Output {
        assert_eq!(self.sessions.poll_signal(), None, "no task to stop or to wake");
        self.sessions.poll_output(self.now, exchange).expect("nobody else is at work")
    }
}

struct OurClient {
    now: Instant,
    upload: Upload,
    under_way: Transmit,
}

impl OurClient {
    /// A client that has sent its first Fragment.
    fn new(destination: &Uri, session_id: SessionId) -> Self {
        let now = Instant::now();
        let entity = Entity::new(TOTAL).expect("a size").named(NAME).expect("a name");
        let config = Config::builder().fragment_size(FRAGMENT_SIZE).build().expect("a configuration");
        let mut upload = Upload::new(now, destination.clone(), entity, config).expect("a destination");
        let under_way = next_request(&mut upload);
        let mut client = Self { now, upload, under_way };
        client.answered(&Ack::CreateSession(CreateSessionAck::new(session_id)).to_response());
        client
    }

    fn turn(&mut self, response: &http::Response<()>) -> http::Request<Payload> {
        self.answered(response);
        std::mem::take(&mut self.under_way.request)
    }

    fn answered(&mut self, response: &http::Response<()>) {
        self.upload.handle_sent(self.now, self.under_way.id);
        self.upload.handle_response(self.now, self.under_way.id, response);
        self.under_way = next_request(&mut self.upload);
    }
}

fn next_request(upload: &mut Upload) -> Transmit {
    loop {
        match upload.poll_output().expect("a request") {
            client::Output::Transmit(transmit) => return transmit,
            client::Output::Event(_) | client::Output::Abort(_) => {}
        }
    }
}

/// The floor: what a careful program would write for an upload where nothing ever goes wrong. It validates what matters
/// (method, type, session, destination, range, length) and answers everything else with one error; no repeats, gaps,
/// retries, timers, owners, or second request at the same time.
mod by_hand {
    use std::collections::HashMap;

    use bits_proto::SessionId;
    use bits_proto::packet::Payload;
    use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, PRAGMA};
    use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

    use super::{FRAGMENT_SIZE, NAME, TOTAL};

    const PACKET_TYPE: HeaderName = HeaderName::from_static("bits-packet-type");
    const SESSION_ID: HeaderName = HeaderName::from_static("bits-session-id");
    const CONTENT_NAME: HeaderName = HeaderName::from_static("content-name");
    const RECEIVED: HeaderName = HeaderName::from_static("bits-received-content-range");

    pub(super) struct Server {
        sessions: HashMap<[u8; 16], Session>,
    }

    struct Session {
        destination: String,
        next: u64,
        total: Option<u64>,
    }

    impl Server {
        pub(super) fn new(session_id: SessionId, destination: &Uri) -> Self {
            let session = Session { destination: destination.path().to_owned(), next: 0, total: None };
            let id = guid(session_id.as_bytes()).expect("an id of this server");
            Self { sessions: HashMap::from_iter([(id, session)]) }
        }

        pub(super) fn turn(&mut self, request: &http::Request<()>) -> http::Response<()> {
            self.fragment(request).unwrap_or_else(|| {
                let mut response = http::Response::new(());
                *response.status_mut() = StatusCode::BAD_REQUEST;
                response
            })
        }

        fn fragment(&mut self, request: &http::Request<()>) -> Option<http::Response<()>> {
            let headers = request.headers();
            let is_fragment = headers.get(PACKET_TYPE)?.as_bytes().eq_ignore_ascii_case(b"Fragment");
            if request.method().as_str() != "BITS_POST" || !is_fragment {
                return None;
            }
            let id = headers.get(SESSION_ID)?;
            let session = self.sessions.get_mut(&guid(id.as_bytes())?)?;
            let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
            let (range, total) = range.split_once('/')?;
            let (first, last) = range.split_once('-')?;
            let (first, last, total) = (number(first)?, number(last)?, number(total)?);
            let length = number(headers.get(CONTENT_LENGTH)?.to_str().ok()?)?;
            let fits =
                first <= last && last < total && last - first + 1 == length && total <= i64::MAX as u64;
            let agrees = session.total.is_none_or(|known| known == total);
            let in_step = first == session.next && session.destination == request.uri().path();
            if !(fits && agrees && in_step) {
                return None;
            }
            session.total = Some(total);
            // Here the body is stored.
            session.next = last + 1;
            let mut response = http::Response::new(());
            let headers = response.headers_mut();
            put(headers, PRAGMA, HeaderValue::from_static("no-cache"));
            put(headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
            put(headers, PACKET_TYPE, HeaderValue::from_static("Ack"));
            put(headers, RECEIVED, HeaderValue::from(session.next));
            put(headers, SESSION_ID, id.clone());
            put(headers, CONTENT_LENGTH, HeaderValue::from(0));
            Some(response)
        }
    }

    pub(super) struct Client {
        session_id: SessionId,
        destination: Uri,
        sent: u64,
    }

    impl Client {
        /// A client that has sent its first Fragment.
        pub(super) fn new(session_id: SessionId, destination: &Uri) -> Self {
            Self { session_id, destination: destination.clone(), sent: FRAGMENT_SIZE }
        }

        pub(super) fn turn(&mut self, response: &http::Response<()>) -> Option<http::Request<Payload>> {
            let headers = response.headers();
            let is_ack = headers.get(PACKET_TYPE)?.as_bytes().eq_ignore_ascii_case(b"Ack");
            if response.status() != StatusCode::OK || !is_ack {
                return None;
            }
            let same_session = headers.get(SESSION_ID)? == self.session_id.as_str();
            let first = number(headers.get(RECEIVED)?.to_str().ok()?)?;
            if !same_session || first > self.sent || first >= TOTAL {
                return None;
            }
            let end = TOTAL.min(first + FRAGMENT_SIZE);
            self.sent = end;
            let mut request = http::Request::new(Payload::Range(first..end));
            *request.method_mut() = Method::from_bytes(b"BITS_POST").expect("a method");
            *request.uri_mut() = self.destination.clone();
            let headers = request.headers_mut();
            put(headers, PACKET_TYPE, HeaderValue::from_static("Fragment"));
            put(headers, SESSION_ID, HeaderValue::from_str(self.session_id.as_str()).ok()?);
            put(headers, CONTENT_NAME, HeaderValue::from_static(NAME));
            let range = format!("bytes {first}-{}/{TOTAL}", end - 1);
            put(headers, CONTENT_RANGE, HeaderValue::try_from(range).ok()?);
            put(headers, CONTENT_LENGTH, HeaderValue::from(end - first));
            Some(request)
        }
    }

    /// The bytes of a GUID in braces, as this server issues it.
    fn guid(text: &[u8]) -> Option<[u8; 16]> {
        const FIRST_DIGITS: [usize; 16] = [1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35];
        let text: &[u8; 38] = text.try_into().ok()?;
        if [text[0], text[9], text[14], text[19], text[24], text[37]] != *b"{----}" {
            return None;
        }
        let (mut guid, mut illegal) = ([0; 16], 0);
        for (byte, at) in guid.iter_mut().zip(FIRST_DIGITS) {
            let (high, low) = (DIGITS[usize::from(text[at])], DIGITS[usize::from(text[at + 1])]);
            illegal |= high | low;
            *byte = high << 4 | low;
        }
        (illegal < 0x10).then_some(guid)
    }

    /// The value of each hexadecimal digit, and 0xFF for all other bytes.
    const DIGITS: [u8; 256] = {
        let mut table = [0xFF; 256];
        let mut value = 0;
        while value < 16 {
            table[b"0123456789abcdef"[value] as usize] = value as u8;
            table[b"0123456789ABCDEF"[value] as usize] = value as u8;
            value += 1;
        }
        table
    };

    fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        headers.try_insert(name, value).expect("room for a header");
    }

    /// Digits alone: `parse` would take a sign.
    fn number(text: &str) -> Option<u64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    }
}

fn assert_same_response(one: &http::Response<()>, other: &http::Response<()>) {
    assert_eq!((one.status(), one.headers()), (other.status(), other.headers()));
}

/// The request that a client sends is the one that a server receives, but for what HTTP stacks add.
fn assert_same_request(sent: &http::Request<Payload>, received: &http::Request<()>) {
    assert_eq!((sent.method(), sent.uri()), (received.method(), received.uri()));
    assert!(!sent.headers().is_empty());
    for (name, value) in sent.headers() {
        assert_eq!(received.headers().get(name), Some(value), "{name}");
    }
}

fn compare(name: &str, rounds: usize, mut ours: impl FnMut() -> f64, mut by_hand: impl FnMut() -> f64) {
    if counting::wanted() {
        let (mut ours, mut by_hand) = (|| _ = ours(), || _ = by_hand());
        return counting::count(name, &mut [("ours", &mut ours), ("by hand", &mut by_hand)]);
    }
    let (mut left, mut right) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        left.push(ours());
        right.push(by_hand());
    }
    let (left, right) = (median(left), median(right));
    println!("{name:<24} {left:>6.1} ns {right:>6.1} ns {:>7.2}", left / right);
}

/// How long one turn takes, for each of these messages in their order.
fn nanoseconds<M, T>(messages: &[M], mut turn: impl FnMut(&M) -> T) -> f64 {
    let begin = Instant::now();
    for message in messages {
        black_box(turn(black_box(message)));
    }
    begin.elapsed().as_secs_f64() * 1e9 / messages.len() as f64
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
