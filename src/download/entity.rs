//! What a reply server serves.

use http::HeaderValue;

use super::entity_tag::EntityTag;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

/// What a reply server serves (§3.5.1): its size, and what tells this version from another. The bytes stay with the
/// caller.
///
/// Whenever the bytes change, the validators must: a client that fetches a reply in pieces puts them together by them.
///
/// ```
/// use bits_proto::download::Entity;
/// use http::HeaderValue;
///
/// // captures/upload-reply/10-reply-get.resp
/// let entity = Entity::new(10_240)?
///     .with_etag(r#""f84d5b50edb1c71:2488""#.parse()?)
///     .with_last_modified(HeaderValue::from_static("Mon, 18 Jun 2007 21:12:01 GMT"));
/// assert_eq!(entity.size(), 10_240);
/// # Ok::<(), bits_proto::InvalidValue>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entity {
    size: u64,
    etag: Option<EntityTag>,
    last_modified: Option<HeaderValue>,
    content_type: HeaderValue,
}

impl Entity {
    /// An entity of `size` bytes, of type `application/octet-stream`, without validators.
    ///
    /// # Errors
    /// [`InvalidValue::EntitySize`] for 2^63 bytes or more.
    pub const fn new(size: u64) -> Result<Self, InvalidValue> {
        if size > MAX_ENTITY_SIZE {
            return Err(InvalidValue::EntitySize);
        }
        let content_type = HeaderValue::from_static("application/octet-stream");
        Ok(Self { size, etag: None, last_modified: None, content_type })
    }

    /// The entity with the name of its version.
    #[must_use]
    pub fn with_etag(self, etag: EntityTag) -> Self {
        Self { etag: Some(etag), ..self }
    }

    /// The entity with the time of its last change, as HTTP writes it: `Mon, 18 Jun 2007 21:12:01 GMT`. §3.5.5.1 wants it
    /// in every answer.
    ///
    /// Such a time tells seconds apart and no less. An entity that may change twice in one needs a tag as well.
    #[must_use]
    pub fn with_last_modified(self, date: HeaderValue) -> Self {
        Self { last_modified: Some(date), ..self }
    }

    /// The entity with another media type.
    #[must_use]
    pub fn with_content_type(self, content_type: HeaderValue) -> Self {
        Self { content_type, ..self }
    }

    /// How many bytes it has (`DATA_LENGTH`).
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The name of its version.
    #[must_use]
    pub const fn etag(&self) -> Option<&EntityTag> {
        self.etag.as_ref()
    }

    /// The time of its last change (`DATA_TIMESTAMP`).
    #[must_use]
    pub const fn last_modified(&self) -> Option<&HeaderValue> {
        self.last_modified.as_ref()
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(&self) -> &HeaderValue {
        &self.content_type
    }
}
