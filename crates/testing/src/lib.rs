//! Support for the tests of this workspace: machines in memory and in virtual time, generated inputs, heads as bytes.
//!
//! | needed | module |
//! |---|---|
//! | the client against answers written by hand | [`client`] |
//! | the server against requests written by hand, with storage in memory | [`server`] |
//! | client and server, joined by a network with faults | [`pair`] |
//! | a download against a model of it | [`download`] |
//! | a notification and its server application | [`notify`] |
//! | packets and heads that are generated, legal and not | [`generated`], [`hostile`] |
//! | the captures of Windows and IIS, and HTTP/1.1 as bytes | [`captures`], [`http1`] |
//! | transition tables, and how much of one was driven | [`table`] |
//! | drawings of states and arrows | [`drawing`] |
//! | snapshots that were stored, forged, tampered with (feature `serde`) | [`stored`], [`tampered`] |
//! | the instant from which virtual time begins | [`clock`] |
//! | ports, mounts, bytes that differ, and patience | [`machine`] |
//!
//! The features are those of `bits-proto`, which turns them on together with its own.

pub mod captures;
pub mod client;
pub mod clock;
pub mod download;
pub mod drawing;
pub mod generated;
pub mod hostile;
pub mod http1;
#[expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the machine is what it is about; everything else here does no I/O, as the library"
)]
pub mod machine;
pub mod notify;
pub mod pair;
pub mod server;
#[cfg(feature = "serde")]
pub mod stored;
pub mod table;
#[cfg(feature = "serde")]
pub mod tampered;
