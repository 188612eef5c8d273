//! What a machine's transition table is made of, and how it is written.

mod notation;
mod row;

pub(crate) use notation::{after, catalogue, impossible, selection, sights, transitions};
pub use row::{After, Selection, Transition};
