//! The destination, as a server application is told it.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderValue, Uri};

use crate::vocabulary::InvalidValue;
use crate::vocabulary::Raw;
use crate::vocabulary::reference;

/// The destination of an entity, as a server application is told it (`BITS-Original-Request-URL`, §2.2.12.2).
///
/// ```
/// use bits_proto::notify::DestinationUrl;
///
/// let destination = DestinationUrl::new(&"http://frankcao8/upload/rfc2119.txt".parse()?)?;
/// assert_eq!(destination.to_string(), "http://frankcao8/upload/rfc2119.txt");
/// assert_eq!(destination.to_uri()?.path(), "/upload/rfc2119.txt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct DestinationUrl<'a>(Raw<'a>);

impl DestinationUrl<'static> {
    /// A destination to send. What no URI may hold is percent-encoded.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] unless it is an absolute `http` or `https` URL; [`InvalidValue::HeaderValue`] if it
    /// is over 4,096 bytes.
    pub fn new(destination: &Uri) -> Result<Self, InvalidValue> {
        if !reference::is_http(destination) {
            return Err(InvalidValue::Destination);
        }
        Raw::new(reference::escape(destination.to_string().as_bytes()).into_bytes()).map(Self)
    }
}

impl<'a> DestinationUrl<'a> {
    /// A destination as it was received.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] if it is empty, cannot stand in a header, or is over 4,096 bytes.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        Raw::new(bytes).map_err(|_| InvalidValue::Destination).and_then(Self::from_raw)
    }

    fn from_raw(raw: Raw<'a>) -> Result<Self, InvalidValue> {
        if raw.as_bytes().is_empty() { Err(InvalidValue::Destination) } else { Ok(Self(raw)) }
    }

    /// The value as it was received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The destination as a URL; what no URI may hold is percent-encoded.
    ///
    /// # Errors
    /// [`InvalidValue::Destination`] if no absolute `http` or `https` URL comes out.
    pub fn to_uri(&self) -> Result<Uri, InvalidValue> {
        let url = reference::escape(self.as_bytes()).parse::<Uri>().ok();
        url.filter(reference::is_http).ok_or(InvalidValue::Destination)
    }

    /// The same destination with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> DestinationUrl<'static> {
        DestinationUrl(self.0.into_owned())
    }
}

impl From<&DestinationUrl<'_>> for HeaderValue {
    fn from(destination: &DestinationUrl<'_>) -> Self {
        (&destination.0).into()
    }
}

/// The destination with everything but visible ASCII escaped: safe in a log.
impl fmt::Display for DestinationUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DestinationUrl<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(Raw::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for DestinationUrl<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::from_raw(u.arbitrary()?).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}
