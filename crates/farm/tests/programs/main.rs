//! `bits-server` as its users start it, with a database and a bucket.

mod applications;
mod bucket;
mod checking;
mod compose;
mod encryption;
mod harness;
mod quotas;
