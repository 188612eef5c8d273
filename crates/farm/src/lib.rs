//! Support for tests that let several servers share a database and a store, and to let them die, sleep and lose their connections.
//!
//! PostgreSQL and moto are not part of the workspace: each says how to get it where it is missing.

mod azurite;
mod client;
mod emulator;
mod moto;
mod node;
mod plot;
mod postgres;
mod relay;
mod request;
mod server;
mod wire;

pub use azurite::Azurite;
pub use client::{Client, Sent};
pub use moto::Moto;
pub use node::{Node, Part};
pub use plot::bars;
pub use postgres::Database;
pub use relay::{Fault, Relay, any_port};
pub use request::{Answer, Pieces, Slow, Upload, packet, slow};
pub use server::Server;
pub use wire::Wire;
