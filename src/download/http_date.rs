//! Dates as HTTP writes them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::digits::trim;
use crate::vocabulary::http_date;

/// A time in whole seconds, as HTTP writes it (RFC 9110 §5.6.7): `Mon, 18 Jun 2007 21:12:01 GMT`.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use bits_proto::download::HttpDate;
///
/// let date: HttpDate = "Mon, 18 Jun 2007 21:12:01 GMT".parse()?;
/// assert_eq!(date, "Monday, 18-Jun-07 21:12:01 GMT".parse()?, "an old form of the same time");
/// let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_182_201_121_999);
/// assert_eq!(HttpDate::from(time).to_string(), "Mon, 18 Jun 2007 21:12:01 GMT");
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HttpDate {
    /// Seconds since the beginning of 1970.
    seconds: u64,
}

impl HttpDate {
    /// Reads a header's value: the current form, or one of the two obsolete ones.
    ///
    /// # Errors
    /// [`InvalidValue::HttpDate`] if it is no date between 1970 and 9999.
    pub fn from_bytes(text: &[u8]) -> Result<Self, InvalidValue> {
        let seconds = http_date::seconds(trim(text)).ok_or(InvalidValue::HttpDate)?;
        Ok(Self { seconds })
    }

    /// The date as a header's value.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_maybe_shared(bytes::Bytes::from(self.to_string()))
            .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
    }
}

/// Without the part of a second. What is before 1970 or after 9999 becomes the nearest date that HTTP can write.
impl From<SystemTime> for HttpDate {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { seconds: since.as_secs().min(http_date::LATEST) }
    }
}

impl fmt::Display for HttpDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        http_date::write(self.seconds, f)
    }
}

impl FromStr for HttpDate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

crate::vocabulary::text::serde_as_text!(HttpDate);
