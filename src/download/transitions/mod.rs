//! The transitions of a download, as data for the tests. They are no promise of the API.
//!
//! [`TRANSITIONS`] is MC-BUP §3.6.5.2 with what its states leave out: the body of an answer, waits and credentials, and what a
//! caller may want meanwhile. Each pair of a [`Place`] and a [`Stimulus`] stands in it exactly once, but for the
//! [pairs that never meet](IMPOSSIBLE). The tests walk a [`Download`](super::Download) along the table until they have driven
//! every one.
//!
//! The bound is not in it: how often a download may [start over](super::ConfigBuilder::max_restarts). What goes past it
//! [fails](super::Event::Failed).
//!
//! ```
//! use bits_proto::download::transitions::{After, Place, Sight, Stimulus, TRANSITIONS};
//!
//! let row = TRANSITIONS
//!     .iter()
//!     .find(|row| row.from.contains(Place::Asking) && row.on.contains(Stimulus::WholeInstead))
//!     .ok_or("every pair is in the table")?;
//! assert_eq!((row.after, row.reaction), (After::At(Place::Failed), &[Sight::Abort, Sight::Failed][..]));
//! # Ok::<(), &str>(())
//! ```

mod place;
mod sight;
mod stimulus;
mod table;

pub use crate::machine::transition::{After, Selection, Transition};
pub use place::Place;
pub use sight::Sight;
pub use stimulus::Stimulus;
pub use table::{IMPOSSIBLE, TRANSITIONS};
