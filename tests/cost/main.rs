//! Measures memory: the counting allocator of these tests is in no other binary.

/// Decoding allocates nothing.
mod no_allocation;
/// The sizes of values.
mod sizes;
/// The memory of a million open sessions.
mod table_memory;
