//! The program as its users meet it: started, talked to over TCP, killed, and looked at in its folder.

mod applications;
mod connections;
mod crashes;
mod harness;
mod http1;
mod operations;
mod races;
mod refusals;
mod starting;
mod storms;
mod tls;
mod uploads;
