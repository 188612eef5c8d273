//! Reading and writing a Fragment and its Ack, each beside the same work written by hand on the types of `http`.
//!
//! `cargo bench --bench codec` prints nanoseconds for both and their ratio; `-- --quick` takes a second or two.
//! The rounds of the two alternate and the medians are compared. A round is far shorter than the slice of time that a
//! scheduler gives: rounds of a millisecond fell into step with the slices of a busy machine, so that one side alone
//! was interrupted, and the ratio came out at several times its value.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its arguments")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints what it finds")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bits_proto::packet::{Ack, Fragment, FragmentAck, PacketType, Payload, Request};
use bits_proto::{Conformance, ContentName, ContentRange, SessionId};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

const PACKET_TYPE: HeaderName = HeaderName::from_static("bits-packet-type");
const SESSION_ID: HeaderName = HeaderName::from_static("bits-session-id");
const CONTENT_NAME: HeaderName = HeaderName::from_static("content-name");
const RECEIVED: HeaderName = HeaderName::from_static("bits-received-content-range");

const ID: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";

fn main() {
    // Without `--bench`, `cargo test --all-targets` only asks whether it runs.
    let quick = !std::env::args().any(|arg| arg == "--bench") || std::env::args().any(|arg| arg == "--quick");
    let rounds = if quick { 1_000 } else { 20_000 };

    let destination = Uri::from_static("http://frankcao8/upload/2000mb-rfc2119.txt");
    let session_id: SessionId = ID.parse().expect("a session id");
    let range = ContentRange::new(1_048_576..2_097_152, 104_857_600).expect("a range");
    let content_name = ContentName::new("rfc2119.txt").ok();
    let fragment = Request::Fragment(Fragment { session_id, range: Some(range), content_name });
    let ack = Ack::Fragment(FragmentAck::accepted(session_id, range.end()));
    let by_hand =
        by_hand::Fragment { session_id: ID, first: range.first(), last: range.last(), total: range.total() };

    let request = received_request();
    let response = received_response();
    // Both sides must agree on what they do before they are timed.
    assert_eq!(by_hand::read_fragment(&request), Some(by_hand));
    assert_eq!(Request::decode(&request, Conformance::Interop).ok().flatten().as_ref(), Some(&fragment));
    assert_eq!(by_hand::read_ack(&response), Some((Some(ID), range.end())));
    assert_eq!(by_hand::write_ack(ID, range.end()).headers(), ack.to_response().headers());
    assert_eq!(
        by_hand::write_fragment(&by_hand, &destination).headers(),
        fragment.to_http(&destination).headers()
    );

    println!("{:<24} {:>9} {:>9} {:>7}", "", "ours", "by hand", "ratio");
    compare(
        "read a Fragment",
        rounds,
        || Request::decode(black_box(&request), Conformance::Interop),
        || by_hand::read_fragment(black_box(&request)),
    );
    compare(
        "read its Ack",
        rounds,
        || Ack::decode(black_box(&response), PacketType::Fragment, Conformance::Interop),
        || by_hand::read_ack(black_box(&response)),
    );
    compare(
        "write a Fragment",
        rounds,
        || black_box(&fragment).to_http(black_box(&destination)),
        || by_hand::write_fragment(black_box(&by_hand), black_box(&destination)),
    );
    compare(
        "write its Ack",
        rounds,
        || black_box(&ack).to_response(),
        || by_hand::write_ack(black_box(ID), black_box(range.end())),
    );
}

/// A Fragment as a server's HTTP stack hands it over (`captures/upload/03-fragment.req`, with a larger file).
fn received_request() -> http::Request<()> {
    http::Request::builder()
        .method("BITS_POST")
        .uri("/upload/2000mb-rfc2119.txt")
        .header("Accept", "*/*")
        .header("BITS-Packet-Type", "Fragment")
        .header("BITS-Session-Id", ID)
        .header("Content-Name", "rfc2119.txt")
        .header("Content-Range", "bytes 1048576-2097151/104857600")
        .header("User-Agent", "Microsoft BITS/6.7")
        .header("Host", "frankcao8")
        .header("Content-Length", "1048576")
        .header("Connection", "Keep-Alive")
        .body(())
        .expect("a head")
}

/// Its Ack as a client's HTTP stack hands it over (`captures/upload/04-fragment.ack`).
fn received_response() -> http::Response<()> {
    http::Response::builder()
        .header("Date", "Mon, 18 Jun 2007 21:02:01 GMT")
        .header("Server", "Microsoft-IIS/6.0")
        .header("Pragma", "no-cache")
        .header("BITS-Packet-Type", "Ack")
        .header("BITS-Session-Id", ID)
        .header("Content-Length", "0")
        .header("BITS-Received-Content-Range", "2097152")
        .body(())
        .expect("a head")
}

/// The floor: what a careful program would write for these two packets alone. It validates what matters (method, type,
/// session id, range, length) and none of the rest: no repeated headers, no bound, no other packet, no leniency.
mod by_hand {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    pub(super) struct Fragment<'a> {
        pub(super) session_id: &'a str,
        pub(super) first: u64,
        pub(super) last: u64,
        pub(super) total: u64,
    }

    pub(super) fn read_fragment(request: &http::Request<()>) -> Option<Fragment<'_>> {
        let headers = request.headers();
        if request.method().as_str() != "BITS_POST" || request.version() != Version::HTTP_11 {
            return None;
        }
        if !headers.get(PACKET_TYPE)?.as_bytes().eq_ignore_ascii_case(b"Fragment") {
            return None;
        }
        let session_id = session_id(headers.get(SESSION_ID)?)?;
        let (range, total) =
            headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, total) = (number(first)?, number(last)?, number(total)?);
        let length = number(headers.get(CONTENT_LENGTH)?.to_str().ok()?)?;
        let fits = first <= last && last < total && last - first + 1 == length && total <= i64::MAX as u64;
        fits.then_some(Fragment { session_id, first, last, total })
    }

    pub(super) fn read_ack(response: &http::Response<()>) -> Option<(Option<&str>, u64)> {
        let headers = response.headers();
        let taken = matches!(response.status(), StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE);
        if !taken || !headers.get(PACKET_TYPE)?.as_bytes().eq_ignore_ascii_case(b"Ack") {
            return None;
        }
        let id = match headers.get(SESSION_ID) {
            Some(id) => Some(session_id(id)?),
            None => None,
        };
        Some((id, number(headers.get(RECEIVED)?.to_str().ok()?)?))
    }

    pub(super) fn write_fragment(fragment: &Fragment<'_>, destination: &Uri) -> http::Request<Payload> {
        let Fragment { session_id, first, last, total } = *fragment;
        let mut request = http::Request::new(Payload::Range(first..last + 1));
        *request.method_mut() = Method::from_bytes(b"BITS_POST").expect("a method");
        *request.uri_mut() = destination.clone();
        let headers = request.headers_mut();
        put(headers, PACKET_TYPE, HeaderValue::from_static("Fragment"));
        put(headers, SESSION_ID, HeaderValue::from_str(session_id).expect("visible characters"));
        put(headers, CONTENT_NAME, HeaderValue::from_str("rfc2119.txt").expect("visible characters"));
        let range = format!("bytes {first}-{last}/{total}");
        put(headers, CONTENT_RANGE, HeaderValue::try_from(range).expect("visible characters"));
        put(headers, CONTENT_LENGTH, HeaderValue::from(last - first + 1));
        request
    }

    pub(super) fn write_ack(session_id: &str, next: u64) -> http::Response<()> {
        let mut response = http::Response::new(());
        let headers = response.headers_mut();
        put(headers, PRAGMA, HeaderValue::from_static("no-cache"));
        put(headers, CACHE_CONTROL, HeaderValue::from_static("no-store"));
        put(headers, PACKET_TYPE, HeaderValue::from_static("Ack"));
        put(headers, RECEIVED, HeaderValue::from(next));
        put(headers, SESSION_ID, HeaderValue::from_str(session_id).expect("visible characters"));
        put(headers, CONTENT_LENGTH, HeaderValue::from(0));
        response
    }

    fn put(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        headers.try_insert(name, value).expect("room for a header");
    }

    fn session_id(value: &HeaderValue) -> Option<&str> {
        let id = value.to_str().ok()?;
        let legal = (1..=100).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        legal.then_some(id)
    }

    /// Digits alone: `parse` would take a sign.
    fn number(text: &str) -> Option<u64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    }
}

fn compare<A, B>(name: &str, rounds: usize, mut ours: impl FnMut() -> A, mut by_hand: impl FnMut() -> B) {
    let iterations = calibrated(&mut by_hand);
    let (mut left, mut right) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        left.push(nanoseconds(iterations, &mut ours));
        right.push(nanoseconds(iterations, &mut by_hand));
    }
    let (left, right) = (median(left), median(right));
    println!("{name:<24} {left:>6.1} ns {right:>6.1} ns {:>7.2}", left / right);
}

/// How many repetitions take about 20 microseconds.
fn calibrated<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut iterations = 1;
    while nanoseconds(iterations, work) * f64::from(iterations) < 2e4 {
        iterations *= 2;
    }
    iterations
}

fn nanoseconds<T>(iterations: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..iterations {
        black_box(work());
    }
    let elapsed: Duration = start.elapsed();
    elapsed.as_secs_f64() * 1e9 / f64::from(iterations)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
