//! The conversation of client and server, one line a packet, in the order sent.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Instant;

use bits_proto::header::{self, spelling};
use http::header::{CONTENT_RANGE, HeaderMap, HeaderName};

/// The headers worth a reader's time.
const SHOWN: [HeaderName; 8] = [
    header::BITS_SUPPORTED_PROTOCOLS,
    header::BITS_PROTOCOL,
    header::BITS_HOST_ID,
    CONTENT_RANGE,
    header::BITS_RECEIVED_CONTENT_RANGE,
    header::BITS_REPLY_URL,
    header::BITS_ERROR,
    header::BITS_ERROR_CONTEXT,
];

pub(crate) struct Conversation {
    begin: Instant,
}

impl Conversation {
    pub(crate) fn begin() -> Self {
        Self { begin: Instant::now() }
    }

    /// The client is about to send a request.
    pub(crate) fn request<B>(&self, request: &http::Request<B>) {
        self.line("-->", &text(request.headers(), &header::BITS_PACKET_TYPE), request.headers());
    }

    /// The server is about to send a response.
    pub(crate) fn response<B>(&self, response: &http::Response<B>) {
        let packet = text(response.headers(), &header::BITS_PACKET_TYPE);
        self.line("<--", &format!("{packet} {}", response.status().as_u16()), response.headers());
    }

    /// Something that is not on the wire.
    pub(crate) fn note(&self, text: impl Display) {
        self.print("   ", &text.to_string());
    }

    fn line(&self, direction: &str, packet: &str, headers: &HeaderMap) {
        let mut line = format!("{packet:<14}");
        // Whoever knows a session's id can write into the session: no log should have the whole of it.
        if headers.contains_key(header::BITS_PROTOCOL) {
            let id: String = text(headers, &header::BITS_SESSION_ID).chars().take(9).collect();
            line += &format!("  BITS-Session-Id: {id}...");
        }
        for name in SHOWN.iter().filter(|name| headers.contains_key(*name)) {
            line += &format!("  {}: {}", spelling(name), text(headers, name));
        }
        self.print(direction, line.trim_end());
    }

    fn print(&self, direction: &str, line: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        // Nobody may be reading any more: no reason to stop uploading.
        let _unread = writeln!(io::stdout(), "{seconds:>7.3} s {direction} {line}");
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(|value| value.as_bytes().escape_ascii().to_string()).unwrap_or_default()
}
