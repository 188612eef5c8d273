//! Upload servers and upload clients for BITS (MC-BUP), over the HTTP stack that you use already.
//!
//! The protocol itself is in [`bits_proto`], which does no I/O. This crate adds the I/O. The README has whole programs with their
//! dependencies. No feature is on by default.
//!
//! | you want to | begin at | feature |
//! |---|---|---|
//! | receive uploads in your axum or hyper | [`server::Uploads`] | `server` |
//! | store them in a folder, in an object store, or elsewhere | [`storage::Folder`], [`storage::Objects`], [`storage::Storage`] | `folder`, `object-store`, `server` |
//! | serve the same uploads from several machines | [`leases::Leases`] | `postgres` |
//! | upload | [`client::upload`], [`client::upload_blocking`] | `reqwest`, `ureq`, `client` |
//! | write a server of your own, with or without async | [`tasks::Tasks`] | none |
//!
//! # Questions
//!
//! | question | answer |
//! |---|---|
//! | How do I authenticate the clients of my server, by a password or by a header of my proxy? | [`server::Builder::owner`] names the owner of a request, or answers 401 |
//! | What do I do on 401? | [`client::Config::credentials`] supplies a password |
//! | How do I limit the size and the number of uploads? | [`Directory::builder`](bits_proto::server::Directory::builder) has `max_upload_size`, `max_sessions` and `sessions_per_owner`; [`storage::Quota`] limits a folder, and with [`leases::Leases::with_quota`] a bucket |
//! | How do I limit the rate? | [`ConfigBuilder::rate`](bits_proto::client::ConfigBuilder::rate) by [`client::Config::protocol`], and [`client::Control::set_rate`] while it runs |
//! | How do I report progress? | [`client::Config::on_event`] with [`client::Event::Sent`]; on a server [`server::Event::Stored`] |
//! | How do I store uploads in my own database? | implement [`storage::Storage`]; the README has an example |
//! | How does an upload go on after a crash? | [`client::Config::state`]; a server's sessions are in its [`storage::Records`] |
//! | How do I go through a proxy? | by `http_proxy` and `https_proxy`, or by the builder of the HTTP library: [`client::Reqwest`], [`client::Ureq`] |
//! | May two servers share one folder? | only if it is [shared](storage::FolderBuilder::shared); otherwise a [`storage::Folder`] locks its root |
//! | What is the file called? | as the path of the URL says: [`server::Upload::path`]. The client's own name for it is in `Content-Name` of the head |
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
