//! The host that a session's later requests go to.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::uri::{Authority, Uri};

use crate::packet::Conformance;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::decimal;
use crate::vocabulary::limits::MAX_HOST_ID;

/// The host that all later requests of a session go to (`BITS-Host-Id`, §2.2.3.2).
///
/// A name, an IPv4 address, or an IPv6 address with or without brackets, and perhaps a port; kept as it was received.
/// This one is that of [`upload-reply/02-create-session.ack`](crate::manual::captures#upload-reply-02-create-session-ack):
///
/// ```
/// use bits_proto::{Conformance, HostId};
///
/// let host = HostId::parse(b"FRANKCAO8", Conformance::Strict)?;
/// let destination = "http://frankcao8:81/upload/a.txt?x".parse()?;
/// assert_eq!(host.redirect(&destination).to_string(), "http://FRANKCAO8:81/upload/a.txt?x");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostId<'a>(Cow<'a, str>);

impl<'a> HostId<'a> {
    /// Reads a header's value.
    ///
    /// [`Conformance::Strict`] takes a host alone, as RFC 1738 §5 and RFC 2373 Appendix B write it;
    /// [`Conformance::Interop`] also brackets and a port ([Q23](crate::manual::tolerances#q23)).
    ///
    /// # Errors
    /// [`InvalidValue::HostId`] for anything else, and past 256 bytes.
    pub fn parse(text: &'a [u8], conformance: Conformance) -> Result<Self, InvalidValue> {
        let text = std::str::from_utf8(text).map_err(|_| InvalidValue::HostId)?;
        let host = Self(Cow::Borrowed(text));
        let plain = host.port().is_none() && !text.starts_with('[');
        if host.is_legal() && (plain || !conformance.is_strict()) {
            Ok(host)
        } else {
            Err(InvalidValue::HostId)
        }
    }

    /// The text as it was received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let (host, _) = self.split();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, where one was given.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let (_, port) = self.split();
        port.and_then(|port| decimal(port.as_bytes())).and_then(|port| u16::try_from(port).ok())
    }

    /// `origin` with its host replaced by this one ([C08f](crate::manual::decisions#c08f)); the port is kept unless
    /// this one brings its own, and credentials in the URL are dropped.
    ///
    /// An `origin` without a host comes back as it is.
    #[must_use]
    pub fn redirect(&self, origin: &Uri) -> Uri {
        self.try_redirect(origin).unwrap_or_else(|| origin.clone())
    }

    /// The same host with its text owned.
    #[must_use]
    pub fn into_owned(self) -> HostId<'static> {
        HostId(Cow::Owned(self.0.into_owned()))
    }

    fn try_redirect(&self, origin: &Uri) -> Option<Uri> {
        let port = self.port().or_else(|| origin.port_u16());
        let host = self.host();
        let host = if host.contains(':') { Cow::Owned(format!("[{host}]")) } else { Cow::Borrowed(host) };
        let authority = match port {
            Some(port) => format!("{host}:{port}"),
            None => host.into_owned(),
        };
        origin.authority()?;
        let mut parts = origin.clone().into_parts();
        parts.authority = Some(authority.parse::<Authority>().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// The host and the port as they are written. More than one colon without brackets is an IPv6 address.
    fn split(&self) -> (&str, Option<&str>) {
        if let Some((host, rest)) = self.0.split_once(']') {
            return match (rest.strip_prefix(':'), rest) {
                (Some(port), _) => (self.0.get(..=host.len()).unwrap_or_default(), Some(port)),
                (None, "") => (&self.0, None),
                (None, _) => ("", None),
            };
        }
        match self.0.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            _ => (&self.0, None),
        }
    }

    fn is_legal(&self) -> bool {
        let (written, port) = self.split();
        let host = self.host();
        let legal_port = port.is_none() || self.port().is_some_and(|port| port > 0);
        let legal_name = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        let legal_host = match written.contains([':', '[', ']']) {
            true => host.parse::<Ipv6Addr>().is_ok(),
            false => legal_name(host),
        };
        self.0.len() <= MAX_HOST_ID && legal_port && legal_host
    }
}

impl FromStr for HostId<'static> {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        HostId::parse(text.as_bytes(), Conformance::Interop).map(HostId::into_owned)
    }
}

impl fmt::Display for HostId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostId({self})")
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for HostId<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for HostId<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse::<HostId<'static>>().map(|host| HostId(host.0)).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for HostId<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        match u.int_in_range(0..=2)? {
            0 => Self::parse(u.arbitrary::<&[u8]>()?, Conformance::Interop)
                .map_err(|_| arbitrary::Error::IncorrectFormat),
            1 => Ok(Self(Cow::Owned(format!(
                "[{}]:{}",
                u.arbitrary::<Ipv6Addr>()?,
                u.int_in_range(1..=u16::MAX)?
            )))),
            _ => Ok(Self(Cow::Owned(u.arbitrary::<std::net::Ipv4Addr>()?.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirected(host: &str, origin: &str) -> String {
        host.parse::<HostId<'_>>().unwrap().redirect(&origin.parse().unwrap()).to_string()
    }

    #[test]
    fn q23_names_addresses_and_ports() {
        for (text, host, port) in [
            ("FRANKCAO8", "FRANKCAO8", None),
            ("up_load-1.example.org", "up_load-1.example.org", None),
            ("192.0.2.7:8080", "192.0.2.7", Some(8080)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:443", "2001:db8::1", Some(443)),
            ("2001:db8::1", "2001:db8::1", None),
            ("::", "::", None),
        ] {
            let parsed: HostId<'_> = text.parse().unwrap();
            assert_eq!((parsed.host(), parsed.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn q23_what_is_no_host_is_refused() {
        let long = "x".repeat(257);
        for text in [
            "",
            "http://a",
            "a/b",
            "u@a",
            "a b",
            "a\tb",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "[a]",
            "[::1",
            "::1]",
            "[]",
            "[::1]x",
            "[::1]:",
            "a:b:c",
            "[::1%25eth0]",
            "h\u{e9}",
            "a?b",
            "a#b",
            "a\\b",
            &long,
        ] {
            assert!(text.parse::<HostId<'_>>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn q23_strict_takes_a_host_alone() {
        for (text, taken) in
            [("a.example", true), ("::1", true), ("a:1", false), ("[::1]", false), ("[::1]:1", false)]
        {
            assert_eq!(HostId::parse(text.as_bytes(), Conformance::Strict).is_ok(), taken, "{text}");
        }
    }

    #[test]
    fn the_port_is_kept_unless_the_host_brings_its_own() {
        assert_eq!(redirected("b", "http://a/x?q"), "http://b/x?q");
        assert_eq!(redirected("b", "http://a:81/x"), "http://b:81/x");
        assert_eq!(redirected("b:82", "http://a:81/x"), "http://b:82/x");
        assert_eq!(redirected("2001:db8::1", "https://a:81/x"), "https://[2001:db8::1]:81/x");
        assert_eq!(redirected("b", "https://user:secret@a/x"), "https://b/x");
        assert_eq!(redirected("b", "/x"), "/x");
    }
}
