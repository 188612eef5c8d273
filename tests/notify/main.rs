//! Tests of notifications: the back-end client (§3.3) and the server application (§3.4).

/// The answers of a server application.
mod answers;
/// Errors of a server application, seen by the client.
mod application_errors;
/// The captured notification of IIS and its answer.
mod captures;
/// Properties under any order of inputs.
mod properties;
/// The reply that the client gets.
mod replies;
/// The requests that a server application accepts.
mod requests;
/// The serde forms of notifications.
mod serde;
/// A session, its notification and the application joined.
mod sessions;
/// The three timers of §3.3.2.
mod timers;
/// Every pair of the transition table.
mod transitions;
/// Twins, one stored and restored before every input.
#[cfg(feature = "serde")]
mod twin;
/// The URLs of notifications and replies.
mod urls;
