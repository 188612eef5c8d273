//! The upload client's machine (§3.1).

mod command;
mod config;
mod credentials;
mod ending;
mod entity;
mod failure;
mod fragments;
mod hint;
mod host;
mod input;
mod output;
mod pace;
mod progress;
mod receive;
mod recovery;
mod retry;
#[cfg(feature = "serde")]
mod snapshot;
mod state;
mod transmit;
mod upload;
mod verdict;

pub use config::{Config, ConfigBuilder, ContentNamePackets, InvalidConfig, Recovery, ReplyMode};
pub use credentials::Credentials;
pub use entity::Entity;
pub use failure::{Failure, Reason, Violation};
pub use fragments::FragmentSize;
pub use host::HostPolicy;
pub use input::{Suspend, TransportError};
pub use output::{Event, ExchangeId, Output, Transmit};
#[cfg(feature = "serde")]
pub use snapshot::Snapshot;
pub use state::{State, Timer};
pub use upload::Upload;
