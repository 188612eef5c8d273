//! The client of a request: the other end of a connection, or the one that a trusted proxy names.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// At this address. An IPv4 address that is mapped into IPv6 is an IPv4 address.
    Ip(IpAddr),
    /// On this machine, over a Unix socket.
    Local,
}

impl Peer {
    /// Whose share of connections, uploads and wrong passwords it takes: a network with IPv6 gives each of its machines 2⁶⁴
    /// addresses, which are one.
    pub(crate) fn share(self) -> Self {
        match self {
            Self::Ip(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self::Ip(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            other => other,
        }
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Local => f.write_str("local"),
        }
    }
}

/// A proxy that is believed: an address, a network such as `10.0.0.0/8`, or `unix` for whoever reaches a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustedProxy {
    Network(IpNet),
    Local,
}

impl FromStr for TrustedProxy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "unix" {
            return Ok(Self::Local);
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| "it is an address, a network such as 10.0.0.0/8, or unix")?;
        Ok(Self::Network(canonical(network)))
    }
}

/// A network of IPv4 addresses that are mapped into IPv6 is one of IPv4 addresses, as [`Peer`] has them.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match network {
        IpNet::V6(network) => network.addr().to_ipv4_mapped().zip(network.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    mapped.and_then(|(address, length)| IpNet::new(address.into(), length).ok()).unwrap_or(network)
}

/// The proxies that are believed when they say whom they ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proxies(Vec<TrustedProxy>);

impl Proxies {
    pub(crate) fn new(proxies: Vec<TrustedProxy>) -> Self {
        Self(proxies)
    }

    pub(crate) fn trusts(&self, peer: Peer) -> bool {
        self.0.iter().any(|proxy| match (proxy, peer) {
            (TrustedProxy::Network(network), Peer::Ip(address)) => network.contains(&address),
            (TrustedProxy::Local, Peer::Local) => true,
            _ => false,
        })
    }

    /// Returns whom a request comes from.
    ///
    /// The nearest address that is no trusted proxy counts: each proxy appends the address that it sees, so whatever
    /// is left of that address is hearsay. A proxy writes `X-Forwarded-For` or `Forwarded` and passes the other one
    /// on as the client sent it. So where both are there and do not agree, neither is believed.
    pub(crate) fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        if !self.trusts(peer) {
            return peer;
        }
        let hops = |name: &HeaderName, read: fn(&str) -> Option<IpAddr>| {
            let mut hops = headers.get_all(name).iter().peekable();
            hops.peek()?;
            let values = hops.map(|value| value.to_str().unwrap_or_default()).collect::<Vec<_>>().join(",");
            Some(self.nearest(peer, from_the_end(&values, ',').map(read)))
        };
        match (hops(&X_FORWARDED_FOR, address), hops(&FORWARDED, forwarded)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(client), _) | (None, Some(client)) => client,
            (None, None) => peer,
        }
    }

    /// The first address that is no trusted proxy, of hops from the nearest on. Where something cannot be read, whoever wrote it is
    /// the last one known.
    fn nearest(&self, peer: Peer, hops: impl Iterator<Item = Option<IpAddr>>) -> Peer {
        let mut nearest = peer;
        for hop in hops {
            let Some(hop) = hop else { return nearest };
            nearest = hop.into();
            if !self.trusts(nearest) {
                return nearest;
            }
        }
        nearest
    }
}

/// The parts of a list, the last one first. A separator within a quoted string is none: a proxy quotes what a client calls the host, say,
/// and that must not be taken for a hop. They are told apart from the end on, because the end was written by the nearest proxy, and a quotation mark
/// that a client leaves open is before it.
fn from_the_end(list: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut is_quoted = false;
        let found = text.char_indices().rev().find(|&(at, letter)| {
            if letter == '"' && !is_escaped(text, at) {
                is_quoted = !is_quoted;
            }
            letter == separator && !is_quoted
        });
        let (before, part) = match found {
            Some((at, separator)) => (text.get(..at), text.get(at + separator.len_utf8()..)),
            None => (None, Some(text)),
        };
        rest = before;
        part
    })
}

/// Whether a letter of a quoted string is behind a backslash that means the letter itself.
fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}

/// The address of an element of `Forwarded` (RFC 7239 §4): that of its `for`.
fn forwarded(element: &str) -> Option<IpAddr> {
    let mut nodes = from_the_end(element, ';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    });
    let node = nodes.next().filter(|_| nodes.next().is_none())?.trim();
    let node = node.strip_prefix('"').map_or(Some(node), |quoted| quoted.strip_suffix('"'))?;
    address(node)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some(socket.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|proxy| proxy.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        Proxies::new(trusted.into()).client(Peer::from(peer.parse::<IpAddr>().unwrap()), &map).to_string()
    }

    #[test]
    fn a_stranger_is_who_he_is_whatever_he_says() {
        for name in ["X-Forwarded-For", "Forwarded"] {
            assert_eq!(client("192.0.2.9", &[(name, "for=192.0.2.1"), (name, "192.0.2.1")]), "192.0.2.9");
        }
    }

    #[test]
    fn of_what_a_proxy_says_the_nearest_stranger_counts() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            // What the client said itself, and what the proxies appended.
            ("198.51.100.1, 192.0.2.1", "192.0.2.1"),
            ("198.51.100.1, 192.0.2.1 , 10.1.2.3,127.0.0.1", "192.0.2.1"),
            ("198.51.100.1,10.1.2.3, nonsense, 10.9.9.9", "10.9.9.9"),
            ("10.1.2.3", "10.1.2.3"),
            ("", "127.0.0.1"),
            ("unknown", "127.0.0.1"),
            ("192.0.2.1, 127.0.0.1.evil", "127.0.0.1"),
        ] {
            assert_eq!(client("127.0.0.1", &[("X-Forwarded-For", value)]), expected, "{value:?}");
        }
        assert_eq!(client("::ffff:10.0.0.1", &[("X-Forwarded-For", "192.0.2.1")]), "192.0.2.1");
        let lines = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.1, 10.0.0.1")];
        assert_eq!(client("10.0.0.2", &lines), "192.0.2.1");
    }

    /// RFC 7239 §4 and §6: its examples, and some that are none.
    #[test]
    fn the_standard_header_says_the_same() {
        for (value, expected) in [
            (r#"For="[2001:db8:cafe::17]:4711""#, "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            (r#"for=192.0.2.43, for="10.0.0.1:80""#, "192.0.2.43"),
            (r#"for="_gazonk""#, "127.0.0.1"),
            ("for=unknown", "127.0.0.1"),
            ("by=192.0.2.43", "127.0.0.1"),
            ("for=192.0.2.1;for=192.0.2.2", "127.0.0.1"),
            (r#"for="192.0.2.1"#, "127.0.0.1"),
            // What a proxy quotes is no hop, and no address.
            (r#"for=192.0.2.1;host="x,for=198.51.100.1;y""#, "192.0.2.1"),
            (r#"host="x;for=198.51.100.1";for=192.0.2.1"#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="\",for=198.51.100.1;y""#, "192.0.2.1"),
            (r#"for=192.0.2.1;host="\\";by=x, for="10.0.0.1""#, "192.0.2.1"),
            // A quotation mark that the client leaves open swallows nothing.
            (r#"for=198.51.100.1;x=", for="[2001:db8::1]:80""#, "2001:db8::1"),
            (r#"for=198.51.100.1;x="\, for=192.0.2.1"#, "192.0.2.1"),
        ] {
            assert_eq!(client("127.0.0.1", &[("Forwarded", value)]), expected, "{value}");
        }
    }

    #[test]
    fn a_header_that_the_proxy_only_passes_on_is_no_way_to_lie() {
        let both = |forwarded| [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", forwarded)];
        assert_eq!(client("127.0.0.1", &both("for=192.0.2.1")), "192.0.2.1");
        assert_eq!(client("127.0.0.1", &both("for=198.51.100.1")), "127.0.0.1");
    }

    #[test]
    fn a_socket_on_this_machine_is_trusted_by_its_name() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, "192.0.2.1".parse().unwrap());
        let client =
            |proxies: Vec<TrustedProxy>| Proxies::new(proxies).client(Peer::Local, &headers).to_string();
        assert_eq!(client(vec!["unix".parse().unwrap()]), "192.0.2.1");
        assert_eq!(client(vec!["0.0.0.0/0".parse().unwrap()]), "local");
    }

    #[test]
    fn a_proxy_whose_address_is_mapped_into_ipv6_is_the_same_one() {
        for (proxy, peer) in [
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.9.9.9"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ] {
            let proxies = Proxies::new(vec![proxy.parse().unwrap()]);
            assert!(proxies.trusts(Peer::from(peer.parse::<IpAddr>().unwrap())), "{proxy} {peer}");
        }
        let proxies = Proxies::new(vec!["::/0".parse().unwrap(), "::ffff:10.0.0.1".parse().unwrap()]);
        assert!(!proxies.trusts(Peer::from("10.0.0.2".parse::<IpAddr>().unwrap())));
    }

    #[test]
    fn the_addresses_of_one_machine_share_what_there_is() {
        let share = |address: &str| Peer::from(address.parse::<IpAddr>().unwrap()).share();
        assert_eq!(share("2001:db8:1:2:3:4:5:6"), share("2001:db8:1:2::ffff"));
        assert_ne!(share("2001:db8:1:2::1"), share("2001:db8:1:3::1"));
        assert_ne!(share("192.0.2.1"), share("192.0.2.2"));
        assert_eq!(share("::ffff:192.0.2.1"), share("192.0.2.1"));
    }

    #[test]
    fn what_no_proxy_looks_like() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "unix:/run/x", "10.0.0.1:80"] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
    }
}
