//! The entity that a reply server serves.

use http::HeaderValue;

use super::entity_tag::EntityTag;
use super::http_date::HttpDate;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// The entity that a reply server serves (§3.5.1): its size, and what tells this version from another. The bytes stay with
/// the caller.
///
/// Whenever the bytes change, the validators must: a client that fetches a reply in pieces puts them together by them.
/// These are those of [`upload-reply/10-reply-get.resp`](crate::manual::captures#upload-reply-10-reply-get-resp):
///
/// ```
/// use bits_proto::download::{Entity, HttpDate};
///
/// // A file has `metadata.modified()?`.
/// let last_modified: HttpDate = "Mon, 18 Jun 2007 21:12:01 GMT".parse()?;
/// let entity = Entity::new(10_240, last_modified)?.with_etag(r#""f84d5b50edb1c71:2488""#.parse()?);
/// assert_eq!(entity.size(), 10_240);
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entity {
    size: u64,
    last_modified: HttpDate,
    etag: Option<EntityTag>,
    content_type: HeaderValue,
}

impl Entity {
    /// An entity of `size` bytes that changed last at this time, of type `application/octet-stream`.
    ///
    /// Every answer says when that was, since §3.5.5.1 demands it. The time of a file converts, a
    /// [`SystemTime`](std::time::SystemTime). Such a time tells seconds apart and no less: an entity that may change twice in
    /// one needs a [tag](Self::with_etag) as well.
    ///
    /// # Errors
    /// [`InvalidValue::EntitySize`] for 2^63 bytes or more.
    pub fn new(size: u64, last_modified: impl Into<HttpDate>) -> Result<Self, InvalidValue> {
        if size > MAX_ENTITY_SIZE {
            return Err(InvalidValue::EntitySize);
        }
        let content_type = HeaderValue::from_static("application/octet-stream");
        Ok(Self { size, last_modified: last_modified.into(), etag: None, content_type })
    }

    /// The entity with the name of its version.
    #[must_use]
    pub fn with_etag(self, etag: EntityTag) -> Self {
        Self { etag: Some(etag), ..self }
    }

    /// The entity with another media type.
    #[must_use]
    pub fn with_content_type(self, content_type: HeaderValue) -> Self {
        Self { content_type, ..self }
    }

    /// Its size in bytes (`DATA_LENGTH`).
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The time of its last change (`DATA_TIMESTAMP`).
    #[must_use]
    pub const fn last_modified(&self) -> HttpDate {
        self.last_modified
    }

    /// The name of its version.
    #[must_use]
    pub const fn etag(&self) -> Option<&EntityTag> {
        self.etag.as_ref()
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }
}
