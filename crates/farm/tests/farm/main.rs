//! Several servers that share a database and a store.

mod azure;
mod costs;
mod ends;
mod harness;
mod quotas;
mod rows;
mod schema;
mod takeovers;
