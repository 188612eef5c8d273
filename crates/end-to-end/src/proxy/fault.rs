//! The faults that a request meets on its way, and the requests that a script chooses by.

use std::time::Duration;

/// A request that came to the proxy.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How many came before.
    pub number: usize,
    pub method: String,
    /// `Fragment`, say; empty if it is not BITS.
    pub packet: String,
    /// The first of its kind is 1.
    pub nth: usize,
    /// Of the body.
    pub length: u64,
}

impl Seen {
    /// "The third Fragment".
    pub fn is(&self, packet: &str, nth: usize) -> bool {
        self.packet == packet && self.nth == nth
    }
}

/// What happens to it.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    Pass,
    /// After so many bytes of its body, both connections break.
    CutRequest(u64),
    /// So many bytes of its body go on. The rest is swallowed, and the client told 502.
    TruncateRequest(u64),
    /// The server does what it is asked, and both connections break before the client hears of it.
    CutResponse,
    /// So many bytes of the response's head arrive, then the connection ends as if that were all.
    TruncateResponse(usize),
    /// The answer comes this much later.
    Delay(Duration),
    /// The server gets it twice, and the client the second answer.
    Repeat,
    /// The proxy answers, and the server never hears of it.
    Answer(Page),
}

/// An answer of the proxy's own.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    pub status: u16,
    /// More headers, with CRLF behind each.
    pub headers: &'static str,
    pub body: &'static str,
}

impl Page {
    pub const TOO_LARGE: Self = Self::html(413, "", "<h1>413 Request Entity Too Large</h1>");
    pub const BAD_GATEWAY: Self = Self::html(502, "", "<h1>502 Bad Gateway</h1>");
    /// What a hotel shows instead of what one asked for.
    pub const LOGIN: Self = Self::html(200, "", "<html><form>Please log in</form></html>");
    /// The way to such a page.
    pub const REDIRECT_TO_LOGIN: Self =
        Self::html(302, "Location: http://login.example/?from=here\r\n", "<html>Please log in</html>");

    const fn html(status: u16, headers: &'static str, body: &'static str) -> Self {
        Self { status, headers, body }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let Self { status, headers, body } = self;
        let head = format!("HTTP/1.1 {status} x\r\nContent-Type: text/html\r\n{headers}");
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}
