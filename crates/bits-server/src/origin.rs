//! The name of this server for those who talk to it: the part of a URL before the path of the destination.

use std::str::FromStr;

use http::Uri;
use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, InvalidUri};

use crate::listen::Here;
use crate::user_dirs::Asked;

/// How the URL of a destination begins.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// As the operator says, whatever clients say.
    Public(PublicUrl),
    /// As the client says, in the target or the `Host` of its request. One that says nothing sensible is at the address
    /// where its connection came in.
    Client,
}

/// A server's name for the world: `https://example.org`, or `https://example.org/uploads` where a proxy takes the folder
/// away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

impl Origin {
    /// The whole URL of what is asked for, query included.
    pub(crate) fn url(&self, head: &Parts) -> Result<Uri, InvalidUri> {
        let uri = head.extensions.get().map_or(&head.uri, |Asked(uri)| uri);
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        match self {
            Self::Public(url) => format!("{}{target}", url.0),
            Self::Client => {
                let here = head.extensions.get::<Here>();
                let scheme = here.map_or("http", |here| here.scheme);
                let host = client_says(head).map(|host| host.to_string());
                let host = host.or_else(|| here?.address.map(|address| address.to_string()));
                format!("{scheme}://{}{target}", host.as_deref().unwrap_or("localhost"))
            }
        }
        .parse()
    }
}

fn client_says(head: &Parts) -> Option<Authority> {
    // The target goes first (RFC 9112 §3.2.2).
    let host = head.uri.authority().cloned().or_else(|| {
        let mut hosts = head.headers.get_all(HOST).iter();
        let host = hosts.next()?.to_str().ok()?.parse().ok();
        host.filter(|_| hosts.next().is_none())
    })?;
    is_host(&host).then_some(host)
}

fn is_host(authority: &Authority) -> bool {
    let port = authority.as_str().strip_prefix(authority.host());
    let port_is_fine = port.is_some_and(|port| port.is_empty() || authority.port_u16().is_some());
    !authority.host().is_empty() && port_is_fine
}

impl PublicUrl {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = text.parse::<Uri>().ok().filter(|url| {
            matches!(url.scheme_str(), Some("http" | "https"))
                && url.authority().is_some_and(is_host)
                && url.query().is_none()
                && !text.contains('#')
        });
        url.map(|url| Self(url.to_string().trim_end_matches('/').to_owned()))
            .ok_or("it looks like https://server or https://server:8443/folder")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Here = Here {
        scheme: "https",
        address: Some(std::net::SocketAddr::V4(std::net::SocketAddrV4::new(
            std::net::Ipv4Addr::new(192, 0, 2, 1),
            8080,
        ))),
    };

    fn url(origin: &Origin, here: Here, target: &str, hosts: &[&str]) -> String {
        let request =
            hosts.iter().fold(http::Request::builder(), |request, host| request.header(HOST, *host));
        let request = request.extension(here);
        let (head, ()) = request.uri(target).body(()).unwrap().into_parts();
        origin.url(&head).unwrap().to_string()
    }

    #[test]
    fn the_operator_has_the_last_word() {
        for (text, expected) in [
            ("https://example.org", "https://example.org/a?b"),
            ("https://example.org/", "https://example.org/a?b"),
            ("http://example.org:81/up/loads/", "http://example.org:81/up/loads/a?b"),
            ("http://[2001:db8::1]:81", "http://[2001:db8::1]:81/a?b"),
        ] {
            let origin = Origin::Public(text.parse().unwrap());
            assert_eq!(url(&origin, HERE, "/a?b", &["elsewhere"]), expected, "{text}");
        }
    }

    #[test]
    fn otherwise_the_client_says_what_it_calls_the_server() {
        let origin = Origin::Client;
        assert_eq!(url(&origin, HERE, "/a?b", &["Example.org"]), "https://Example.org/a?b");
        assert_eq!(url(&origin, HERE, "/a", &["example.org:8443"]), "https://example.org:8443/a");
        assert_eq!(url(&origin, HERE, "/a", &["[::1]:8443"]), "https://[::1]:8443/a");
        assert_eq!(
            url(&origin, HERE, "http://target.example/a", &["example.org"]),
            "https://target.example/a"
        );
    }

    #[test]
    fn a_host_that_makes_no_sense_does_not_count() {
        let origin = Origin::Client;
        for hosts in [
            &[][..],
            &[""],
            &["a", "b"],
            &["user@a"],
            &["a/b"],
            &["a b"],
            &["a:port"],
            &["a:99999"],
            &[":80"],
        ] {
            assert_eq!(url(&origin, HERE, "/a", hosts), "https://192.0.2.1:8080/a", "{hosts:?}");
        }
    }

    #[test]
    fn what_no_public_url_looks_like() {
        for text in [
            "",
            "example.org",
            "/folder",
            "ftp://example.org",
            "https://",
            "https://user@example.org",
            "https://example.org:99999",
            "https://example.org?query",
            "https://example.org/#fragment",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }
}
