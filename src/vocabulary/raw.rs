//! The bytes of one header value.

use std::borrow::Cow;
use std::fmt;

use http::HeaderValue;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::MAX_HEADER_VALUE;

/// The bytes of one header value: 4,096 at most, none of them a control character but the tab.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Raw<'a>(Cow<'a, [u8]>);

impl<'a> Raw<'a> {
    pub(crate) fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        let bytes = bytes.into();
        let legal = |&byte: &u8| byte == b'\t' || !byte.is_ascii_control();
        if bytes.len() <= MAX_HEADER_VALUE && bytes.iter().all(legal) {
            Ok(Self(bytes))
        } else {
            Err(InvalidValue::HeaderValue)
        }
    }

    /// Bytes that were legal before.
    pub(crate) fn from_checked(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_owned(self) -> Raw<'static> {
        Raw(Cow::Owned(self.0.into_owned()))
    }
}

/// A value of legal bytes always converts: what stands in its place cannot be reached.
impl From<&Raw<'_>> for HeaderValue {
    fn from(raw: &Raw<'_>) -> Self {
        Self::from_bytes(raw.as_bytes()).unwrap_or(Self::from_static(""))
    }
}

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.escape_ascii(), f)
    }
}

impl fmt::Debug for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// As a string with one character a byte (ISO 8859-1, as HTTP once read header values), so that no byte is lost.
#[cfg(feature = "serde")]
impl serde::Serialize for Raw<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.iter().copied().map(char::from).collect::<String>())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Raw<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
        Self::new(bytes.map_err(D::Error::custom)?).map_err(D::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Raw<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::new(u.arbitrary::<&[u8]>()?).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}
