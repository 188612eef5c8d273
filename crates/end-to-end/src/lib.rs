//! Support for the tests that let `bits-server` and `bits-upload` meet over real TCP, and stand in between.
//!
//! The tests of this crate start both programs as their users do. Each program has tests of its own; here is what only
//! the pair can show.
//!
//! | what | where |
//! |---|---|
//! | the programs, built once | [`programs`] |
//! | a server with its folder, killed and started again on the same port | [`Server`] |
//! | a file to upload, and uploads of it, killed and run again | [`Desk`], [`Upload`] |
//! | a proxy that misbehaves as told, or at random | [`Proxy`], [`Fault`], [`chaos`] |
//! | requests by hand | [`Connection`] |
//! | a wire that is listened to, and what Wireshark makes of it | [`Tap`], [`Capture`] |
//! | a server application | [`Application`] |
//! | a clock that jumps | [`Clock`] |
//!
//! A test that draws random numbers prints its seed. `END_TO_END_SEED=N` repeats it.

mod application;
mod certificate;
mod clock;
mod connection;
mod contents;
mod desk;
mod port;
pub mod programs;
mod proxy;
mod seed;
mod server;
mod tap;
mod tmpfs;
mod tshark;
mod upload;

pub use application::Application;
pub use certificate::Certificate;
pub use clock::Clock;
pub use connection::Connection;
pub use contents::{assert_same, write_file};
pub use desk::Desk;
pub use port::Port;
pub use proxy::{Fault, Page, Proxy, Seen, chaos};
pub use seed::random;
pub use server::{Kind, Server};
pub use tap::{Recording, Speaker, Tap};
pub use testing::http1::Message;
pub use testing::machine::{DEADLINE, eventually};
pub use tshark::Capture;
pub use upload::{Ended, Upload};
