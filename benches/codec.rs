//! Reading and writing a Fragment and its Ack, each beside the same work written by hand on the types of `http`.
//!
//! `cargo bench --bench codec` prints nanoseconds for both and their ratio; `-- --quick` takes a second or two.
//! The rounds of the two alternate and the medians are compared. A round is far shorter than the slice of time that a
//! scheduler gives: rounds of a millisecond fell into step with the slices of a busy machine, so that one side alone
//! was interrupted, and the ratio came out at several times its value.
//!
//! The floor is what a careful program would write: one look-up a header. For reading there is a lower one beside it, which
//! nobody writes before a profiler says so: one pass over the head.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its arguments")]
#![expect(clippy::disallowed_macros, reason = "a benchmark prints what it finds")]

mod counting;

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

/// How often each operation runs while its instructions are counted.
const COUNTED: u32 = 100;

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

    assert_eq!(in_one_pass::read_fragment(&request), Some(by_hand));
    assert_eq!(in_one_pass::read_ack(&response), Some((Some(ID), range.end())));

    println!("{:<30} {:>9} {:>9} {:>7}", "", "ours", "by hand", "ratio");
    compare(
        "read a Fragment",
        rounds,
        || Request::decode(black_box(&request), Conformance::Interop),
        || by_hand::read_fragment(black_box(&request)),
    );
    compare(
        "  read a Fragment in one pass",
        rounds,
        || Request::decode(black_box(&request), Conformance::Interop),
        || in_one_pass::read_fragment(black_box(&request)),
    );
    compare(
        "read its Ack",
        rounds,
        || Ack::decode(black_box(&response), PacketType::Fragment, Conformance::Interop),
        || by_hand::read_ack(black_box(&response)),
    );
    compare(
        "  read its Ack in one pass",
        rounds,
        || Ack::decode(black_box(&response), PacketType::Fragment, Conformance::Interop),
        || in_one_pass::read_ack(black_box(&response)),
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

/// A Fragment as a server's HTTP stack hands it over (`upload/03-fragment.req`, with a larger file).
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

/// Its Ack as a client's HTTP stack hands it over (`upload/04-fragment.ack`).
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

    pub(super) fn session_id(value: &HeaderValue) -> Option<&str> {
        let id = value.to_str().ok()?;
        let legal = (1..=100).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        legal.then_some(id)
    }

    /// Digits alone: `parse` would take a sign.
    pub(super) fn number(text: &str) -> Option<u64> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
    }
}

/// The lower floor of reading: the same work as [`by_hand`], with one pass over the headers in place of a look-up for each.
mod in_one_pass {
    use super::by_hand::{Fragment, number, session_id};
    use super::*;

    pub(super) fn read_fragment(request: &http::Request<()>) -> Option<Fragment<'_>> {
        if request.method().as_str() != "BITS_POST" || request.version() != Version::HTTP_11 {
            return None;
        }
        let (mut packet_type, mut id, mut range, mut length) = (None, None, None, None);
        for (name, value) in request.headers() {
            let place = match name.as_str() {
                "bits-packet-type" => &mut packet_type,
                "bits-session-id" => &mut id,
                "content-range" => &mut range,
                "content-length" => &mut length,
                _ => continue,
            };
            *place = Some(value);
        }
        if !packet_type?.as_bytes().eq_ignore_ascii_case(b"Fragment") {
            return None;
        }
        let session_id = session_id(id?)?;
        let (range, total) = range?.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last, total) = (number(first)?, number(last)?, number(total)?);
        let length = number(length?.to_str().ok()?)?;
        let fits = first <= last && last < total && last - first + 1 == length && total <= i64::MAX as u64;
        fits.then_some(Fragment { session_id, first, last, total })
    }

    pub(super) fn read_ack(response: &http::Response<()>) -> Option<(Option<&str>, u64)> {
        let (mut packet_type, mut id, mut received) = (None, None, None);
        for (name, value) in response.headers() {
            let place = match name.as_str() {
                "bits-packet-type" => &mut packet_type,
                "bits-session-id" => &mut id,
                "bits-received-content-range" => &mut received,
                _ => continue,
            };
            *place = Some(value);
        }
        let taken = matches!(response.status(), StatusCode::OK | StatusCode::RANGE_NOT_SATISFIABLE);
        if !taken || !packet_type?.as_bytes().eq_ignore_ascii_case(b"Ack") {
            return None;
        }
        let id = match id {
            Some(id) => Some(session_id(id)?),
            None => None,
        };
        Some((id, number(received?.to_str().ok()?)?))
    }
}

fn compare<A, B>(name: &str, rounds: usize, mut ours: impl FnMut() -> A, mut by_hand: impl FnMut() -> B) {
    if counting::wanted() {
        let many = |work: &mut dyn FnMut()| (0..COUNTED).for_each(|_| work());
        let (mut ours, mut by_hand) = (|| drop(black_box(ours())), || drop(black_box(by_hand())));
        let (mut ours, mut by_hand) = (|| many(&mut ours), || many(&mut by_hand));
        return counting::count(name.trim(), &mut [("ours", &mut ours), ("by hand", &mut by_hand)]);
    }
    let iterations = calibrated(&mut by_hand);
    let (mut left, mut right) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        left.push(nanoseconds(iterations, &mut ours));
        right.push(nanoseconds(iterations, &mut by_hand));
    }
    let (left, right) = (median(left), median(right));
    println!("{name:<30} {left:>6.1} ns {right:>6.1} ns {:>7.2}", left / right);
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
