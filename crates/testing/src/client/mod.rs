//! The upload client against answers written by hand.

pub mod answers;
#[cfg(feature = "serde")]
pub mod at_rest;
pub mod scenario;
pub mod sender;
pub mod upload;
