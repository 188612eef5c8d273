//! The upload client's machine (§3.1).

mod command;
mod config;
mod entity;
mod failure;
mod host;
mod input;
mod output;
mod receive;
mod retry;
mod state;
mod transmit;
mod upload;
mod verdict;

pub use config::{Config, ConfigBuilder, ContentNamePackets, InvalidConfig, Recovery, ReplyMode};
pub use entity::Entity;
pub use failure::{Failure, Reason, Violation};
pub use host::HostPolicy;
pub use input::{Suspend, TransportError};
pub use output::{Event, ExchangeId, Output, Transmit};
pub use state::{State, Timer};
pub use upload::Upload;
