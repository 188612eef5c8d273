//! The files of a notification by reference.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::Raw;
use crate::vocabulary::digits::trim;

/// The full path of a file that a server and its application share (`BITS-Request-DataFile-Name` and
/// `BITS-Response-DataFile-Name`, §2.2.12.2), as it was received or as it shall be sent: a local path where both are on
/// one host, else a UNC path.
///
/// A server application reads and writes where it says: **take notifications from your own server alone.**
///
/// ```
/// use bits_proto::notify::DataFilePath;
///
/// let path: DataFilePath = r"C:\bits\web\upload\BITS-Sessions\Requests\requestfile.bin".parse()?;
/// assert_eq!(path.as_str(), Some(r"C:\bits\web\upload\BITS-Sessions\Requests\requestfile.bin"));
/// assert!("C:\\two\r\nlines".parse::<DataFilePath>().is_err());
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub struct DataFilePath<'a>(Raw<'a>);

/// The two files of a notification by reference.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "the headers are these two")]
pub struct DataFiles<'a> {
    /// The place of the entity.
    pub request: DataFilePath<'a>,
    /// The place where the application puts its reply, if it has one. No file is there before.
    pub response: DataFilePath<'a>,
}

impl<'a> DataFilePath<'a> {
    /// A path in the bytes that stand in the header.
    ///
    /// # Errors
    /// [`InvalidValue::DataFilePath`] if it is empty, begins or ends with a blank, has control characters, or is over
    /// 4,096 bytes.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        Raw::new(bytes).map_err(|_| InvalidValue::DataFilePath).and_then(Self::from_raw)
    }

    /// HTTP takes blanks at the ends of a value away: a path that has some would arrive as another.
    fn from_raw(raw: Raw<'a>) -> Result<Self, InvalidValue> {
        let bytes = raw.as_bytes();
        if bytes.is_empty() || trim(bytes) != bytes { Err(InvalidValue::DataFilePath) } else { Ok(Self(raw)) }
    }

    /// The path as it was received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The path as text; `None` where it is not in UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The same path with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> DataFilePath<'static> {
        DataFilePath(self.0.into_owned())
    }
}

impl DataFiles<'_> {
    /// The same files with their bytes owned.
    #[must_use]
    pub fn into_owned(self) -> DataFiles<'static> {
        DataFiles { request: self.request.into_owned(), response: self.response.into_owned() }
    }
}

impl FromStr for DataFilePath<'static> {
    type Err = InvalidValue;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(path.as_bytes().to_vec())
    }
}

impl From<&DataFilePath<'_>> for HeaderValue {
    fn from(path: &DataFilePath<'_>) -> Self {
        (&path.0).into()
    }
}

/// The path with everything but visible ASCII escaped: safe in a log.
impl fmt::Display for DataFilePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for DataFilePath<'_> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_raw(Raw::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for DataFilePath<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::from_raw(u.arbitrary()?).map_err(|_| arbitrary::Error::IncorrectFormat)
    }
}
