//! The fate of an exchange in a network.

use std::time::Duration;

use bits_proto::client::Suspend;
use http::Response;

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// The request arrives, and so does the answer.
    #[default]
    Delivered,
    /// Nothing of the request leaves.
    Unsent,
    /// The connection breaks after so many bytes of the body. The server keeps what came.
    Cut(usize),
    /// The request is served, and the connection breaks before the answer.
    AnswerLost,
    /// The request is served, and of the answer nothing is ever heard.
    Silence,
    /// The request is served twice; the answer of the first comes through, or that of the repeat.
    Twice { repeat: bool },
    /// The answer arrives; and a copy of the request arrives just before the next request does.
    Echoed,
    /// The server is still at work on the request when the client has given it up and comes back; so many bytes of the
    /// body are stored by then. Or its task has died by then, and nothing is stored.
    Stuck { stored: usize, dies: bool },
    /// A proxy answers, and nothing arrives.
    Proxied(Page),
    /// The request is served, and a proxy answers in the server's place.
    Masked(Page),
    /// The server has lost every open session; then the request arrives.
    Forgotten,
    /// The server has lost every session, and does not remember those that ended either; then the request arrives.
    Restarted,
}

/// What a proxy answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    BadGateway,
    GatewayTimeout,
    /// With `Retry-After`.
    Unavailable,
    /// 200, for a person to log in.
    Login,
    /// An Ack that nobody can read: one of its headers is longer than any may be.
    Garbled,
    Unauthorized,
    ProxyUnauthorized,
    TooLarge,
    OutOfStep,
    Redirect,
    Forbidden,
    NotFound,
}

/// 4,097 bytes: one more than a header of this protocol may have.
const TOO_LONG: &str = match std::str::from_utf8(&[b'x'; 4_097]) {
    Ok(text) => text,
    Err(_) => unreachable!(),
};

impl Page {
    pub fn response(self) -> Response<()> {
        let (status, headers): (u16, &[(&str, &str)]) = match self {
            Self::BadGateway => (502, &[]),
            Self::GatewayTimeout => (504, &[]),
            Self::Unavailable => (503, &[("Retry-After", "30")]),
            Self::Login => (200, &[("Content-Type", "text/html")]),
            Self::Garbled => (200, &[("BITS-Packet-Type", "Ack"), ("BITS-Session-Id", TOO_LONG)]),
            Self::Unauthorized => (401, &[("WWW-Authenticate", "Negotiate")]),
            Self::ProxyUnauthorized => (407, &[("Proxy-Authenticate", "NTLM")]),
            Self::TooLarge => (413, &[]),
            Self::OutOfStep => (416, &[]),
            Self::Redirect => (302, &[("Location", "http://login/")]),
            Self::Forbidden => (403, &[]),
            Self::NotFound => (404, &[]),
        };
        let response = Response::builder().status(status);
        let response =
            headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
        response.body(()).unwrap()
    }
}

/// What the caller wants while an exchange is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Suspend, and resume after so long.
    Suspend(Suspend, Duration),
    Cancel,
}

/// One exchange: what the network makes of it, and what the caller wants in the meantime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    pub fate: Fate,
    pub command: Option<Command>,
}

impl From<Fate> for Turn {
    fn from(fate: Fate) -> Self {
        Self { fate, command: None }
    }
}
