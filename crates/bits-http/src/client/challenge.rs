//! A server, or a proxy, that wants to know who uploads.

use std::fmt;

use bits_proto::client::Credentials;
use http::{HeaderValue, StatusCode, Uri};

/// A server, or a proxy, that wants to know who uploads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Challenge<'c> {
    /// 401 from the server, 407 from a proxy.
    pub status: StatusCode,
    /// The values of `WWW-Authenticate`, or of `Proxy-Authenticate`. One may hold several challenges
    /// ([Q36](bits_proto::manual::tolerances#q36)).
    pub values: &'c [HeaderValue],
    /// What the request was for.
    pub url: &'c Uri,
    /// The number of challenges before this one, without a success in between. Above 0, the last credentials were refused or were
    /// not enough.
    pub earlier: u32,
    /// Whether the credentials are for the download of the reply, and not for the upload.
    pub is_for_reply: bool,
}

type Answerer = Box<dyn FnMut(&Challenge<'_>) -> Option<Credentials> + Send>;

/// Who answers challenges.
#[derive(Default)]
pub(super) struct Authenticator(Option<Answerer>);

impl Authenticator {
    pub(super) fn new(answerer: Answerer) -> Self {
        Self(Some(answerer))
    }

    pub(super) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn answer(&mut self, challenge: &Challenge<'_>) -> Option<Credentials> {
        self.0.as_mut().and_then(|answerer| answerer(challenge))
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authenticator").field(&self.is_there()).finish()
    }
}
