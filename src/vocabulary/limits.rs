//! The bounds and defaults of the protocol, for programs that choose sizes and limits of their own.
//!
//! Sizes are in bytes. Section numbers are those of MC-BUP.

use std::time::Duration;

/// The longest value of a header that this protocol defines or reads: 4,096 bytes (§2.2.1, note `<2>`).
pub const MAX_HEADER_VALUE: usize = 4096;

/// The longest session id: 100 characters.
pub const MAX_SESSION_ID: usize = 100;

/// The longest `Content-Name`: 260 characters (§2.2.1.1).
pub const MAX_CONTENT_NAME: usize = 260;

/// The number of entries that of `BITS-Supported-Protocols` are looked at: 100 (note `<6>`, Q45).
pub(crate) const MAX_PROTOCOLS: usize = 100;

/// The longest `BITS-Host-Id`: 256 bytes, where a common firewall cuts.
pub const MAX_HOST_ID: usize = 256;

/// The longest `BITS-Reply-URL` that a server sends: 2,200 characters (§2.2.1.2).
pub const MAX_REPLY_URL: usize = 2200;

/// The largest size of an entity, and so the largest offset: 2^63 − 1.
pub const MAX_ENTITY_SIZE: u64 = 0x7FFF_FFFF_FFFF_FFFF;

/// The least fragment that a client shrinks to: 5 KiB (notes `<10>` and `<16>`).
///
/// It bounds shrinking only: an entity's last fragment, or its only one, may be smaller
/// ([C52](crate::manual::decisions#c52)).
pub const MIN_FRAGMENT_SIZE: u64 = 5 * 1024;

/// The largest fragment that Windows sends: 13 MiB (notes `<10>` and `<16>`).
pub const MAX_FRAGMENT_SIZE: u64 = 13 * 1024 * 1024;

/// The time that sending one request may take: 2 minutes (§3.1.2.1).
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// The time that the answer to one request may take: 5 minutes (§3.1.2.2).
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The time that sending one request for a reply may take: 5 minutes (§3.6.2.1, C50). Its answer has `RESPONSE_TIMEOUT`.
pub(crate) const DOWNLOAD_REQUEST_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The time for which an upload or a session may make no progress: 14 days (§3.2.2.1).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The time for which a server remembers a session that ended: one hour.
pub const TOMBSTONE_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The number of ended sessions that a server remembers.
pub(crate) const MAX_TOMBSTONES: usize = 65_536;

/// The first delay before a client sends again: 5 seconds.
pub const FIRST_RETRY_DELAY: Duration = Duration::from_secs(5);

/// The longest delay before a client sends again: 10 minutes, as Windows waits.
pub const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(10 * 60);

/// The number of acknowledgements that in a row may leave the offset where it was.
pub(crate) const MAX_STALLS: u32 = 10;

/// The number of times that a server may go back behind what it acknowledged, without new progress in between.
pub(crate) const MAX_REGRESSIONS: u32 = 10;

/// The number of challenges that in a row a client answers: no scheme takes as many, so the credentials are wrong.
pub(crate) const MAX_CHALLENGES: u32 = 8;

/// The number of times that an upload starts over without new progress in between.
pub(crate) const MAX_RESTARTS: u32 = 3;

/// The number of sessions that one owner may have: 50, as in IIS.
pub const SESSIONS_PER_OWNER: usize = 50;

/// The time for which a session's host may be out of reach, as IIS sends it by default: one day.
pub const HOST_ID_FALLBACK_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that sending a notification to a server application may take: 5 minutes (§3.3.2.1, [C47]).
///
/// [C47]: crate::manual::decisions#c47
pub const NOTIFICATION_SEND_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The time that a server application may take until the head of its response: 5 minutes (§3.3.2.3, [C47]).
///
/// [C47]: crate::manual::decisions#c47
pub const NOTIFICATION_HEAD_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The time that a server application may take for its whole response: 5 minutes (§3.3.2.2, [C47]).
///
/// [C47]: crate::manual::decisions#c47
pub const NOTIFICATION_RESPONSE_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The largest reply that is taken from a server application's response, unless told otherwise: 4 GiB. The bound is
/// this library's own.
pub const MAX_REPLY_SIZE: u64 = 4 * 1024 * 1024 * 1024;
/// The number of byte ranges that one request may name: 100. If it names more, all are ignored (RFC 9110 §14.2).
pub const MAX_RANGES: usize = 100;

/// The longest boundary of a `multipart/byteranges` body: 70 characters (RFC 2046 §5.1.1).
pub(crate) const MAX_BOUNDARY: usize = 70;

/// The longest text between the bytes of one part and those of the next: 8 KiB.
pub const MAX_PART_HEAD: usize = 8 * 1024;

/// The number of times that a download starts over because the entity changed meanwhile.
pub(crate) const MAX_DOWNLOAD_RESTARTS: u32 = 3;
