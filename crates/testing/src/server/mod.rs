//! The upload server in memory, and what outlives its process.

pub mod alone;
pub mod application;
pub mod disk;
pub mod serve;
pub mod session;
