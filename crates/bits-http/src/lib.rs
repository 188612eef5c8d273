//! Upload servers and upload clients for BITS (MC-BUP), over the HTTP stack that you have.
//!
//! The protocol itself is in [`bits_proto`], which does no I/O. This crate drives it. The README has whole programs with their
//! dependencies; no feature is on by default.
//!
//! | you want to | begin at | feature |
//! |---|---|---|
//! | receive uploads in your axum or hyper | [`server::Uploads`] | `server` |
//! | store them in a folder, in an object store, or elsewhere | [`storage::Folder`], [`storage::Objects`], [`storage::Storage`] | `folder`, `object-store`, `server` |
//! | serve the same uploads from several machines | [`leases::Leases`] | `postgres` |
//! | upload | [`client::upload`], [`client::upload_blocking`] | `reqwest`, `ureq`, `client` |
//! | take turns in a server of your own | [`tasks::Tasks`] | none |
//!
//! # Questions
//!
//! | question | answer |
//! |---|---|
//! | How do clients of my server log in? | [`server::Builder::owner`] names the owner of a request, or answers 401 |
//! | How do I answer a server that wants a password? | [`client::Config::credentials`] |
//! | How large, how many? | [`Directory`](bits_proto::server::Directory); [`storage::Quota`] bounds a folder |
//! | How fast? | [`ConfigBuilder::rate`](bits_proto::client::ConfigBuilder::rate) by [`client::Config::protocol`], and [`client::Control`] while it runs |
//! | How far is an upload? | [`client::Event::Sent`], [`server::Event::Stored`] |
//! | How does an upload go on after a crash? | [`client::Config::state`]; a server's sessions are in its [`storage::Records`] |
//! | How does it go through a proxy? | as the HTTP library's builder says: [`client::Reqwest`], [`client::Ureq`] |
//! | May two servers use one folder? | not unless it is [shared](storage::FolderBuilder::shared); a [`storage::Folder`] locks its root |
//! | What is the file called? | as the path of the URL says; the client's own name for it is in the head's `Content-Name` |
//! | What does an error code mean? | [the manual](bits_proto::manual::guide::errors) has every code and status |
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
