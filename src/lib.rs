//! The BITS Upload Protocol without I/O.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
        clippy::exhaustive_enums,
        clippy::exhaustive_structs,
    )
)]

mod conformance;
mod digits;
mod error;
mod guid;
pub mod header;
mod hresult;
pub mod limits;
pub mod packet;
mod protocol_id;
mod range;
mod session_id;
mod text;
mod value;

pub use conformance::Conformance;
pub use error::{ApiMisuse, DecodeError, InvalidValue, Malformed};
pub use guid::Guid;
pub use hresult::{ErrorContext, Hresult};
pub use protocol_id::{ProtocolId, SupportedProtocols};
pub use range::ContentRange;
pub use session_id::SessionId;
pub use value::{ContentName, HostId, ReplyUrl};
