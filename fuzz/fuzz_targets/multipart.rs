//! Any `multipart/byteranges` body in chunks of any size, and the bodies that the responder itself makes.
//!
//! The first line of the input is the `Content-Type`, the rest the body; both halves of the target read all of it.
#![no_main]

use arbitrary::Unstructured;
use bits_proto::Conformance;
use bits_proto::download::multipart::{Event, MultipartError, Parser};
use bits_proto::download::{Entity, Segment, respond};
use bits_proto_fuzz::BOTH;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for conformance in BOTH {
        any_body(bytes, conformance);
    }
    let _too_short = own_body(&mut Unstructured::new(bytes));
});

/// What a parser tells of a body, whatever the chunks were: parts with their bytes in one piece.
#[derive(PartialEq, Debug, Default)]
struct Told {
    parts: Vec<(std::ops::Range<u64>, Vec<u8>)>,
    ended: bool,
    error: Option<MultipartError>,
}

fn any_body(bytes: &[u8], conformance: Conformance) {
    let line = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (content_type, body) = bytes.split_at(line);
    let Ok(parser) = Parser::new(content_type, conformance) else { return };
    let body = body.get(1..).unwrap_or_default();
    let whole = read(parser.clone(), body.chunks(body.len().max(1)));
    for size in [1, 2, 7, 64] {
        assert_eq!(read(parser.clone(), body.chunks(size)), whole, "chunks of {size}");
    }
}

fn read<'c>(mut parser: Parser, chunks: impl Iterator<Item = &'c [u8]>) -> Told {
    let mut told = Told::default();
    for chunk in chunks {
        let mut rest = chunk;
        loop {
            let before = rest.len();
            match parser.parse(&mut rest) {
                Ok(Some(Event::Part(range))) => {
                    told.expect_complete();
                    told.parts.push((range.bytes(), Vec::new()));
                }
                Ok(Some(Event::Data { offset, bytes })) => {
                    let (range, data) = told.parts.last_mut().expect("data belong to a part");
                    assert!(!bytes.is_empty() && chunk.as_ptr_range().contains(&bytes.as_ptr()));
                    assert_eq!(offset, range.start + data.len() as u64, "no byte is left out");
                    data.extend_from_slice(bytes);
                    assert!(data.len() as u64 <= range.end - range.start);
                }
                Ok(Some(Event::End)) => {
                    told.expect_complete();
                    assert!(!told.ended && parser.is_ended());
                    told.ended = true;
                }
                Ok(None) => {
                    assert!(rest.is_empty(), "the chunk is used up");
                    break;
                }
                Err(error) => {
                    assert!(!told.ended, "after the end nothing is wrong");
                    assert_eq!(parser.parse(&mut &b"--x--\r\n"[..]), Err(error), "an error stays");
                    told.error = Some(error);
                    return told;
                }
            }
            assert!(rest.len() <= before);
        }
    }
    told
}

impl Told {
    /// A part ends with its last byte.
    fn expect_complete(&self) {
        if let Some((range, data)) = self.parts.last() {
            assert_eq!(data.len() as u64, range.end - range.start, "half a part");
        }
    }
}

/// What the responder makes of any ranges, the parser reads.
fn own_body(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let source: Vec<u8> =
        (0..input.arbitrary::<u16>()?).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let entity = Entity::new(source.len() as u64, std::time::SystemTime::UNIX_EPOCH).expect("small enough");
    let chunk = usize::from(input.arbitrary::<u8>()?).max(1);
    let random = input.arbitrary()?;
    let ranges: Vec<(Option<u16>, Option<u16>)> = input.arbitrary()?;
    let number = |number: &Option<u16>| number.map(|number| number.to_string()).unwrap_or_default();
    let ranges: Vec<_> =
        ranges.iter().map(|(first, last)| format!("{}-{}", number(first), number(last))).collect();
    let request = http::Request::get("/").header("Range", format!("bytes={}", ranges.join(",")));
    let request = request.body(()).expect("a request");
    for conformance in BOTH {
        let response = respond(&request, &entity, conformance, || random);
        let length = response.headers()["content-length"].to_str().ok().and_then(|text| text.parse().ok());
        assert_eq!(length, Some(response.body().len()));
        let content_type = response.headers().get("content-type").map(|value| value.as_bytes().to_vec());
        let (mut expected, mut body) = (Vec::new(), Vec::new());
        for segment in response.into_body() {
            match segment {
                Segment::Text(text) => body.extend_from_slice(&text),
                Segment::Entity(range) => {
                    assert!(range.start < range.end, "no segment is empty");
                    let bytes = &source[range.start as usize..range.end as usize];
                    body.extend_from_slice(bytes);
                    expected.push((range, bytes.to_vec()));
                }
            }
        }
        let sent: usize = expected.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(sent <= source.len(), "a small request brings about a huge answer");
        if expected.len() > 1 {
            let parser =
                Parser::new(&content_type.expect("of a body"), Conformance::Strict).expect("several parts");
            let told = read(parser, body.chunks(chunk));
            assert_eq!(told, Told { parts: expected, ended: true, error: None });
        }
    }
    Ok(())
}
