//! The reply client (§3.6), driven step by step.

mod arbitrary;
mod commands;
mod driver;
mod fetching;
mod misbehaving;
mod pace;
mod pair;
mod recovery;
mod several_ranges;
mod snapshots;
