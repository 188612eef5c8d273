//! Replies: serving and fetching them (§3.5, §3.6).

mod body;
mod byte_ranges;
mod entity;
mod entity_tag;
pub mod multipart;
mod precondition;
mod respond;

pub use body::{Body, Segment};
pub use byte_ranges::{ByteRanges, RangeSpec};
pub use entity::Entity;
pub use entity_tag::EntityTag;
pub use respond::respond;
