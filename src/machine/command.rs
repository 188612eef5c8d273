//! The arguments of commands that both clients share.

use http::HeaderMap;

/// The way to suspend an upload or a download ([C37](crate::manual::decisions#c37)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Suspend {
    /// Once the exchange under way has been answered.
    Gracefully,
    /// At once; the exchange under way is given up.
    AtOnce,
}

/// The headers that answer a challenge. They are never part of a snapshot.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Credentials {
    /// The headers, usually `Authorization` or `Proxy-Authorization`. They replace configured headers of the same name.
    pub headers: HeaderMap,
    /// Whether they hold for one connection, as NTLM's and Kerberos' do. Then they go with the next request alone, and the
    /// requests after it use the same connection.
    pub connection_bound: bool,
}

impl From<HeaderMap> for Credentials {
    fn from(headers: HeaderMap) -> Self {
        Self { headers, connection_bound: false }
    }
}
