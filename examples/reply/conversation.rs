//! The conversation of the parties, one line a packet, in the order sent.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Instant;

use bits_proto::header::{self, spelling};
use http::header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE};

/// The headers worth a reader's time.
const SHOWN: [HeaderName; 15] = [
    header::BITS_SUPPORTED_PROTOCOLS,
    header::BITS_PROTOCOL,
    header::BITS_HOST_ID,
    header::BITS_RECEIVED_CONTENT_RANGE,
    header::BITS_REPLY_URL,
    header::BITS_ERROR,
    header::BITS_ERROR_CONTEXT,
    header::BITS_ORIGINAL_REQUEST_URL,
    header::BITS_REQUEST_DATAFILE_NAME,
    header::BITS_RESPONSE_DATAFILE_NAME,
    header::BITS_COPY_FILE_TO_DESTINATION,
    RANGE,
    IF_RANGE,
    CONTENT_RANGE,
    ETAG,
];

/// Who speaks. The upload server and its back-end client are one program, and so are the upload client and the reply
/// client.
#[derive(Clone, Copy)]
pub(crate) enum Party {
    Client,
    Server,
    Application,
    ReplyServer,
}

pub(crate) struct Conversation {
    begin: Instant,
}

impl Conversation {
    pub(crate) fn begin() -> Self {
        Self { begin: Instant::now() }
    }

    /// `from` is about to send a request.
    pub(crate) fn request<B>(&self, from: Party, to: Party, request: &http::Request<B>) {
        let packet = match request.headers().get(header::BITS_PACKET_TYPE) {
            Some(_) => text(request.headers(), &header::BITS_PACKET_TYPE),
            None => request.method().to_string(),
        };
        self.line(from, to, &packet, request.headers());
    }

    /// `from` is about to send a response.
    pub(crate) fn response<B>(&self, from: Party, to: Party, response: &http::Response<B>) {
        let packet = text(response.headers(), &header::BITS_PACKET_TYPE);
        let packet = format!("{packet} {}", response.status().as_u16());
        self.line(from, to, packet.trim_start(), response.headers());
    }

    /// Something that is not on the wire.
    pub(crate) fn note(&self, text: impl Display) {
        self.print(&text.to_string());
    }

    fn line(&self, from: Party, to: Party, packet: &str, headers: &HeaderMap) {
        let mut line = format!("{:>12} --> {:<12} {packet:<14}", from.name(), to.name());
        for name in SHOWN.iter().filter(|name| headers.contains_key(*name)) {
            line += &format!("  {}: {}", spelling(name), shown(headers, name));
        }
        self.print(line.trim_end());
    }

    fn print(&self, line: &str) {
        let seconds = self.begin.elapsed().as_secs_f64();
        // Nobody may be reading any more: no reason to stop.
        let _unread = writeln!(io::stdout(), "{seconds:>7.3} s {line}");
    }
}

impl Party {
    const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Application => "application",
            Self::ReplyServer => "reply server",
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    let text = |value: &HeaderValue| match value.to_str() {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().escape_ascii().to_string(),
    };
    headers.get(name).map(text).unwrap_or_default()
}

/// Whoever knows a session's id can write into the session: no log should have the whole of it. Paths and URLs of this
/// example have it in braces.
fn shown(headers: &HeaderMap, name: &HeaderName) -> String {
    let text = text(headers, name);
    let has_session_id = ![header::BITS_SUPPORTED_PROTOCOLS, header::BITS_PROTOCOL].contains(name);
    for (open, close) in [("{", "}"), ("%7B", "%7D")] {
        let braced = text.split_once(open).and_then(|(before, rest)| Some((before, rest.split_once(close)?)));
        if let Some((before, (id, after))) = braced.filter(|_| has_session_id) {
            let id: String = id.chars().take(8).collect();
            return format!("{before}{open}{id}...{close}{after}");
        }
    }
    text
}
