//! bits-proto in four HTTP stacks, to copy from. Each file is all that its stack has to do with it.
//!
//! | role | stack | what is beside it |
//! |---|---|---|
//! | server | [`axum`] | [`server`], the loop of every async server; its [`folder`] and `body.rs` |
//! | server | [`hyper`] | the same |
//! | server that saves its sessions | [`saving`], on axum | nothing |
//! | server for several processes | [`database`], on axum and SQLite | nothing |
//! | client, async | [`reqwest`] | [`source`], the file that is uploaded |
//! | client, blocking | [`ureq`] | the same |
//!
//! A program has more to do: users, limits, progress on a screen. `bits-server` and `bits-upload` beside this crate show that.

pub mod axum;
mod body;
pub mod database;
pub mod folder;
pub mod hyper;
pub mod reqwest;
pub mod saving;
pub mod server;
pub mod source;
pub mod ureq;
