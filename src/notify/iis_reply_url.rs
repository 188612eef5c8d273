//! Where IIS serves replies.

use http::Uri;

use crate::vocabulary::Guid;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::ReplyUrl;
use crate::vocabulary::reference;

/// Where IIS serves the reply of a session: in a folder of its own beside the destination.
///
/// IIS itself writes it relative and with backslashes (`captures/upload-reply/08-fragment.ack`); this is the path that
/// a client must make of it (`09-reply-get.req`), and that every client understands (C41).
///
/// ```
/// use bits_proto::notify::iis_reply_url;
///
/// let destination = "http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt".parse()?;
/// let url = iis_reply_url(&destination, "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse()?)?;
/// assert_eq!(
///     url.to_string(),
///     "/upload-ref-isapi-WebFarm/BITS-Sessions/Replies/%7BC85B4E0A-9EB9-4114-BFA4-8A43B4710091%7D/responsefile.bin",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`InvalidValue::ReplyUrl`] if it cannot stand in a header, since the path of the destination is too long.
pub fn iis_reply_url(destination: &Uri, session: Guid) -> Result<ReplyUrl<'static>, InvalidValue> {
    let (folder, _) = destination.path().rsplit_once('/').unwrap_or_default();
    // What begins with two slashes would name a host (RFC 3986 §4.2).
    let root = if folder.starts_with("//") { "/." } else { "" };
    let path = format!("{root}{folder}/BITS-Sessions/Replies/{session}/responsefile.bin");
    ReplyUrl::from_bytes(reference::escape(path.as_bytes()).into_bytes())
}
