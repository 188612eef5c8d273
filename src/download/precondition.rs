//! The conditions of a request (RFC 9110 §13).

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};

use super::entity::Entity;
use super::entity_tag::EntityTag;
use super::http_date::HttpDate;
use crate::header::Headers;
use crate::packet::Conformance;
use crate::vocabulary::digits::trim;

/// What the conditions of a request come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Precondition {
    /// The request is answered.
    Holds,
    /// 304: the client has this version.
    NotModified,
    /// 412: the client wants another version.
    Failed,
}

/// Evaluates the conditions in HTTP's order (RFC 9110 §13.2.2): a tag is more exact than a date, so that a date counts only
/// where no tag of its kind is named, and a date that is none counts for nothing.
pub(super) fn evaluate(headers: &HeaderMap, entity: &Entity) -> Precondition {
    let failed = if headers.contains_key(IF_MATCH) {
        !names(headers, IF_MATCH, entity, EntityTag::is_named_strongly)
    } else {
        // Windows sends it with every GET (C67).
        date(headers, IF_UNMODIFIED_SINCE).is_some_and(|date| entity.last_modified() > date)
    };
    if failed {
        return Precondition::Failed;
    }
    let not_modified = if headers.contains_key(IF_NONE_MATCH) {
        names(headers, IF_NONE_MATCH, entity, EntityTag::is_named_weakly)
    } else {
        date(headers, IF_MODIFIED_SINCE).is_some_and(|date| entity.last_modified() <= date)
    };
    if not_modified { Precondition::NotModified } else { Precondition::Holds }
}

/// Whether the ranges of the request count: not if `If-Range` names another version (RFC 9110 §13.1.5). A later date is
/// another version, too: it is not the date that this server sent.
pub(super) fn ranges_count(headers: &HeaderMap, entity: &Entity) -> bool {
    let Some(condition) = headers.get(IF_RANGE) else { return true };
    let condition = trim(condition.as_bytes());
    if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        let named = EntityTag::from_bytes(condition).ok();
        named.zip(entity.etag()).is_some_and(|(named, etag)| named.strong_eq(etag))
    } else {
        HttpDate::from_bytes(condition) == Ok(entity.last_modified())
    }
}

/// The date of a header. Two that differ are no date.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<HttpDate> {
    let value = Headers::new(headers, Conformance::Interop).one(name).ok()??;
    HttpDate::from_bytes(value).ok()
}

fn names(
    headers: &HeaderMap,
    name: HeaderName,
    entity: &Entity,
    is_named: impl Fn(&EntityTag, &[u8]) -> bool,
) -> bool {
    headers.get_all(name).iter().any(|list| {
        let list = trim(list.as_bytes());
        list == b"*" || entity.etag().is_some_and(|etag| is_named(etag, list))
    })
}
