//! The program as its users meet it: started, talked to over TCP, killed, and looked at in its folder.

mod administrators;
mod applications;
mod certificates;
mod checking;
mod connections;
mod crashes;
mod deployment;
mod durability;
mod harness;
mod http1;
mod listening;
mod logs;
mod metrics;
mod mixture;
mod operations;
mod passwords;
mod proxies;
mod races;
mod refusals;
mod starting;
mod storms;
mod tls;
mod uploads;
mod user_dirs;
