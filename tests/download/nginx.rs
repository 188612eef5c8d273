//! The responder beside nginx: a few hundred requests, odd ones among them, answered by both.
//!
//! `NGINX` names nginx's binary; without it the test looks for `/usr/sbin/nginx`, and says so if there is none. Where the two
//! differ, [`DIFFERENCES`] says why.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use bits_proto::Conformance;
use bits_proto::download::multipart::{Event, Parser};
use bits_proto::download::{Entity, EntityTag, HttpDate, Segment, respond};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

/// A way in which the two answer differently on purpose.
struct Difference {
    why: &'static str,
    applies: fn(&Case) -> bool,
    nginx: &'static [u16],
    ours: &'static [u16],
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "a Range that cannot be read is ignored (RFC 2616 §14.35.1); nginx refuses it",
        applies: |case| case.parts().is_some_and(|parts| parts.iter().any(|part| shape(part).is_none())),
        nginx: &[416],
        ours: &[200],
    },
    Difference {
        why: "a range whose last byte is before its first makes all of Range invalid (RFC 9110 §14.1.2); for nginx it \
              names no bytes",
        applies: |case| case.has_backwards(),
        nginx: &[416],
        ours: &[200],
    },
    Difference {
        why: "the same, beside a range that names bytes",
        applies: |case| case.has_backwards(),
        nginx: &[206],
        ours: &[200],
    },
    Difference {
        why: "elements of a list may be empty (RFC 9110 §5.6.1)",
        applies: |case| case.parts().is_some_and(|parts| parts.iter().any(|part| part.trim().is_empty())),
        nginx: &[416],
        ours: &[200, 206],
    },
    Difference {
        why: "numbers may be larger than any integer (RFC 9110 §14.1.2); nginx refuses what does not fit",
        applies: |case| {
            case.range.is_some_and(|range| {
                range.contains("9223372036854775808") || range.contains("99999999999999999999")
            })
        },
        nginx: &[416],
        ours: &[200, 206],
    },
    Difference {
        why: "blanks may be tabs (RFC 9110 §5.6.3)",
        applies: |case| case.range.is_some_and(|range| range.contains('\t')),
        nginx: &[416],
        ours: &[200, 206],
    },
    Difference {
        why: "interop takes blanks everywhere, nginx everywhere but after the minus of the last so many bytes",
        applies: |case| {
            let parts = case.parts().unwrap_or_default();
            parts.iter().any(|part| part.trim_start().starts_with("- "))
        },
        nginx: &[416],
        ours: &[200, 206],
    },
    Difference {
        why: "interop takes blanks before the equals sign",
        applies: |case| case.range.is_some_and(|range| range.contains(" =")),
        nginx: &[200],
        ours: &[206, 416],
    },
    Difference {
        why: "an empty entity has no byte to name, so its Range is ignored (RFC 9110 §14.2); nginx refuses some",
        applies: |case| case.file == "empty",
        nginx: &[416],
        ours: &[200],
    },
];

/// One request.
#[derive(Clone, Copy, Debug)]
struct Case<'c> {
    method: &'static str,
    version: &'static str,
    file: &'static str,
    range: Option<&'c str>,
    /// A conditional header; DATE, ETAG and the like stand for nginx's own.
    condition: Option<(&'static str, &'static str)>,
}

impl Case<'_> {
    /// The elements of the list of ranges, if the header is one of bytes.
    fn parts(&self) -> Option<Vec<&str>> {
        let range = self.range?;
        let (unit, list) = range.split_once('=')?;
        unit.trim().eq_ignore_ascii_case("bytes").then(|| list.split(',').collect())
    }

    fn has_backwards(&self) -> bool {
        let backwards = |part: &str| matches!(shape(part), Some((Some(first), Some(last))) if last < first);
        self.parts().is_some_and(|parts| parts.iter().any(|part| backwards(part)))
    }
}

/// The two numbers of a range, in a reading of its own; `None` if it is none.
fn shape(part: &str) -> Option<(Option<u128>, Option<u128>)> {
    let (first, last) = part.split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(Some(digits.parse().unwrap_or(u128::MAX)))
        }
        _ => None,
    };
    match (number(first)?, number(last)?) {
        (None, None) => None,
        numbers => Some(numbers),
    }
}

/// What of an answer is compared.
#[derive(PartialEq)]
struct Outcome {
    status: u16,
    headers: BTreeMap<&'static str, String>,
    /// The bytes of the entity that came, by offset.
    ranges: Vec<(u64, Vec<u8>)>,
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ranges = self.ranges.iter().map(|(first, bytes)| (first, bytes.len()));
        write!(f, "{} {:?} {:?}", self.status, self.headers, ranges.collect::<Vec<_>>())
    }
}

impl Outcome {
    fn new(response: &Response<Vec<u8>>, has_body: bool) -> Self {
        let status = response.status().as_u16();
        let text = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        let is_multipart = text("content-type").starts_with("multipart/");
        let mut headers = BTreeMap::new();
        // The page that nginx sends beside an error is no part of the comparison, nor is what it leaves out there.
        let compared: &[&str] = match status {
            200 | 206 => &["content-range", "etag", "last-modified", "content-type", "content-length"],
            416 => &["content-range"],
            304 => &["etag", "last-modified"],
            _ => &[],
        };
        for &name in compared {
            headers.insert(name, text(name));
        }
        if is_multipart {
            // Boundaries differ, and so do the heads of the parts by a line break.
            headers.insert("content-type", "multipart/byteranges".to_owned());
            headers.remove("content-length");
        }
        let mut ranges = Vec::new();
        if has_body && matches!(status, 200 | 206) {
            ranges = if is_multipart {
                parts(&text("content-type"), response.body())
            } else {
                let range = text("content-range");
                let first = range.trim_start_matches("bytes ").split('-').next().and_then(|n| n.parse().ok());
                vec![(first.unwrap_or(0), response.body().clone())]
            };
        }
        Self { status, headers, ranges }
    }
}

/// Reads a body of several parts, nginx's and our own, by our own parser.
fn parts(content_type: &str, body: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut parser = Parser::new(content_type.as_bytes(), Conformance::Strict).unwrap();
    let mut parts: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut rest = body;
    while let Some(event) = parser.parse(&mut rest).unwrap() {
        match event {
            Event::Part(range) => parts.push((range.first(), Vec::new())),
            Event::Data { bytes, .. } => parts.last_mut().unwrap().1.extend_from_slice(bytes),
            Event::End => {}
        }
    }
    assert!(parser.is_ended());
    parts
}

#[test]
fn the_responder_agrees_with_nginx() {
    let Some(binary) = find() else {
        #[expect(clippy::disallowed_macros, reason = "that nothing was compared must be seen")]
        {
            println!("nginx is not here: nothing is compared");
        }
        return;
    };
    let source: Vec<u8> = (0..1000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let nginx = Nginx::start(&binary, &[("file", &source), ("empty", &[])]);
    let mut entities = BTreeMap::new();
    for (name, content) in [("file", &source[..]), ("empty", &[])] {
        let plain = Case { method: "GET", version: "1.1", file: name, range: None, condition: None };
        let answer = nginx.ask(&plain, &HeaderMap::new());
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, content));
        entities.insert(name, (entity_like(&answer, content.len()), content));
    }

    let mut used = vec![0_u32; DIFFERENCES.len()];
    let ranges = ranges();
    let cases = cases(&ranges);
    let (mut compared, mut alike, mut unexplained) = (0, 0, Vec::new());
    for case in &cases {
        let (entity, content) = &entities[case.file];
        let headers = case_headers(case, entity);
        let has_body = case.method == "GET";
        let theirs = Outcome::new(&nginx.ask(case, &headers), has_body);
        let ours = Outcome::new(&answer(case, &headers, entity, content), has_body);
        for outcome in [&theirs, &ours] {
            for (offset, bytes) in &outcome.ranges {
                let at = *offset as usize;
                assert_eq!(bytes[..], content[at..at + bytes.len()], "{case:?}");
            }
        }
        compared += 1;
        if theirs == ours {
            alike += 1;
            continue;
        }
        let explains = |difference: &Difference| {
            let statuses =
                difference.nginx.contains(&theirs.status) && difference.ours.contains(&ours.status);
            statuses && (difference.applies)(case)
        };
        match DIFFERENCES.iter().position(explains) {
            Some(index) => used[index] += 1,
            None => unexplained.push(format!("{case:?}\nnginx: {theirs:?}\nours: {ours:?}\n")),
        }
    }
    assert!(unexplained.is_empty(), "{} of {compared}\n{}", unexplained.len(), unexplained.concat());
    for (difference, count) in DIFFERENCES.iter().zip(&used) {
        assert!(*count > 0, "no longer a difference: {}", difference.why);
    }
    assert!(compared >= 500 && alike * 2 > compared, "{alike} of {compared}");
}

/// Every range header, by both methods, some of them on the empty file, and with every condition.
fn cases(ranges: &[String]) -> Vec<Case<'_>> {
    const CONDITIONS: &[(&str, &str)] = &[
        ("If-Range", "ETAG"),
        ("If-Range", "WEAK ETAG"),
        ("If-Range", "\"another\""),
        ("If-Range", "DATE"),
        ("If-Range", "RFC 850 DATE"),
        ("If-Range", "Mon, 18 Jun 2007 21:12:01 GMT"),
        ("If-Range", "rubbish"),
        ("If-None-Match", "ETAG"),
        ("If-None-Match", "WEAK ETAG"),
        ("If-None-Match", "*"),
        ("If-None-Match", "\"a\", \"b\""),
        ("If-None-Match", "\"a\", ETAG"),
        ("If-Match", "ETAG"),
        ("If-Match", "*"),
        ("If-Match", "\"another\""),
        ("If-Match", "WEAK ETAG"),
        ("If-Modified-Since", "DATE"),
        ("If-Modified-Since", "RFC 850 DATE"),
        ("If-Modified-Since", "Mon, 18 Jun 2007 21:12:01 GMT"),
        ("If-Modified-Since", "rubbish"),
        ("If-Modified-Since", "Fri, 31 Dec 2066 23:59:59 GMT"),
        ("If-Unmodified-Since", "DATE"),
        ("If-Unmodified-Since", "RFC 850 DATE"),
        ("If-Unmodified-Since", "Mon, 18 Jun 2007 21:12:01 GMT"),
        ("If-Unmodified-Since", "Fri, 31 Dec 2066 23:59:59 GMT"),
    ];
    let plain = Case { method: "GET", version: "1.1", file: "file", range: None, condition: None };
    let mut cases = vec![plain, Case { method: "HEAD", ..plain }, Case { method: "PUT", ..plain }];
    for (index, range) in ranges.iter().enumerate() {
        let range = Some(range.as_str());
        cases.push(Case { range, ..plain });
        cases.push(match index % 4 {
            0 => Case { method: "HEAD", range, ..plain },
            1 => Case { version: "1.0", range, ..plain },
            2 => Case { file: "empty", range, ..plain },
            _ => Case { range, condition: Some(CONDITIONS[index % CONDITIONS.len()]), ..plain },
        });
    }
    for &condition in CONDITIONS {
        for range in [None, Some("bytes=0-9"), Some("bytes=0-9,20-29"), Some("bytes=1000-")] {
            cases.push(Case { range, condition: Some(condition), ..plain });
            cases.push(Case { method: "HEAD", range, condition: Some(condition), ..plain });
        }
    }
    cases
}

/// `Range` headers: some by hand, the rest put together at random from a seed that never changes.
fn ranges() -> Vec<String> {
    const NUMBERS: &[&str] = &[
        "0",
        "1",
        "9",
        "10",
        "499",
        "500",
        "998",
        "999",
        "1000",
        "1001",
        "007",
        "9223372036854775806",
        "9223372036854775808",
        "99999999999999999999",
    ];
    // Most headers have no blanks; some have a few, and some of those tabs.
    const BLANKS: [&[&str]; 6] =
        [&[""], &[""], &[""], &[""], &["", "", "", "", " ", "  "], &["", "", "", "", "", "", "", " ", "\t"]];
    let by_hand = [
        "bytes=0-999",
        "bytes=0-0,-1",
        "bytes=500-600,601-999",
        "bytes=500-700,601-999",
        "bytes= 0-9, 45-54, -10",
        "BYTES=0-9",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--1",
        "bytes=1",
        "bytes=a-b",
        "bytes=0-9;10-19",
        "bytes 0-9",
        "items=0-9",
        "bytes=0-9,",
        "bytes=,0-9",
        "bytes=0-9,,20-29",
        "bytes=0-9-10",
        "bytes=+0-9",
        "bytes=0x0-9",
        "bytes=0-499,500-999",
        "bytes=0-499,499-999",
        "bytes=0-,0-",
        "bytes=-1000",
        "bytes=-1001",
        "bytes=-1000,0-0",
        "bytes=0-,-0",
        "bytes=1000-,0-0",
        "bytes=0-0,0-0,0-0,0-0,0-0",
        "bytes =0-9",
        "bytes =1000-",
        "bytes=0-*",
    ];
    let mut random = 0x5EED_u64;
    let mut draw = |below: usize| {
        // SplitMix64.
        random = random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (random ^ (random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % below as u64) as usize
    };
    let mut ranges: Vec<String> = by_hand.map(str::to_owned).to_vec();
    for _ in 0..300 {
        let mut range = "bytes=".to_owned();
        let blanks = BLANKS[draw(BLANKS.len())];
        for index in 0..=draw(4) {
            range += if index > 0 { "," } else { "" };
            let mut number = || match draw(4) {
                0 => NUMBERS[draw(NUMBERS.len())].to_owned(),
                _ => draw(1000).to_string(),
            };
            let (first, last) = (number(), number());
            let (first, last) = match draw(12) {
                0 => (String::new(), last),
                1 => (first, String::new()),
                2 => (first, last),
                // Small and forwards, so that several fit into the entity.
                _ => {
                    let first = draw(900);
                    (first.to_string(), (first + draw(150)).to_string())
                }
            };
            let mut blank = || blanks[draw(blanks.len())];
            write!(range, "{}{first}{}-{}{last}{}", blank(), blank(), blank(), blank()).unwrap();
        }
        // HTTP cuts blanks off at a value's end before anybody reads it.
        ranges.push(range.trim_end().to_owned());
    }
    ranges
}

fn case_headers(case: &Case, entity: &Entity) -> HeaderMap {
    let (etag, date) = (entity.etag().unwrap().as_header(), entity.last_modified().to_string());
    let (etag, date) = (etag.to_str().unwrap(), date.as_str());
    let mut headers = HeaderMap::new();
    if let Some(range) = case.range {
        headers.try_insert("range", HeaderValue::from_str(range).unwrap()).unwrap();
    }
    if let Some((name, value)) = case.condition {
        let value = match value {
            "DATE" => date.to_owned(),
            "RFC 850 DATE" => rfc_850(date),
            "WEAK ETAG" => format!("W/{etag}"),
            value => value.replace("ETAG", etag),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.try_insert(name, HeaderValue::from_str(&value).unwrap()).unwrap();
    }
    headers
}

/// The same time in the form of RFC 850: `Sunday, 06-Nov-94 08:49:37 GMT`.
fn rfc_850(date: &str) -> String {
    let fields: Vec<&str> = date.split([' ', ',']).filter(|field| !field.is_empty()).collect();
    let [weekday, day, month, year, time, zone] = fields[..] else { panic!("{date}") };
    let weekdays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let weekday = weekdays.iter().find(|long| long.starts_with(weekday)).unwrap();
    format!("{weekday}, {day}-{month}-{} {time} {zone}", &year[2..])
}

/// An entity with the validators that nginx gives it.
fn entity_like(answer: &Response<Vec<u8>>, length: usize) -> Entity {
    let headers = answer.headers();
    let last_modified = HttpDate::from_bytes(headers["last-modified"].as_bytes()).unwrap();
    Entity::new(length as u64, last_modified)
        .unwrap()
        .with_etag(EntityTag::from_bytes(headers["etag"].as_bytes()).unwrap())
        .with_content_type(headers["content-type"].clone())
}

/// Our answer.
fn answer(case: &Case, headers: &HeaderMap, entity: &Entity, content: &[u8]) -> Response<Vec<u8>> {
    let mut request = http::Request::builder().method(case.method).body(()).unwrap();
    *request.headers_mut() = headers.clone();
    respond(&request, entity, Conformance::Interop, || [0xB0; 16]).map(|body| {
        let mut bytes = Vec::new();
        for segment in body {
            match segment {
                Segment::Entity(range) => {
                    bytes.extend_from_slice(&content[range.start as usize..range.end as usize])
                }
                Segment::Text(text) => bytes.extend_from_slice(&text),
            }
        }
        bytes
    })
}

#[expect(clippy::disallowed_methods, reason = "which nginx to compare with, the environment says")]
fn find() -> Option<PathBuf> {
    match std::env::var_os("NGINX") {
        Some(path) => Some(PathBuf::from(path)),
        None => Some(PathBuf::from("/usr/sbin/nginx")).filter(|path| path.exists()),
    }
}

/// An nginx that serves a folder on a socket of its own, until it is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
}

impl Nginx {
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "a real server needs real files, a process and time"
    )]
    fn start(binary: &Path, files: &[(&str, &[u8])]) -> Self {
        // A socket's path has room for about a hundred bytes only, so it is in the system's own folder.
        let folder = std::env::temp_dir().join(format!("bits-proto-nginx-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("root")).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join("root").join(name), content).unwrap();
        }
        let at = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {at}/{kind};"))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {at}/pid;
             events {{}}
             http {{
                 access_log off; {temporary} if_modified_since before;
                 default_type application/octet-stream;
                 server {{ listen unix:{at}/socket; root {at}/root; }}
             }}"
        );
        std::fs::write(folder.join("conf"), configuration).unwrap();
        let process = std::process::Command::new(binary)
            // To nginx the variable is a list of sockets that it inherits.
            .env_remove("NGINX")
            .args(["-e", "stderr", "-p"])
            .arg(&folder)
            .arg("-c")
            .arg(folder.join("conf"))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let nginx = Self { process, folder };
        for _ in 0..500 {
            if UnixStream::connect(nginx.folder.join("socket")).is_ok() {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("nginx does not listen");
    }

    /// The answer to one request, on a connection of its own.
    fn ask(&self, case: &Case, headers: &HeaderMap) -> Response<Vec<u8>> {
        let Case { method, file, version, .. } = case;
        let mut request =
            format!("{method} /{file} HTTP/{version}\r\nHost: x\r\nConnection: close\r\n").into_bytes();
        for (name, value) in headers {
            request.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        request.extend_from_slice(b"\r\n");
        let mut stream = UnixStream::connect(self.folder.join("socket")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(&request).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();

        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        let end = head.parse(&received).unwrap().unwrap();
        let mut response = Response::builder().status(head.code.unwrap());
        for header in head.headers.iter() {
            response = response.header(header.name, header.value);
        }
        response.body(received[end..].to_vec()).unwrap()
    }
}

impl Drop for Nginx {
    #[expect(clippy::disallowed_methods, reason = "what the test made it takes away")]
    fn drop(&mut self) {
        let _already_gone = self.process.kill();
        let _already_gone = self.process.wait();
        let _already_gone = std::fs::remove_dir_all(&self.folder);
    }
}
