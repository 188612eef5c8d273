//! Leased rows: sessions in a database, for several processes that serve the same uploads.
//!
//! [`Leases`] are [`Turns`](crate::server::Turns) over [`Rows`]. A row is a lease and a record: whoever works on a session holds
//! its row, runs the session in its own memory, and gives the row back with the last record.
//!
//! ```text
//!                claim                     save                       save
//!   row at rest ───────▶ held by number 7 ──────▶ held by number 7 … ──────▶ row at rest
//!                        │ renewed while it works                    gives it back
//!                        └ not renewed in time: the next claim takes over,
//!                          and fences number 7 off
//! ```
//!
//! # Rules
//!
//! 1. Each claim draws the next number of its row. The newest number is the one that waits, so the newest request wins.
//! 2. The number is the [fence](crate::storage#fences). Each statement of a holder names it, and does nothing where another one holds
//!    the row. A process that slept finds that out with its next statement; the storage refuses what it writes meanwhile.
//! 3. Whoever takes over from a process that died fences the storage first, and then looks what it holds.
//! 4. A row is made before the storage makes room, so that no bytes are orphaned.
//! 5. A lost signal costs the interval of polling and nothing else.
//!
//! A Fragment costs one statement before its bytes, the claim, and one after them, which saves the record and gives the row back.
//!
//! # Quotas
//!
//! A [quota](Leases::with_quota) bounds what is published and what is promised. Each process counts by itself what the storage has published,
//! and believes its count for a while. What is promised is in the rows: a Create asks whether a byte is left, and the first
//! Fragment has the whole size promised, each in one transaction more; of those that come together for one folder, the database takes one after
//! another.
//!
//! No byte may be in neither sum. So the count notes the time of the database before it looks at the first file. An upload that ended since then may
//! have been published behind the count's back: its promise still counts. One that ended before was published before, so that
//! the count has its file.
//!
//! A byte may be in both for a moment. So an upload whose promise may be in the count as well is in doubt, and nobody is refused for it: files are
//! counted again, until it is known.

#[cfg(feature = "postgres")]
mod postgres;
mod quota;
mod registry;
mod rows;
#[cfg(test)]
mod tests;
mod turn;
mod turns;

#[cfg(feature = "postgres")]
pub use postgres::{Connect, Postgres};
pub use rows::{Asking, Claim, Claimed, Limits, Lookup, Promise, Room, Row, Rows, Signal};
pub use turn::LeaseTurn;
pub use turns::Leases;
