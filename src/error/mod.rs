//! Errors, classed by who is to blame.
//!
//! What goes wrong in the protocol is not here: a session that is unknown, a full disk, an upload that was refused
//! are data in outputs and events.

mod caller;
mod peer;
mod store;
mod value;

pub use caller::{ApiMisuse, InvalidConfig};
pub use peer::{DecodeError, Malformed};
pub use store::RestoreError;
pub use value::InvalidValue;
