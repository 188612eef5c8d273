//! The upload server's machine (§3.2).

mod answer;
mod deadlines;
mod directory;
mod exchange;
mod guid_hash;
mod input;
mod output;
mod placement;
mod recover;
mod report;
mod route;
mod session;
mod sessions;
#[cfg(feature = "serde")]
mod snapshot;
mod state;
mod tombstones;
mod turn;

pub use directory::{Directory, DirectoryBuilder, InvalidDirectory, OwnerCheck};
pub use exchange::Exchange;
pub use input::{Arrival, Notified, Refusal, Report};
pub use output::{Output, Store};
pub use route::Route;
pub use session::Session;
pub use sessions::Sessions;
#[cfg(feature = "serde")]
pub use snapshot::Snapshot;
pub use state::{Ending, State};
