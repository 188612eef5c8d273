//! bits-proto in four HTTP stacks, to copy from. Each file is all that its stack has to do with it.
//!
//! | role | stack | what is beside it |
//! |---|---|---|
//! | server | [`axum`] | [`server`], the loop of every async server; its [`folder`] and `body.rs` |
//! | server | [`hyper`] | the same |
//! | client, async | [`reqwest`] | [`source`], the file that is uploaded |
//! | client, blocking | [`ureq`] | the same |
//!
//! A program has more to do: users, limits, sessions that outlive a restart, progress on a screen. `bits-server` and
//! `bits-upload` beside this crate show that.

pub mod axum;
mod body;
pub mod folder;
pub mod hyper;
pub mod reqwest;
pub mod server;
pub mod source;
pub mod ureq;
