//! The host that an upload talks to.

use http::Uri;

use crate::vocabulary::HostId;

/// Which hosts a server may move a session to by `BITS-Host-Id` (§1.3.4.2).
///
/// The entity and the caller's credentials go to that host: whom to follow is a matter of trust. The scheme never
/// changes, so `https` stays `https`. The host of the destination itself is always followed.
///
/// ```
/// use bits_proto::client::{Config, HostPolicy};
/// use http::Uri;
///
/// let destination: Uri = "https://upload.example.org/nightly.tar".parse()?;
/// let policy = HostPolicy::Domain("example.org".to_owned());
/// assert!(policy.allows(&destination, &"node-7.upload.example.org".parse()?));
/// assert!(!policy.allows(&destination, &"example.net".parse()?));
/// assert!(HostPolicy::Never.allows(&destination, &"upload.example.org".parse()?));
///
/// let config = Config::builder().host_policy(policy).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum HostPolicy {
    /// Any host, as Windows follows. The default.
    #[default]
    Any,
    /// This domain and every name below it: `example.org` allows `example.org` and `upload.example.org`.
    ///
    /// The caller names the domain, because the list of public suffixes changes often.
    Domain(String),
    /// No other host.
    Never,
}

impl HostPolicy {
    /// Whether requests to `destination` may go to `host` instead.
    #[must_use]
    pub fn allows(&self, destination: &Uri, host: &HostId<'_>) -> bool {
        let name = host.host();
        let same = destination
            .host()
            .is_some_and(|origin| origin.trim_matches(['[', ']']).eq_ignore_ascii_case(name));
        let same_port = host.port().is_none() || host.port() == destination.port_u16();
        match self {
            _ if same && same_port => true,
            Self::Any => true,
            Self::Domain(domain) => is_within(name, domain),
            Self::Never => false,
        }
    }
}

fn is_within(name: &str, domain: &str) -> bool {
    let (name, domain) =
        (name.trim_end_matches('.').to_ascii_lowercase(), domain.trim_matches('.').to_ascii_lowercase());
    let below = name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    below && !domain.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(policy: &HostPolicy, host: &str) -> bool {
        policy.allows(&"https://www.example.org:8443/x".parse().unwrap(), &host.parse().unwrap())
    }

    #[test]
    fn a_domain_allows_itself_and_what_is_below() {
        let policy = HostPolicy::Domain("Example.org".to_owned());
        for host in ["example.org", "UPLOAD.example.org", "a.b.example.org", "upload.example.org:1"] {
            assert!(allows(&policy, host), "{host}");
        }
        for host in ["badexample.org", "example.org.evil.net", "org", "192.0.2.1", "::1"] {
            assert!(!allows(&policy, host), "{host}");
        }
        assert!(!allows(&HostPolicy::Domain(String::new()), "anything"));
    }

    #[test]
    fn the_destinations_own_host_is_always_followed() {
        for host in ["WWW.EXAMPLE.ORG", "www.example.org:8443"] {
            assert!(allows(&HostPolicy::Never, host), "{host}");
        }
        for host in ["www.example.org:22", "example.org"] {
            assert!(!allows(&HostPolicy::Never, host), "{host}");
        }
        assert!(allows(&HostPolicy::Any, "evil.net"));
    }
}
