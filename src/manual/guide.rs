//! The guide: what a program that uses this library has to know, by the question.
//!
//! | question | chapter |
//! |---|---|
//! | How do I drive an upload? How do I authenticate, limit its rate, report its progress? | [`upload`] |
//! | How do I write a server? | [`server`] |
//! | How do I authenticate clients? Who may upload, and where to? What is the file called? | [`access`] |
//! | How does an upload, or a session, outlive my program? | [`state`] |
//! | How do several processes serve the same uploads? | [`database`] |
//! | How does an application work on what was uploaded, and reply? | [`replies`] |
//! | Which setting does this peer want? | [`peers`] |
//! | How do I limit sizes, numbers, times and rates? | [`limits`] |
//! | Which attacks are there, and who must prevent each? | [`security`] |
//! | What does 0x80200020 mean, and what helps? | [`errors`] |
//! | Where does this library differ from MC-BUP? | [`differences`] |

/// Driving an upload.
///
#[doc = include_str!("guide/upload.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("progress", "authenticate", "password", "NTLM", "Kerberos", "rate", "bandwidth"))]
pub mod upload {}

/// Writing a server.
///
#[doc = include_str!("guide/server.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("BITS_POST", "expect", "100-continue", "overwrite"))]
pub mod server {}

/// Who may upload, and where to.
///
#[doc = include_str!("guide/access.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("401", "authentication", "authorization", "owner", "Basic", "users", "file name", "path"))]
pub mod access {}

/// Storing state.
///
#[doc = include_str!("guide/state.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("crash", "restart", "resume", "persist", "save"))]
pub mod state {}

/// Sessions in a database.
///
#[doc = include_str!("guide/database.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("cluster", "load balancer", "lock", "two servers", "PostgreSQL", "SQLite"))]
pub mod database {}

/// Notifications and replies.
///
#[doc = include_str!("guide/replies.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("application", "webhook", "notification", "reply"))]
pub mod replies {}

/// Talking to real peers: which setting for which.
///
#[doc = include_str!("guide/peers.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("IIS", "Windows", "OneDrive", "proxy", "firewall", "compatibility"))]
pub mod peers {}

/// Limits, and slow clients.
///
#[doc = include_str!("guide/limits.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("quota", "slow", "throttle", "timeout", "maximum"))]
pub mod limits {}

/// Security: threats, and who answers for what.
///
#[doc = include_str!("guide/security.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("threats", "traversal", "TLS"))]
pub mod security {}

/// Every HRESULT and every status, its cause and its remedy.
///
#[doc = include_str!("guide/errors.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias(
    "0x00000000",
    "0x80070005",
    "0x80070057",
    "0x80070070",
    "0x80070112",
    "0x800705B4",
    "0x8020001D",
    "0x8020001F",
    "0x80200020",
    "0x80190191",
    "0x80190193",
    "0x80190194",
    "0x80190195",
    "0x8019019D",
    "0x801901F4",
    "0x801901F7",
    "0x80200010",
    "0x8020001B",
    "0x80200022",
    "0x80200023",
    "0x80200024",
    "0x8020002B",
    "0x80072EE2",
    "0x80072EE7",
    "0x80072EFD",
    "0x80072F8F",
    "300",
    "301",
    "400",
    "403",
    "404",
    "405",
    "407",
    "408",
    "409",
    "411",
    "413",
    "416",
    "429",
    "500",
    "501",
    "502",
    "503",
    "HRESULT"
))]
pub mod errors {}

/// What differs between the text of MC-BUP and this library.
///
#[doc = include_str!("guide/differences.md")]
///
#[doc = include_str!("rows.md")]
#[doc(alias("MC-BUP", "conformance"))]
pub mod differences {}
