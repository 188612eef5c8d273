//! Header strings that keep their raw form.
//!
//! Real peers send names and addresses that no strict type would hold: a reply URL with backslashes, a host name that
//! is a bare IPv6 address. These types keep the bytes as they came, borrowed while a message is read, and convert
//! by documented rules.

mod content_name;
mod host_id;
mod raw;
mod reply_url;

pub use content_name::ContentName;
pub use host_id::HostId;
pub(crate) use raw::Raw;
pub use reply_url::ReplyUrl;

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
