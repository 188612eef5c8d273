//! The upload server's machine (§3.2): receives entities in fragments and has them published.
//!
//! ```text
//!                head                                     Output
//!   HTTP stack ─────────▶ Sessions ──▶ Session ──────────────────────▶ the task
//!       ▲                 (a table)    (one upload)                    of this exchange
//!       │                                   ▲                              │
//!       │  Ack                              └────────── Report ────────────┤
//!       └─────────────────────────────────────────────── Respond ──────────┘
//! ```
//!
//! - [`Directory`] is the configuration that a directory's sessions share.
//! - [`Session`] is one upload, a plain value of a few hundred bytes.
//! - [`Sessions`] is a table of them for programs that keep them in memory: routing, owners, limits, expiry. A program with
//!   a database needs no table: see [below](#sessions-in-a-database).
//!
//! # Driving a session
//!
//! 1. A request's head arrives. [`Sessions::handle_request`] returns its [`Exchange`]; `None` means that the request is not
//!    of this protocol. A head that cannot be read is an exchange like any other: the machine answers it.
//! 2. [`Sessions::poll_output`] returns the work of this exchange. No task ever receives another's work.
//! 3. Do it, tell [`Sessions::handle_report`] what came of it, and go to 2.
//! 4. [`Output::Respond`] ends the exchange: send the Ack.
//!
//! Where `poll_output` returns `None`, another exchange works on the session: see [Requests that race](#requests-that-race).
//! The crate's [front page](crate#one-upload) has the whole loop, and a [table](#the-transitions-of-a-session) says what a
//! session does in every place with every input. `bits-http` has this loop for threads and for async tasks, and a whole server on top of it.
//!
//! Everything that can be refused by the head alone is refused before an output asks for the body. A client that sent
//! `Expect: 100-continue` gets its `100 Continue` when [`Output::Store`] comes, and never otherwise ([Q52]).
//!
//! # The order of the checks
//!
//! The fault that is found first decides the answer, and nothing after it is looked at ([C55]):
//!
//! 1. the method: not of this protocol at all, `None`;
//! 2. the version of HTTP, the length of headers, the packet type: 400;
//! 3. `Content-Length`: 411 where it is missing, 400 where a packet without a body announces one;
//! 4. the other headers of the packet, its session id and its range among them: 400;
//! 5. whether uploads are enabled: 501;
//! 6. for Create-Session, a protocol in common: 400; how many sessions there are: 503; then what the caller says to `Open`;
//! 7. whether the session is known: 500, `BG_E_SESSION_NOT_FOUND`;
//! 8. its owner: 403, which tells neither offset nor anything else; then its destination: 400; then its time;
//! 9. whose turn it is: a newer request [waits, and has the older one stopped](#requests-that-race);
//! 10. for a Fragment, the size of the entity: 400 where it changed, `BG_E_TOO_LARGE` where it is over the maximum; the size of the
//!     fragment: 413; its place: 416.
//!
//! A Fragment that steps 2 to 4 refuse still was a Fragment ([C70]): where its session, owner and destination can be told, it
//! takes its turn, the session remembers that the entity has bytes, and the answer tells the offset.
//!
//! # What to do for each output
//!
//! | output | do | then report |
//! |---|---|---|
//! | [`Admit`](Output::Admit) | decide whether the client of a Ping may upload here | [`Admitted`](Report::Admitted), or [`Failed`](Report::Failed) with a [`Refusal`] |
//! | [`Open`](Output::Open) | decide whether this destination may be written by its owner, look whether it exists or is a directory, make an empty place for the bytes, named by [`Exchange::session`] | [`Opened`](Report::Opened), or `Failed` |
//! | [`Store`](Output::Store) | give each piece of the body to [`Store::clip`], write what that returns, make it durable | [`Stored`](Report::Stored) with [`Store::clipped`], however the body ended; [`StoredPart`](Report::StoredPart) where writing failed |
//! | [`Notify`](Output::Notify) | tell the server application | [`Notified`](Report::Notified), or `Failed` with what it said |
//! | [`Save`](Output::Save) | write the record in place of the one before, durably | [`Saved`](Report::Saved), or `Failed` |
//! | [`Publish`](Output::Publish) | look whether the bytes are there, then whether the destination may be written; move the bytes there, the whole or nothing | [`Published`](Report::Published), or `Failed` |
//! | [`Discard`](Output::Discard) | delete the bytes | [`Discarded`](Report::Discarded), or `Failed` |
//! | [`Forget`](Output::Forget) | delete the record | [`Forgotten`](Report::Forgotten), or `Failed` |
//! | [`Respond`](Output::Respond) | send the Ack | nothing: it is over |
//! | [`Done`](Output::Done) | nothing | nothing: it is over |
//!
//! [`Refusal`] and [`Report`] are made from an [`io::Error`](std::io::Error), so that a full disk is told as one.
//!
//! # What must last, and in which order
//!
//! A byte that was acknowledged is never sent again, so the order is: the bytes, the record, the Ack. The outputs come in this
//! order. Each must last before it is reported: call `fdatasync`, or what your storage has for it. [`Keep`] says what is kept:
//!
//! - [`Records`](Keep::Records), the default: a [`Record`] before each Ack that tells something new.
//! - [`RecordsWithoutOffset`](Keep::RecordsWithoutOffset): where storage knows the length of what it holds and keeps it after
//!   a crash, most Fragments need no record. The first one does, for the total is in the record alone, and so does one of a
//!   session whose record has gone stale by an eighth of its timeout.
//! - [`Nothing`](Keep::Nothing): the sessions die with the process, and the clients start over.
//! - [`Rows`](Keep::Rows): a [`Snapshot`] after every step, in a database.
//!
//! Before the entity is published, and before bytes are deleted, a record says so; after that nothing is saved, and the record
//! stays for an hour to answer repeats ([`Directory::tombstone_lifetime`]). So a kill at any point publishes once. If such a
//! step fails, the next record takes the intent back.
//!
//! # After a crash
//!
//! The bytes that storage really holds win. For each record that was kept, tell [`Sessions::restore`] how old it is and what
//! storage [holds](Held). It says what to do with the bytes: cut them, or delete them. Bytes that no record names belong to an
//! upload that its client was never told of: delete them. Then drive [`Sessions::poll_expired`].
//!
//! # Bodies
//!
//! The machine sees no byte of a body. Stream it: a fragment of 13 MiB collected in memory first costs half the throughput.
//! A body that ends early, or a connection that breaks, is reported as `Stored` with what was written by then: it counts, and
//! the client goes on from there ([Q53]). Bytes that were written and not reported are cut back, by the writer that reports fewer or
//! by the next one, which writes at the start of its [range](Store::range).
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
//! | `Store` | anything | is told to [stop](Signal::Stop); its last report counts, its answer is 503, or why it failed | waits; then its turn from the offset reached |
//! | `Open`, `Notify`, `Save` | anything | goes on, and is answered | waits; then its turn |
//! | `Publish` | Close | publishes, and is answered | waits; then 200, as a repeat |
//! | `Publish` | Cancel | publishes, and is answered: the Cancel is too late | waits; then 200: nothing is left to delete |
//! | `Publish` | Fragment | publishes, and is answered | waits; then session not found |
//! | `Discard` | Cancel | discards, and is answered | waits; then 200, as a repeat |
//! | `Discard` | Close or Fragment | discards, and is answered | waits; then session not found |
//! | anything | a third one | as above | the second is answered 503, the third waits |
//!
//! [`Sessions::poll_signal`] says which task to stop and which one to wake. Signals may be lost: a task
//! that asks [`Sessions::is_superseded`] and [`Sessions::poll_output`] now and then needs none.
//!
//! A task that dies must say so, from a `Drop` guard: [`Sessions::handle_abandoned`]. The turn belongs to the work and not to
//! the future that began it: where a blocking thread still writes for a future that was dropped, the exchange is abandoned when
//! that thread has ended.
//!
//! # Threads and async tasks
//!
//! Keep one [`Sessions`] in a `Mutex`. Lock it for each call, and never while bytes move. `bits_http::tasks` does this for threads
//! and for tasks of any runtime.
//!
//! # Sessions in a database
//!
//! [`Directory::read`] reads a head, and [`Directory::route`] says what the request is about. Then there are two designs.
//!
//! **A row is a lease and a record** ([`Keep::Records`]). One statement claims the row for a process, with a number that grows:
//! it fences the row, makes the newest win, and returns the record. [`Session::recover`] brings it to life in the memory of
//! the holder, which drives it to the Ack; [`Output::Save`] is a statement that is conditional on the number. While bytes move
//! the lease is renewed; where that returns that somebody newer wants the row, call [`Session::handle_superseded`].
//!
//! **A row is worked on step by step** ([`Keep::Rows`]): in one transaction, select the row for update, [`Session::restore`] its
//! [`Snapshot`] with its age, call one method, and update the row. Between two transactions no lock is held, and the snapshot
//! carries the exchange that is at work. A task that waits, or stores, looks at the row now and then
//! ([`Session::is_superseded`]). Where a process has died, the one that finds out calls [`Session::handle_abandoned`] for
//! [`Session::at_work`].
//!
//! - A new session is a row that is inserted before its `Open` is done, so that a crash leaves no bytes without a row.
//! - Limits are a query: count the rows of the owner before [`Session::open`], and answer [`Directory::too_many_sessions`].
//! - A row is due at its [`Session::deadline`], stored as a time of day with an index: [`Session::expire`] returns the
//!   exchange that discards it. A session that has ended answers repeats until it is due; then its row goes.
//!
//! # Who may upload
//!
//! The program authenticates a client before it calls the machine. To a client that must log in, answer 401 with
//! `WWW-Authenticate` and `BITS-Packet-Type: Ack`, and with no other header of this protocol. The authenticated user is the
//! `owner` of [`Sessions::handle_request`]: a session that one owner created refuses every other owner (403).
//! Whether an owner may write to a destination is decided at [`Output::Admit`] for a Ping, at [`Output::Open`], and again at
//! [`Output::Publish`].
//!
//! # Expiry
//!
//! [`Sessions::poll_timeout`] says when to call [`Sessions::poll_expired`], which returns exchanges without a client. Progress
//! prolongs a session: a new byte stored, a notification that succeeded, a part of the reply served ([C74]). A repeat, a 416 or a
//! refusal does not. A session without a byte goes after an hour.
//!
//! # The states of a session
//!
//! `Receiving` and `WaitingForClose` are those of [`State`]. In `Notifying`, `Publishing` and the other places outside of the frame an
//! exchange is asked to do that. `Unnotified` has every byte, but the server application has not taken it. The ends are an
//! [`Ending`] each.
//!
//! An arrow from the border of a frame stands for one from each state in it, an arrow to a frame for one to each.
//!
//! ```text
#![doc = include_str!("states.txt")]
//! ```
//!
//! # The transitions of a session
//!
//! This table says what a session does in every place with every input (§3.2.5.1), where nothing is to be saved. The tests drive
//! a session through all of it. The names are no part of the API.
//!
//! - Where it stands: `WORKING` is every place where an exchange is asked for a step, `IDLE` every other place of a session that
//!   is open, `ENDED` every place of one that is over.
//! - What comes: `FRAGMENTS` are the Fragments of the owner for the destination, `REQUESTS` these and Close and Cancel; `FAILURES`
//!   are reports that a step failed; `AT_WORK` is everything that the exchange at work does.
//! - *Under* is empty where a row holds for every setting. *Then* is where the session stands afterwards: – is where it stood, *as
//!   before* where it stood before the Cancel, *as is due* wherever the request leads whose turn has come.
//! - The last column is what to do, or an Ack; of an error, its status and code.
#![doc = include_str!("transitions.md")]
//!
#![doc = include_str!("../manual/rows.md")]

// First, so that the page of `Directory` begins with `builder`.
mod directory;

mod answer;
mod arrival;
mod exchange;
pub(crate) mod notification_type;
pub(crate) mod notification_url;
mod output;
mod report;
mod session;
mod table;
#[doc(hidden)]
pub mod transitions;

pub use arrival::{Arrival, Route};
pub use directory::{Directory, DirectoryBuilder, InvalidDirectory, Keep, OwnerCheck};
pub use exchange::{Exchange, Signal};
pub use output::{Output, Store};
pub use report::{Held, Notified, Refusal, Report};
pub use session::{Ending, Record, Session, Snapshot, State};
pub use table::{Restored, Sessions};
