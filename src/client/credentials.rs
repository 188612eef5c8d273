//! What answers a challenge.

use http::HeaderMap;

/// What answers a challenge: headers that go with requests to the destination, and to the hosts that the
/// [policy](super::HostPolicy) trusts. They are never part of a snapshot.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "the caller builds it")]
pub struct Credentials {
    /// The headers, `Authorization` or `Proxy-Authorization` as a rule.
    pub headers: HeaderMap,
    /// Whether they hold for one connection, as NTLM's and Kerberos' do: then they go with the next request alone, and
    /// [`Transmit::same_connection_as`](super::Transmit) keeps the requests after it on its connection.
    pub connection_bound: bool,
}

impl From<HeaderMap> for Credentials {
    fn from(headers: HeaderMap) -> Self {
        Self { headers, connection_bound: false }
    }
}
