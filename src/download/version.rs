//! Which version of the entity is being fetched.

use http::header::{ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};

use super::entity_tag::EntityTag;
use crate::vocabulary::limits::MAX_HEADER_VALUE;

/// What tells one version from another.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Validators {
    pub(super) etag: Option<EntityTag>,
    pub(super) last_modified: Option<HeaderValue>,
}

impl Validators {
    /// A tag that cannot be read counts as none, and so does a date of over 4,096 bytes.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let etag = headers.get(ETAG).and_then(|tag| EntityTag::from_bytes(tag.as_bytes()).ok());
        let last_modified = headers.get(LAST_MODIFIED).filter(|date| date.len() <= MAX_HEADER_VALUE).cloned();
        Self { etag, last_modified }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Whether an answer with these is of the same version: what both have must be the same, and if there is anything to
    /// compare, something must have been.
    pub(super) fn agree_with(&self, answer: &Self) -> bool {
        let tags = self.etag.as_ref().zip(answer.etag.as_ref()).map(|(ours, theirs)| ours.weak_eq(theirs));
        let dates = self.last_modified.as_ref().zip(answer.last_modified.as_ref());
        let dates = dates.map(|(ours, theirs)| ours == theirs);
        match (tags, dates) {
            (None, None) => self.is_empty(),
            (tags, dates) => tags.unwrap_or(true) && dates.unwrap_or(true),
        }
    }

    /// Takes what was not known yet.
    pub(super) fn learn(&mut self, answer: Self) {
        self.etag = self.etag.take().or(answer.etag);
        self.last_modified = self.last_modified.take().or(answer.last_modified);
    }
}
