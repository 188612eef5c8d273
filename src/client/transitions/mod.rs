//! The transitions of an upload, as data and as a table to read: its reaction in every place to whatever it meets.
//!
//! [`TRANSITIONS`] is MC-BUP §3.1.5.1 with what its states leave out: what is due after a wait, why a session is given up,
//! what a caller may want meanwhile. Each pair of a [`Place`] and a [`Stimulus`] stands in it exactly once under each setting,
//! but for the [pairs that never meet](IMPOSSIBLE). The tests walk an [`Upload`](super::Upload) along the table until they
//! have driven every one.
//!
//! The bounds are not in it: how often an upload may start over, go back or be answered without moving on. What goes past one
//! of them [fails](super::Event::Failed).

mod place;
mod sight;
mod stimulus;
mod table;

pub use crate::machine::transition::{After, Selection, Transition};
pub use place::Place;
pub use sight::{Setting, Sight};
pub use stimulus::Stimulus;
pub use table::{IMPOSSIBLE, TRANSITIONS};
