//! The local file's name.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use super::Raw;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::MAX_CONTENT_NAME;

/// The local file's bare name (`Content-Name`, §2.2.1.1). Servers make no use of it.
///
/// [`ContentName::new`] is for sending and checks what Windows requires (note `<3>`). A received name is kept as it
/// came, [legal](Self::is_bare) or not: **never use one as a path.**
///
/// ```
/// use bits_proto::ContentName;
///
/// assert_eq!(ContentName::new("rfc2119.txt")?.to_string(), "rfc2119.txt");
/// assert!(ContentName::new(r"..\boot.ini").is_err());
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ContentName<'a>(Raw<'a>);

impl<'a> ContentName<'a> {
    /// A name to send: 1 to 260 characters, visible ones and spaces, and none of `\ / : * ? " < > |`.
    ///
    /// # Errors
    /// [`InvalidValue::ContentName`].
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, InvalidValue> {
        let bytes = match name.into() {
            Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
            Cow::Owned(name) => Cow::Owned(name.into_bytes()),
        };
        let name = Self::from_bytes(bytes).map_err(|_| InvalidValue::ContentName)?;
        if name.is_bare() { Ok(name) } else { Err(InvalidValue::ContentName) }
    }

    /// A name as it was received.
    ///
    /// # Errors
    /// [`InvalidValue::HeaderValue`] if the bytes cannot stand in a header, or are over 4,096.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        Raw::new(bytes).map(Self)
    }

    /// The name as it was received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether the name could be sent: the rules of [`ContentName::new`].
    #[must_use]
    pub fn is_bare(&self) -> bool {
        let bytes = self.as_bytes();
        let legal = |&byte: &u8| byte != b'\t' && !br#"\/:*?"<>|"#.contains(&byte);
        !bytes.is_empty()
            && self.length() <= MAX_CONTENT_NAME
            && bytes.iter().all(legal)
            && !bytes.starts_with(b" ")
            && !bytes.ends_with(b" ")
    }

    /// The length in characters where the bytes are UTF-8, else in bytes.
    pub(crate) fn length(&self) -> usize {
        std::str::from_utf8(self.as_bytes()).map_or(self.as_bytes().len(), |text| text.chars().count())
    }

    /// The same name with its bytes borrowed from this one.
    pub(crate) fn borrowed(&self) -> ContentName<'_> {
        ContentName(Raw::from_checked(self.as_bytes()))
    }

    /// The same name with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> ContentName<'static> {
        ContentName(self.0.into_owned())
    }
}

impl FromStr for ContentName<'static> {
    type Err = InvalidValue;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name.to_owned())
    }
}

impl From<&ContentName<'_>> for HeaderValue {
    fn from(name: &ContentName<'_>) -> Self {
        (&name.0).into()
    }
}

/// The name with everything but visible ASCII escaped: safe in a log.
impl fmt::Display for ContentName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_to_send_is_bare() {
        for name in ["a", "report 2024 (final).pdf", "caf\u{e9}.txt", &"x".repeat(260), &"\u{e9}".repeat(260)]
        {
            assert!(ContentName::new(name).is_ok(), "{name}");
        }
        let long = "x".repeat(261);
        for name in
            ["", " a", "a ", "a/b", r"a\b", "a:b", "a*", "a?", "a\"", "a<", "a>", "a|", "a\tb", "a\nb", &long]
        {
            assert_eq!(ContentName::new(name), Err(InvalidValue::ContentName), "{name:?}");
        }
    }

    #[test]
    fn q48_a_received_name_is_kept_as_it_came() {
        for name in [&b"=?utf-8?q?a?="[..], b"%2e%2e%5cx", b"caf\xe9.txt", br"..\..\x", &[b'x'; 300], b""] {
            assert_eq!(ContentName::from_bytes(name).unwrap().as_bytes(), name);
        }
        assert!(ContentName::from_bytes(&b"a\r\nb"[..]).is_err());
    }
}
