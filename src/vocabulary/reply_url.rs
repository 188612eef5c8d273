//! The URL of the reply to an upload.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderValue, Uri};

use super::Raw;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::reference;

/// The address of the reply to an upload (`BITS-Reply-URL`, §2.2.7.2), as it was received.
///
/// The value may be relative, with backslashes and with characters that no URI may hold:
/// [`ReplyUrl::resolve`] makes a URL of it. Windows does so between
/// [`upload-reply/08-fragment.ack`](crate::manual::captures#upload-reply-08-fragment-ack) and
/// [`upload-reply/09-reply-get.req`](crate::manual::captures#upload-reply-09-reply-get-req); here with a shorter GUID:
///
/// ```
/// use bits_proto::ReplyUrl;
///
/// let reply = ReplyUrl::from_bytes(&br"BITS-Sessions\Replies\{C85B}\responsefile.bin"[..])?;
/// let destination = "http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt".parse()?;
/// assert_eq!(
///     reply.resolve(&destination)?,
///     "http://frankcao8/upload-ref-isapi-WebFarm/BITS-Sessions/Replies/%7BC85B%7D/responsefile.bin",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct ReplyUrl<'a>(Raw<'a>);

impl<'a> ReplyUrl<'a> {
    /// A reply URL as it was received, or as it shall be sent.
    ///
    /// # Errors
    /// [`InvalidValue::ReplyUrl`] if it is empty, cannot stand in a header, or is over 4,096 bytes.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        Raw::new(bytes).map_err(|_| InvalidValue::ReplyUrl).and_then(Self::from_raw)
    }

    /// A URL that this library made: visible ASCII, and short.
    pub(crate) fn from_checked(url: Vec<u8>) -> ReplyUrl<'static> {
        ReplyUrl(Raw::from_checked(url))
    }

    fn from_raw(raw: Raw<'a>) -> Result<Self, InvalidValue> {
        if raw.as_bytes().is_empty() { Err(InvalidValue::ReplyUrl) } else { Ok(Self(raw)) }
    }

    /// The value as it was received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The URL of the reply: `\` becomes `/`, what no URI may hold is percent-encoded, and the rest is resolved
    /// against the destination as the caller gave it (RFC 3986 §5.2), not against a host that a server named.
    ///
    /// The result may be on another host than `destination`: whether to follow it there is a matter of trust.
    ///
    /// # Errors
    /// [`InvalidValue::ReplyUrl`] if no absolute `http` or `https` URL comes out.
    pub fn resolve(&self, destination: &Uri) -> Result<Uri, InvalidValue> {
        reference::resolve(&reference::normalise(self.as_bytes()), destination).ok_or(InvalidValue::ReplyUrl)
    }

    /// The same value with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> ReplyUrl<'static> {
        ReplyUrl(self.0.into_owned())
    }
}

impl From<&ReplyUrl<'_>> for HeaderValue {
    fn from(url: &ReplyUrl<'_>) -> Self {
        (&url.0).into()
    }
}

impl fmt::Display for ReplyUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for ReplyUrl<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(Raw::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ReplyUrl<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::from_raw(u.arbitrary()?).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(reply: &str, destination: &str) -> Option<String> {
        let reply = ReplyUrl::from_bytes(reply.as_bytes()).unwrap();
        reply.resolve(&destination.parse().unwrap()).ok().map(|url| url.to_string())
    }

    #[test]
    fn q25_reply_urls_resolve_against_the_destination() {
        let destination = "https://origin:8443/a/b/file.bin?token=1";
        for (reply, expected) in [
            (r"Replies\{1}\x y.bin", "https://origin:8443/a/b/Replies/%7B1%7D/x%20y.bin"),
            ("/r/1", "https://origin:8443/r/1"),
            (r"\r\1", "https://origin:8443/r/1"),
            ("../r?x=1", "https://origin:8443/a/r?x=1"),
            ("../../../../r/./s/..", "https://origin:8443/r/"),
            ("?only=query", "https://origin:8443/a/b/file.bin?only=query"),
            ("http://other/r/../s", "http://other/s"),
            ("//other:1/r", "https://other:1/r"),
            ("r#fragment", "https://origin:8443/a/b/r"),
            ("caf\u{e9}|\"", "https://origin:8443/a/b/caf%C3%A9%7C%22"),
            ("already%20encoded", "https://origin:8443/a/b/already%20encoded"),
        ] {
            assert_eq!(resolved(reply, destination).as_deref(), Some(expected), "{reply}");
        }
    }

    #[test]
    fn q25_what_gives_no_url_is_refused() {
        for reply in [
            "ftp://other/r",
            "file:///etc/passwd",
            "http:///r",
            "http:r",
            "javascript:alert(1)",
            "http://a b/",
        ] {
            assert_eq!(resolved(reply, "http://origin/a"), None, "{reply}");
        }
        assert_eq!(resolved("r", "/no/host"), None);
        assert_eq!(ReplyUrl::from_bytes(&b""[..]), Err(InvalidValue::ReplyUrl));
    }
}
