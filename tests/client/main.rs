//! Tests of the upload client, against answers written by hand.

/// The captured Acks of IIS, and the requests that Windows sent.
mod captures;
/// The end of an upload: closed, lost, or cancelled.
mod close_cancel;
/// A client that is killed at every output.
mod crash;
/// What each status makes an upload do: wait, and how long, or end.
mod delays;
/// Exchanges and sessions that an upload drops.
mod dropped;
/// Answers that say no (`manual::protocol`, the client's rules).
mod errors;
/// Servers that take less than a Fragment, and do not say so.
mod fragment_limits;
/// The text of a failure for a person.
mod hints;
/// A session's host that is out of reach.
mod host_fallback;
/// The host that a session moves to, and the way back.
mod hosts;
/// Headers that are ignored, and are told.
mod ignored_headers;
/// A Close whose answer was lost.
mod lost_close;
/// The offset that a server wants next.
mod offsets;
/// Rate limits, and sizes of Fragments.
mod pace;
/// Settings for peers and for proxies.
mod peers;
/// A Fragment whose Ack was lost.
mod recovery;
/// A server that refuses Pings.
mod refused_pings;
/// Upload-reply: the reply is fetched before Close-Session.
mod reply;
/// Delays, timers, and giving up.
mod retries;
/// The path on which nothing goes wrong.
mod session;
/// Lines and servers in virtual time, on which adaptive Fragments must arrive.
mod simulations;
/// Snapshots that were tampered with.
mod snapshot_properties;
/// Uploads that are stored and restored in every state.
mod snapshots;
/// Connections that turn out closed.
mod stale_connections;
/// What a strict client makes of Acks that break MC-BUP's rules.
mod strict;
/// Suspending and resuming in every state.
mod suspend;
/// Every pair of the transition table.
mod transitions;
/// Two uploads, of which one is restored before every input.
mod twins;
/// Acks that break the protocol, counted.
mod violations;
/// Answers that say two things at once.
mod which_rule_wins;
