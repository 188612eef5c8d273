//! Both servers and both clients at work, and the README beside them.

mod connections;
mod failures;
mod forwarder;
mod harness;
mod kills;
mod raw;
mod readme;
mod uploads;
