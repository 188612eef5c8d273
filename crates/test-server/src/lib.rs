//! A BITS server for the tests of clients, which behaves as well or as badly as told.
//!
//! [`Server`] is `bits_proto::server::Sessions` over a `TcpListener`, everything in memory. [`Fault`] is what goes wrong with one
//! request. [`Emulator`] is a server by hand, with a habit of a foreign one.

#![expect(missing_debug_implementations, reason = "nobody prints a server at work")]

mod emulator;
mod server;
mod wire;

pub use emulator::{Emulator, Habit};
pub use server::{Fault, Seen, Server, ServerBuilder};
