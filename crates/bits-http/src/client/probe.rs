//! Finds out which language a port speaks, after a server has hung up on the other one without a word.

use std::io;
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time for which a server has to show its language.
const TIME: Duration = Duration::from_secs(1);

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Http,
    Tls,
}

/// The first byte of an alert of TLS, and of a handshake's message.
const TLS: [u8; 2] = [0x15, 0x16];

/// A greeting of TLS 1.2 that every server answers somehow: a record, a ClientHello with common suites and groups.
const CLIENT_HELLO: [u8; 88] = [
    0x16, 3, 1, 0, 83, // a record of the handshake
    1, 0, 0, 79, 3, 3, // a ClientHello
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, // random
    0, // no session
    0, 12, 0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x2C, 0xC0, 0x30, 0, 0x9C, 0, 0x2F, // suites
    1, 0, // no compression
    0, 26, // extensions:
    0, 10, 0, 6, 0, 4, 0, 23, 0, 29, // groups
    0, 13, 0, 12, 0, 10, 4, 3, 4, 1, 8, 4, 5, 3, 2, 1, // signatures
];

/// The language of the port that this address names, unless it is `expected`: then nobody needs to be told.
pub(super) async fn other_language(url: &Uri) -> Option<Language> {
    let is_tls = url.scheme_str() == Some("https");
    let (greeting, other): (&[u8], _) = match is_tls {
        true => (b"HEAD / HTTP/1.0\r\n\r\n", Language::Http),
        false => (&CLIENT_HELLO, Language::Tls),
    };
    let host = url.host()?.trim_matches(['[', ']']);
    let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let first = timeout(TIME, first_bytes(host, port, greeting)).await.ok()?.ok()?;
    let is_other = match other {
        Language::Http => first.starts_with(b"HTTP"),
        Language::Tls => first.first().is_some_and(|byte| TLS.contains(byte)),
    };
    is_other.then_some(other)
}

async fn first_bytes(host: &str, port: u16, greeting: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect((host, port)).await?;
    stream.write_all(greeting).await?;
    let mut first = vec![0; 4];
    stream.read_exact(&mut first).await?;
    Ok(first)
}
