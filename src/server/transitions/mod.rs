//! The transitions of a session, as data and as a table to read: its reaction in every place to whatever it meets.
//!
//! [`TRANSITIONS`] is the answer to "what happens if …": MC-BUP §3.2.5.1 with what its states leave out: who is at work, who
//! waits, what failed. Each pair of a [`Place`] and a [`Stimulus`] stands in it exactly once under each setting, but for the
//! [pairs that never meet](IMPOSSIBLE). The tests drive a [`Session`](super::Session) through every one.
//!
//! A proxy, a simulator or a test of another server can be made from it as well:
//!
//! ```
//! use bits_proto::server::transitions::{After, Place, Reaction, Stimulus, TRANSITIONS};
//!
//! let row = TRANSITIONS
//!     .iter()
//!     .find(|row| row.from.contains(Place::Publishing) && row.on.contains(Stimulus::Cancel))
//!     .ok_or("every pair is in the table")?;
//! assert_eq!((row.after, row.reaction), (After::Same, Reaction::Wait));
//! # Ok::<(), &str>(())
//! ```

mod place;
mod reaction;
mod stimulus;
mod table;

pub use crate::machine::transition::{After, Selection, Transition};
pub use place::Place;
pub use reaction::{Reaction, Setting};
pub use stimulus::Stimulus;
pub use table::{IMPOSSIBLE, TRANSITIONS};
