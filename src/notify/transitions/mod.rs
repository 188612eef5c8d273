//! The transitions of a notification, as data for the tests. They are no promise of the API.
//!
//! [`TRANSITIONS`] is MC-BUP §3.3.5.2 with what its states leave out: an answer that comes early or is none, a body that is no
//! reply or comes before anybody wanted it, a request that nobody took. Each pair of a [`Place`] and a [`Stimulus`] stands in
//! it exactly once under each setting, but for the [pairs that never meet](IMPOSSIBLE). The tests walk a
//! [`Notification`](super::Notification) along the table until they have driven every one.

mod place;
mod sight;
mod stimulus;
mod table;

pub use crate::machine::transition::{After, Selection, Transition};
pub use place::Place;
pub use sight::{Setting, Sight};
pub use stimulus::Stimulus;
pub use table::{IMPOSSIBLE, TRANSITIONS};
