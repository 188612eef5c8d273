//! Tests of the upload server, in memory and in virtual time.

/// The captured requests of Windows, answered as IIS answered them.
mod captures;
/// Close-Session and Cancel-Session.
mod close;
/// A server that is killed at every step.
mod crash;
/// Sessions as rows of a database, shared by two processes.
mod database;
/// A directory whose configuration changes (§3.2.4.2).
mod disabled;
/// Every error that a server sends, and the order of the checks (C55).
mod errors;
/// Fragments and their bodies (`manual::protocol`, Packets).
mod fragments;
/// The server application is notified (§3.2.5.1.3).
mod notification;
/// Properties under any order of requests and reports.
mod properties;
/// Requests that race for one session.
mod races;
/// Reports that are late, or that nobody asked for.
mod reports;
/// Records: saving, restoring, and what nobody asked for.
mod saving;
/// A session without a table.
mod session;
/// Snapshots that were tampered with.
mod snapshot_properties;
/// Sessions that are stored and restored in every state.
mod snapshots;
/// The table of sessions: its bounds, deadlines and owners.
mod table;
/// Every pair of the transition table.
mod transitions;
