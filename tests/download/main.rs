//! Tests of downloads: the reply client (§3.6) and the reply server (§3.5).

/// Any answers and any commands, in any order.
mod arbitrary;
/// Commands of the caller.
mod commands;
/// Challenges, credentials, own headers.
mod credentials;
/// Drives a download in virtual time, one answer after another.
mod driver;
/// The requests that a download sends.
mod fetching;
/// Servers that break the rules.
mod misbehaving;
/// `multipart/byteranges` bodies in chunks of any size.
mod multipart;
/// The responder beside nginx.
mod nginx;
/// The rate limit of a download.
mod pace;
/// Web pages in the place of a reply.
mod pages;
/// Client and server over a network that loses messages.
mod pair;
/// The grammar of `Range` (RFC 9110 §14.1.2).
mod ranges;
/// Broken connections, truncated bodies, timeouts.
mod recovery;
/// The answers of a reply server (§3.5.5).
mod respond;
/// Several ranges of an application (§3.6.5.2.4.3).
mod several_ranges;
/// Downloads that are stored and restored.
mod snapshots;
/// Every pair of the transition table.
mod transitions;
/// Twins, one stored and restored before every input.
#[cfg(feature = "serde")]
mod twin;
