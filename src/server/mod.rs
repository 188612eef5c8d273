//! The upload server's machine (§3.2): receives entities in fragments and has them published.
//!
//! ```text
//!                 request                                    Output                    Report
//!   HTTP stack ────────────▶ Sessions ──▶ Session ───────────────────▶ the task ───────────────────┐
//!       ▲                    (a table)    (one upload)                 of this request             │
//!       │                                     ▲                           │                        │
//!       │  Ack                                └──────── next Output ◀─────┼────────────────────────┘
//!       └─────────────────────────────────────────── Respond ◀────────────┘
//! ```
//!
//! - [`Directory`] is the configuration that a directory's sessions share.
//! - [`Session`] is one upload, a plain value of a few hundred bytes.
//! - [`Sessions`] is a table of them for programs that keep them in memory: routing, owners, limits, expiry. A program with
//!   a database needs no table: see [below](#sessions-in-a-database).
//!
//! # Driving a session
//!
//! 1. A request's head arrives. [`Directory::decode`] reads it: `None` is not of this protocol, an error knows its answer.
//! 2. [`Sessions::handle_request`] returns the request's [`Exchange`], and the first [`Output`]: what to do.
//! 3. Do it, and tell [`Sessions::handle_report`] what came of it: it returns the next output *of this exchange*. No task
//!    ever receives another's work.
//! 4. [`Output::Respond`] ends the exchange: send the Ack.
//!
//! The crate's [front page](crate#one-upload) has the whole loop, and [`transitions`] says what a session does in every
//! place, whatever it meets.
//!
//! Everything that can be refused by the head alone is refused before an output asks for the body. A client that sent
//! `Expect: 100-continue` gets its `100 Continue` when [`Output::Store`] comes, and never otherwise.
//!
//! # The order of the checks
//!
//! What is wrong first decides the answer, and nothing after it is looked at (C55):
//!
//! 1. the method: not of this protocol at all, `Ok(None)`;
//! 2. the version of HTTP, the length of headers, the packet type: 400;
//! 3. `Content-Length`: 411 where it is missing, 400 where a packet without a body announces one;
//! 4. the other headers of the packet, its session id and its range among them: 400;
//! 5. whether uploads are enabled: 501;
//! 6. for Create-Session, a protocol in common: 400; how many sessions there are: 503; then what the caller says to `Open`;
//! 7. whether the session is known: 500, `BG_E_SESSION_NOT_FOUND`;
//! 8. its owner: 403, which tells neither offset nor anything else; then its destination: 400;
//! 9. whose turn it is: a newer request [waits, and has the older one stopped](#requests-that-race);
//! 10. for a Fragment, the size of the entity: 400 where it changed, `BG_E_TOO_LARGE` where it is over the maximum; the size of the
//!     fragment: 413; its place: 416.
//!
//! Steps 2 to 4 are [`Directory::decode`], the rest is [`Sessions::handle_request`]. None of them looks at the body.
//!
//! # What to do for each output
//!
//! | output | do | then report |
//! |---|---|---|
//! | [`Open`](Output::Open) | decide whether [this destination](Session::destination) may be written by its owner, look whether it exists or is a directory, make an empty place for the bytes, named by [`Exchange::session`] | [`Opened`](Report::Opened), or [`Failed`](Report::Failed) with a [`Refusal`] |
//! | [`Store`](Output::Store) | read [`skip`](Store::skip) bytes of the body and drop them; write the rest at [`range`](Store::range); make it durable | [`Stored`](Report::Stored) with the number of bytes written, however the body ended |
//! | [`Notify`](Output::Notify) | tell the server application | [`Notified`](Report::Notified), or `Failed` with what it said |
//! | [`Publish`](Output::Publish) | look again whether the destination may be written; move the bytes there, the whole or nothing | [`Published`](Report::Published), or `Failed` |
//! | [`Discard`](Output::Discard) | delete what the upload has | [`Discarded`](Report::Discarded), or `Failed` |
//! | [`Abort`](Output::Abort) | tell the other exchange's task to stop reading and to report | nothing: [`poll`](Sessions::poll) |
//! | [`Wait`](Output::Wait) | wait until another task has reported on this session | nothing: [`poll`](Sessions::poll) |
//! | [`Respond`](Output::Respond) | save the session, then send the Ack | nothing: it is over |
//!
//! # What must last, and in which order
//!
//! A byte that was acknowledged is never sent again, so the order is: the bytes, the state, the Ack.
//!
//! 1. **Bytes** (`fdatasync`, or whatever makes them last), before `Stored` is reported.
//! 2. **State**, before `Respond` is sent, and before `Publish` or `Discard` is done: [`Session::snapshot`]. A session
//!    that is no longer in the table has ended: what was saved of it may go; kept for an hour, it answers repeats after a
//!    crash. A program that loses its sessions in a crash may skip all this: the clients start over.
//! 3. **The Ack.**
//!
//! To publish is one step that the file system knows how to do: write aside, sync, `rename`, sync the folder. Until
//! `Published` is reported the session asks for it again. If the process can die between the rename and the report,
//! make the step repeatable: where the bytes are gone and the destination is this upload's, report `Published`.
//!
//! # After a crash
//!
//! The bytes that storage really holds win. For each session that was saved:
//!
//! 1. [`Session::restore`] it, and tell [`Session::recover`] how many of its bytes there are, if any place for them is left.
//! 2. If it has [ended](State::Ended), delete what is left of it. Else truncate its bytes to [`Session::received`]: those past
//!    it were never acknowledged.
//! 3. [`Sessions::insert`] it, ended or not: one that ended answers a repeated Close or Cancel for an hour.
//!
//! Bytes that no saved session names belong to an upload whose client was never told of it: delete them.
//!
//! # Bodies
//!
//! The machine sees no byte of a body. Stream it: a fragment of 13 MiB collected in memory first costs half the throughput.
//! Read exactly `skip + (range.end - range.start)` bytes, as `Content-Length` says; a body that ends early, or a connection that
//! breaks, is reported as `Stored` with what was written by then: it counts, and the client goes on from there.
//!
//! Where no `Store` comes, the request's body was refused: answer, and close the connection rather than read it.
//!
//! # Requests that race
//!
//! A client has one request under way; when a second one comes, it gave up on the first. **The newest wins**, and one
//! exchange works on a session at a time:
//!
//! | at work | a newer one arrives | the one at work | the newer one |
//! |---|---|---|---|
//! | `Store` | anything | is asked to stop; its last report counts, its answer is 503, or why it failed | [`Abort`](Output::Abort), then [`Wait`](Output::Wait), then its turn from the offset reached |
//! | `Open`, `Notify` | anything | goes on, and is answered | [`Wait`](Output::Wait), then its turn |
//! | `Publish` | Close | publishes, and is answered | waits; then 200, as a repeat |
//! | `Publish` | Cancel | publishes, and is answered: the Cancel is too late | waits; then 200: nothing is left to delete |
//! | `Publish` | Fragment | publishes, and is answered | waits; then session not found |
//! | `Discard` | Cancel | discards, and is answered | waits; then 200, as a repeat |
//! | `Discard` | Close or Fragment | discards, and is answered | waits; then session not found |
//! | anything | a third one | as above | the second is answered 503, the third waits |
//!
//! A task that dies must say so: [`Report::Abandoned`], from a `Drop` guard. What an exchange reports after that is void.
//!
//! # Threads
//!
//! One [`Sessions`] in a `Mutex`, locked for each call and never while bytes move. A thread whose output is `Wait` waits on a
//! `Condvar` that every report notifies; `Abort` shuts the other thread's socket down. `examples/roundtrip` is this.
//!
//! # Async
//!
//! The same, with a `std::sync::Mutex` that is never held across an `.await`. For `Wait`, a `tokio::sync::Notify` for each session at
//! work, or one for all. For `Abort`, a `CancellationToken` for each exchange: register it under the lock under which
//! `handle_request` was called, so that whoever is told to abort it finds it. `crates/documented` is this, in axum and in hyper.
//!
//! # Sessions in a database
//!
//! [`Directory::route`] says what a request is about; then:
//!
//! - [`Route::Answer`]: send it.
//! - [`Route::Create`]: [`Session::open`], and insert its snapshot as a row, by [`Snapshot::id`].
//! - [`Route::Session`]: in one transaction, select the row for update, [`Session::restore`],
//!   [`Session::handle_request`], and update the row. No row: [`Directory::session_not_found`].
//!
//! Each report is such a transaction as well; between them no lock is held, and the snapshot carries the exchange that is at
//! work. `Wait` polls the row, or listens for its change. Where a process has died, its exchange stays at work: whoever
//! finds out (by a lease in the row, say) reports [`Abandoned`](Report::Abandoned) for [`Session::at_work`]. A session that has [ended](State::Ended) answers repeats itself:
//! delete its row after an hour. For the rows whose time is over, an index on [`Session::deadline`], stored as a time of day.
//!
//! # Expiry
//!
//! [`Sessions::poll_timeout`] says when to call [`Sessions::poll_expired`], which returns the sessions whose data is to be
//! deleted. Progress prolongs a session; a Ping, which belongs to none, does not.

mod answer;
mod consistency;
mod deadlines;
mod directory;
mod directory_builder;
mod exchange;
mod guid_hash;
mod input;
pub(crate) mod notification_type;
pub(crate) mod notification_url;
mod open_sessions;
mod output;
mod placement;
mod recover;
mod report;
mod route;
mod session;
mod sessions;
mod snapshot;
mod state;
mod tombstones;
pub mod transitions;
mod turn;

pub use directory::{Directory, OwnerCheck};
pub use directory_builder::{DirectoryBuilder, InvalidDirectory};
pub use exchange::Exchange;
pub use input::{Arrival, Notified, Refusal, Report};
pub use output::{Output, Store};
pub use route::Route;
pub use session::Session;
pub use sessions::Sessions;
pub use snapshot::Snapshot;
pub use state::{Ending, State};
