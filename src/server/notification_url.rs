//! The address of a server application.

use std::fmt;
use std::str::FromStr;

use http::Uri;

use crate::vocabulary::InvalidValue;
use crate::vocabulary::reference;
use crate::vocabulary::text::serde_as_text;

/// The address of a server application (`NotificationURL`, §3.2.1.1): a URL, or a reference that is relative to the
/// destination of the upload.
///
/// A client chooses the destination of its upload, so with a relative reference it chooses the folder in which the
/// application is looked for: prefer one that begins with `http` or with `/`. It may be `https`
/// ([C48](crate::manual::decisions#c48)).
///
/// ```
/// use bits_proto::notify::NotificationUrl;
///
/// let url: NotificationUrl = "/bitsasp/test.REPLY".parse()?;
/// let destination = "http://frankcao8/upload/rfc2119.txt?user=7".parse()?;
/// assert_eq!(url.resolve(&destination)?, "http://frankcao8/bitsasp/test.REPLY?user=7");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NotificationUrl(Box<str>);

impl NotificationUrl {
    /// The text as it was configured.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL that an upload to `destination` is notified at: resolved against it (RFC 3986 §5.2), with the
    /// destination's query after its own.
    ///
    /// # Errors
    /// [`InvalidValue::NotificationUrl`] if no absolute `http` or `https` URL comes out: `destination` must be one.
    pub fn resolve(&self, destination: &Uri) -> Result<Uri, InvalidValue> {
        reference::resolve(&reference::normalise(self.0.as_bytes()), destination)
            .and_then(|url| with_query(url, destination.query().unwrap_or_default()))
            .ok_or(InvalidValue::NotificationUrl)
    }
}

fn with_query(url: Uri, query: &str) -> Option<Uri> {
    if query.is_empty() {
        return Some(url);
    }
    let own = url.query().unwrap_or_default();
    let separator = if own.is_empty() { "" } else { "&" };
    let target = format!("{}?{own}{separator}{query}", url.path());
    let mut parts = url.into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Takes a text that gives a URL for every destination.
impl FromStr for NotificationUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reference = reference::normalise(text.as_bytes());
        let names_something = !reference.is_empty() && !reference.starts_with('#');
        let any_destination = Uri::from_static("http://destination/");
        reference::resolve(&reference, &any_destination)
            .filter(|_| names_something)
            .map(|_| Self(text.into()))
            .ok_or(InvalidValue::NotificationUrl)
    }
}

impl fmt::Display for NotificationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(NotificationUrl);
