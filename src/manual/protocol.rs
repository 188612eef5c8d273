//! The BITS Upload Protocol, as this library speaks it.
//!
//! Where the [sources](crate::manual#sources) disagree, a row of the [decisions](super::decisions) says why it is done so;
//! what real peers do besides is in the [tolerances](super::tolerances).
//!
//! - [What all messages share](#what-all-messages-share)
//! - [Packets](#packets)
//! - [Errors](#errors)
//! - [The server's rules](#server)
//! - [The client's rules](#client)
//! - [The reply](#reply)
//!
#![doc = include_str!("protocol/messages.md")]
//!
#![doc = include_str!("protocol/packets.md")]
//!
#![doc = include_str!("protocol/server.md")]
//!
#![doc = include_str!("protocol/client.md")]
//!
#![doc = include_str!("protocol/reply.md")]
//!
#![doc = include_str!("rows.md")]
