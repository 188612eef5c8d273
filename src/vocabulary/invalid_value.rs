//! The error of a value that this protocol does not allow.

/// A value that this protocol does not allow. The caller supplied it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// Not 32 hexadecimal digits in groups of 8-4-4-4-12.
    #[error("not a GUID")]
    Guid,
    /// Not 1 to 100 visible ASCII characters.
    #[error("a session id is 1 to 100 visible characters")]
    SessionId,
    /// Not a GUID, so not a protocol.
    #[error("not the GUID of a protocol")]
    ProtocolId,
    /// Not `bytes FIRST-LAST/TOTAL` with FIRST ≤ LAST < TOTAL < 2^63.
    #[error("not a range of bytes FIRST-LAST/TOTAL with FIRST <= LAST < TOTAL < 2^63")]
    ContentRange,
    /// Not a bare file name of 1 to 260 characters.
    #[error(r#"not a bare file name of 1 to 260 characters without \ / : * ? " < > |"#)]
    ContentName,
    /// Not a host name, an address, or either with a port.
    #[error("not a host name or address")]
    HostId,
    /// Empty, or no absolute `http` URL comes out.
    #[error("not the URL of a reply")]
    ReplyUrl,
    /// Control characters, or more than 4,096 bytes.
    #[error("not a header value of at most 4,096 bytes")]
    HeaderValue,
    /// Not an absolute `http` or `https` URL.
    #[error("not an absolute http or https URL")]
    Destination,
    /// Empty, or no `http` or `https` URL comes out.
    #[error("not a reference to an http or https URL")]
    NotificationUrl,
    /// Empty, with blanks around it, with control characters, or more than 4,096 bytes.
    #[error("not the path of a data file, of 1 to 4,096 bytes")]
    DataFilePath,
    /// 2^63 bytes or more.
    #[error("an entity is smaller than 2^63 bytes")]
    EntitySize,
    /// Not `bytes=` and a list of 1 to 100 ranges, none of them backwards.
    #[error("not a list of 1 to 100 byte ranges")]
    ByteRanges,
    /// None, an empty or a backwards range, or 2^63 bytes or more.
    #[error("an application's ranges are not empty, and have less than 2^63 bytes in all")]
    ApplicationRanges,
    /// Not a quoted text of visible characters, perhaps after `W/`.
    #[error(r#"not an entity tag such as "xyzzy" or W/"xyzzy""#)]
    EntityTag,
    /// Not a date of HTTP from 1970 to 9999.
    #[error("not a date such as Sun, 06 Nov 1994 08:49:37 GMT")]
    HttpDate,
}
