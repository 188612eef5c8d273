//! The vocabulary of the protocol: the values of its headers, as checked newtypes.
//!
//! Real peers send names and addresses that no strict type would hold: a reply URL with backslashes, a host name that
//! is a bare IPv6 address. [`ContentName`], [`HostId`] and [`ReplyUrl`] keep the bytes as they came, borrowed while a
//! message is read, and convert by documented rules.

mod content_name;
pub(crate) mod digits;
pub(crate) mod guid;
mod host_id;
pub(crate) mod hresult;
pub(crate) mod http_date;
mod invalid_value;
pub mod limits;
pub(crate) mod protocol_id;
pub(crate) mod range;
mod raw;
pub(crate) mod reference;
mod reply_url;
mod session_id;
pub(crate) mod text;

pub use content_name::ContentName;
pub use guid::Guid;
pub use host_id::HostId;
pub use hresult::{ErrorContext, Hresult};
pub use invalid_value::InvalidValue;
pub use protocol_id::{ProtocolId, SupportedProtocols};
pub use range::ContentRange;
pub(crate) use raw::Raw;
pub use reply_url::ReplyUrl;
pub use session_id::SessionId;

/// Values that a snapshot owns: `derive` gives only what borrows from the bytes that a fuzzer supplies.
#[cfg(feature = "arbitrary")]
macro_rules! arbitrary_owned {
    ($($name:ident: $type:ident;)*) => {
        $(
            pub(crate) fn $name(u: &mut arbitrary::Unstructured<'_>) -> arbitrary::Result<Option<$type<'static>>> {
                Ok(u.arbitrary::<Option<$type<'_>>>()?.map($type::into_owned))
            }
        )*
    };
}

#[cfg(feature = "arbitrary")]
arbitrary_owned! {
    arbitrary_content_name: ContentName;
    arbitrary_host_id: HostId;
    arbitrary_reply_url: ReplyUrl;
}
