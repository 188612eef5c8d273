//! Several servers that share a database and a store.

mod costs;
mod harness;
mod rows;
mod schema;
mod takeovers;
