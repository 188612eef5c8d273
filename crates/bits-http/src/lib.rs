//! Upload servers and upload clients for BITS (MC-BUP), over the HTTP stack that you have.
//!
//! The protocol itself is in [`bits_proto`], which does no I/O. This crate drives it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(missing_docs)]

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod leases;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod storage;
pub mod tasks;

/// The README, whose clients are compiled with the documentation.
#[cfg(all(doctest, feature = "reqwest", feature = "ureq"))]
#[doc = include_str!("../README.md")]
mod readme {}
