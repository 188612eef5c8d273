//! The place where IIS serves replies: the URL of a session's reply, and the session of such a URL.

use crate::vocabulary::Guid;
use crate::vocabulary::ReplyUrl;
use crate::vocabulary::reference;

/// The folder beside the destination.
const FOLDERS: [&str; 2] = ["BITS-Sessions", "Replies"];

const FILE: &str = "responsefile.bin";

/// The URL of the reply of a session as IIS has it: in a folder beside the destination, and **relative** to that.
///
/// The client resolves it against the destination that it knows (§3.1.5.1.4, [C41]). So it is right behind a proxy
/// that strips a prefix or serves another name, too. IIS itself writes it with backslashes and braces
/// ([`upload-reply/08-fragment.ack`](crate::manual::captures#upload-reply-08-fragment-ack)); here it is as a client
/// must read that ([`upload-reply/09-reply-get.req`](crate::manual::captures#upload-reply-09-reply-get-req)), so that
/// every client understands it.
///
/// ```
/// use bits_proto::notify::{iis_reply_session, iis_reply_url};
///
/// let session = "{C85B4E0A-9EB9-4114-BFA4-8A43B4710091}".parse()?;
/// let url = iis_reply_url(session);
/// assert_eq!(
///     url.to_string(),
///     "BITS-Sessions/Replies/%7BC85B4E0A-9EB9-4114-BFA4-8A43B4710091%7D/responsefile.bin",
/// );
/// // The client fetches it there, and the reply server finds the session again.
/// let got = url.resolve(&"http://frankcao8/upload-ref-isapi-WebFarm/2100mb-rfc2119.txt".parse()?)?;
/// assert_eq!(iis_reply_session(got.path()), Some(session));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [C41]: crate::manual::decisions#c41
#[must_use]
pub fn iis_reply_url(session: Guid) -> ReplyUrl<'static> {
    let [sessions, replies] = FOLDERS;
    let path = format!("{sessions}/{replies}/{session}/{FILE}");
    ReplyUrl::from_checked(reference::escape(path.as_bytes()).into_bytes())
}

/// The session to whose reply this path of a request leads, if it is one that [`iis_reply_url`] gives, in whatever folder.
///
/// The path is as it stands in the request, percent-encoded or not, with slashes or with backslashes. Nothing but the
/// session's id is taken from it, so that no path of a stranger reaches a file system. Everybody who knows the id can read
/// the reply, unless the server checks who asks.
#[must_use]
pub fn iis_reply_session(path: &str) -> Option<Guid> {
    let path = reference::decode(path)?;
    let mut segments = path.rsplit(['/', '\\']);
    let file = segments.next()?;
    let session = segments.next()?;
    let [sessions, replies] = FOLDERS;
    let is_place = file.eq_ignore_ascii_case(FILE)
        && segments.next()?.eq_ignore_ascii_case(replies)
        && segments.next()?.eq_ignore_ascii_case(sessions);
    is_place.then(|| session.parse().ok())?
}
