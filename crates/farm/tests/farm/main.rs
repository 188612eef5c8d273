//! Several servers that share a database and a store.

mod azure;
mod costs;
mod ends;
mod harness;
mod rows;
mod schema;
mod takeovers;
