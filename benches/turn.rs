//! Placeholder until the benchmark exists.
fn main() {}
