//! The upload server as a service: bodies, turns, restarts, what is served and who is told.
#![cfg(feature = "folder")]

mod applications;
mod bodies;
mod examples;
mod harness;
mod restarts;
mod uploads;
