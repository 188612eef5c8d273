//! `multipart/byteranges` bodies: from the responder to the parser, in chunks of any size.

use std::ops::Range;

use bits_proto::Conformance::{self, Interop, Strict};
use bits_proto::download::multipart::{Event, MultipartError, Parser};
use bits_proto::download::{ByteRanges, Entity, RangeSpec, Segment, respond};
use bits_proto::limits::MAX_PART_HEAD;
use proptest::prelude::*;

/// The example of RFC 9110 §14.6, its parts cut down to four bytes.
const RFC_9110: &str = "--THIS_STRING_SEPARATES\r\nContent-Type: application/pdf\r\n\
    Content-Range: bytes 500-503/8000\r\n\r\nabcd\r\n--THIS_STRING_SEPARATES\r\n\
    Content-Type: application/pdf\r\nContent-Range: bytes 7000-7003/8000\r\n\r\nwxyz\r\n--THIS_STRING_SEPARATES--";

/// The parts of a body, with their bytes, and whether it ended.
type Parts = (Vec<(Range<u64>, Vec<u8>)>, bool);

fn parse(
    boundary: &str,
    chunks: &mut dyn Iterator<Item = &[u8]>,
    conformance: Conformance,
) -> Result<Parts, MultipartError> {
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    let mut parser = Parser::new(content_type.as_bytes(), conformance)?;
    let mut parts: Vec<(Range<u64>, Vec<u8>)> = Vec::new();
    for chunk in chunks {
        let mut rest = chunk;
        while let Some(event) = parser.parse(&mut rest)? {
            match event {
                Event::Part(range) => parts.push((range.bytes(), Vec::new())),
                Event::Data { offset, bytes } => {
                    let (range, data) = parts.last_mut().expect("data belongs to a part");
                    assert_eq!(offset, range.start + data.len() as u64);
                    data.extend_from_slice(bytes);
                }
                Event::End => {}
            }
        }
        assert!(rest.is_empty());
    }
    Ok((parts, parser.is_ended()))
}

fn parse_whole(boundary: &str, body: &str) -> Result<Parts, MultipartError> {
    parse(boundary, &mut std::iter::once(body.as_bytes()), Interop)
}

#[test]
fn the_example_of_rfc_9110() {
    let expected = vec![(500..504, b"abcd".to_vec()), (7000..7004, b"wxyz".to_vec())];
    for size in 1..RFC_9110.len() {
        let parts = parse("THIS_STRING_SEPARATES", &mut RFC_9110.as_bytes().chunks(size), Strict);
        assert_eq!(parts, Ok((expected.clone(), true)), "chunks of {size}");
    }
}

#[test]
fn the_parts_bytes_are_not_copied() {
    let mut parser = Parser::new(b"multipart/byteranges; boundary=THIS_STRING_SEPARATES", Strict).unwrap();
    let mut rest = RFC_9110.as_bytes();
    let mut found = 0;
    while let Some(event) = parser.parse(&mut rest).unwrap() {
        if let Event::Data { bytes, .. } = event {
            assert!(RFC_9110.as_bytes().as_ptr_range().contains(&bytes.as_ptr()));
            found += bytes.len();
        }
    }
    assert_eq!(found, 8);
}

#[test]
fn forms_that_servers_send() {
    let expected = Ok((vec![(1..3, b"bc".to_vec())], true));
    for body in [
        "--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n--x--\r\n",
        "\r\n--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n--x--\r\n", // nginx begins with a line break
        "some text\r\n\r\n--x \t\r\ncontent-range:bytes 1-2/9\r\n\r\nbc\r\n--x--", // RFC 2046: preamble, padding
        "--x\nContent-Range: bytes 1-2/9\n\nbc\n--x--\n",
        "--x\r\nA: b\r\n c\r\nContent-Range: bytes 1-2/9\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n--x--epilogue\r\n--x",
    ] {
        assert_eq!(parse_whole("x", body), expected, "{body:?}");
        assert_eq!(parse("x", &mut body.as_bytes().chunks(1), Interop), expected, "{body:?}");
    }
}

#[test]
fn a_boundary_inside_a_parts_bytes_does_no_harm() {
    let body = "--x\r\nContent-Range: bytes 0-8/9\r\n\r\n\r\n--x--\r\n\r\n--x--\r\n";
    assert_eq!(parse_whole("x", body), Ok((vec![(0..9, b"\r\n--x--\r\n".to_vec())], true)));
}

#[test]
fn a_body_that_breaks_off_has_not_ended() {
    for length in 0..RFC_9110.len() {
        let body = &RFC_9110[..length];
        let (_, ended) = parse_whole("THIS_STRING_SEPARATES", body).unwrap();
        assert!(!ended, "{length}");
    }
}

#[test]
fn what_is_wrong_with_a_body_is_told_and_told_again() {
    let long = format!("--x\r\nA: {}", "b".repeat(MAX_PART_HEAD));
    let lines = format!("--x\r\n{}", "A: b\r\n".repeat(MAX_PART_HEAD / 6));
    let preamble = "\r\n".repeat(MAX_PART_HEAD);
    for (body, error) in [
        ("--x\r\n\r\nbc", MultipartError::RangeMissing),
        ("--x\r\nContent-Range: bytes 1-2/*\r\n\r\nbc", MultipartError::RangeMissing),
        ("--x\r\nContent-Range: bytes 2-1/9\r\n\r\nbc", MultipartError::RangeMissing),
        (
            "--x\r\nContent-Range: bytes 1-2/9\r\nContent-Range: bytes 1-3/9\r\n\r\nbc",
            MultipartError::RangeMissing,
        ),
        ("--x\r\nno header\r\n", MultipartError::HeadMalformed),
        ("--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbcd\r\n--x--", MultipartError::BoundaryExpected),
        ("--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n--y--\r\n", MultipartError::BoundaryExpected),
        ("--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n\r\n--x--", MultipartError::BoundaryExpected),
        ("--x\r\nContent-Range: bytes 1-2/9\r\n\r\nbc\r\n--xy\r\n", MultipartError::BoundaryExpected),
        (&long, MultipartError::HeadTooLong),
        (&lines, MultipartError::HeadTooLong),
        (&preamble, MultipartError::HeadTooLong),
    ] {
        let start = &body[..body.len().min(80)];
        assert_eq!(parse_whole("x", body), Err(error), "{start:?}");
        let mut parser = Parser::new(b"multipart/byteranges; boundary=x", Interop).unwrap();
        let mut first = None;
        for byte in body.as_bytes().chunks(1) {
            while let Ok(Some(_)) = parser.parse(&mut &*byte) {}
            first = first.or(parser.parse(&mut &b""[..]).err());
        }
        assert_eq!(first, Some(error), "{start:?}");
        assert_eq!(parser.parse(&mut &b"--x--"[..]), Err(error), "{start:?}");
    }
}

#[test]
fn the_bound_is_on_the_text_before_one_part_and_not_on_all() {
    let part = |n: u64| format!("--x\r\nContent-Range: bytes {n}-{n}/1000\r\n\r\nb\r\n");
    let body: String = (0..1000).map(part).collect();
    assert!(body.len() > 4 * MAX_PART_HEAD);
    let (parts, _) = parse_whole("x", &body).unwrap();
    assert!(parts.into_iter().map(|(range, _)| range.start).eq(0..1000));
}

#[test]
fn strict_reads_ranges_as_http_writes_them() {
    let body = "--x\r\nContent-Range: bytes  1 - 2 / 9\r\n\r\nbc\r\n--x--\r\n";
    assert!(parse_whole("x", body).is_ok());
    let strict = parse("x", &mut std::iter::once(body.as_bytes()), Strict);
    assert_eq!(strict, Err(MultipartError::RangeMissing));
}

/// Asks the responder, and puts the body together as a caller does.
fn response_body(source: &[u8], ranges: &ByteRanges) -> Option<(String, Vec<u8>)> {
    let entity = Entity::new(source.len() as u64, std::time::SystemTime::UNIX_EPOCH).unwrap();
    let request = http::Request::get("/").header("Range", ranges.to_header()).body(()).unwrap();
    let response = respond(&request, &entity, Strict, || [0xB0; 16]);
    let content_type = response.headers()["content-type"].to_str().unwrap();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=")?.to_owned();
    let announced = response.headers()["content-length"].to_str().unwrap().parse();
    let mut body = Vec::new();
    for segment in response.into_body() {
        match segment {
            Segment::Entity(range) => {
                body.extend_from_slice(&source[range.start as usize..range.end as usize])
            }
            Segment::Text(text) => body.extend_from_slice(&text),
        }
    }
    assert_eq!(announced, Ok(body.len()));
    Some((boundary, body))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_the_responder_sends_the_parser_reads(
        source in prop::collection::vec(any::<u8>(), 2..300),
        picks in prop::collection::vec((0..300_u64, 1..40_u64), 2..20),
        cuts in prop::collection::vec(1..50_usize, 1..40),
    ) {
        let length = source.len() as u64;
        let specs = picks.iter().map(|&(first, size)| {
            let first = first % length;
            RangeSpec::Closed { first, last: first + size - 1 }
        });
        let ranges = ByteRanges::new(specs).unwrap();
        // Else the ranges are longer than the entity together, or only one names bytes: no multipart body.
        if let Some((boundary, body)) = response_body(&source, &ranges) {
            let mut rest = &body[..];
            let mut cuts = cuts.iter().cycle();
            let mut chunks = std::iter::from_fn(|| {
                let (chunk, later) = rest.split_at((*cuts.next()?).min(rest.len()));
                rest = later;
                (!chunk.is_empty()).then_some(chunk)
            });
            let (parts, ended) = parse(&boundary, &mut chunks, Strict).unwrap();
            prop_assert!(ended);
            prop_assert!(parts.iter().map(|(range, _)| range.clone()).eq(ranges.resolve(length)));
            for (range, bytes) in parts {
                prop_assert_eq!(&bytes[..], &source[range.start as usize..range.end as usize]);
            }
        }
    }

    #[test]
    fn arbitrary_bodies_are_read_alike_in_any_chunks(
        pieces in prop::collection::vec(prop_oneof![
            Just("--x"), Just("--x\r\n"), Just("--x--"), Just("\r\n"), Just("\n"), Just("-"), Just("abc"),
            Just("Content-Range: bytes 0-2/9\r\n"), Just("Content-Range: bytes 3-3/9\r\n\r\n"), Just("A: b\r\n"),
        ], 0..20),
        size in 1..7_usize,
    ) {
        let body = pieces.concat();
        let whole = parse_whole("x", &body);
        prop_assert_eq!(parse("x", &mut body.as_bytes().chunks(size), Interop), whole);
    }
}
