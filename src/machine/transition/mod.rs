//! The parts of a machine's transition table, and its notation.

mod notation;
mod row;

pub(crate) use notation::{after, catalogue, impossible, selection, sights, transitions};
pub use row::{After, Selection, Transition};
