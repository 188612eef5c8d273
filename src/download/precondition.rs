//! The conditions of a request (RFC 9110 §13).

use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};

use super::entity::Entity;
use super::entity_tag::EntityTag;
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

/// Evaluates the conditions in HTTP's order (RFC 9110 §13.2.2).
///
/// A library without a calendar compares dates as texts, as RFC 9110 §13.1.5 has it for `If-Range` anyway: so
/// `If-Modified-Since` says "not modified" for the very date that was sent, and `If-Unmodified-Since`, where another
/// date than that would have to be compared, is not evaluated.
pub(super) fn evaluate(headers: &HeaderMap, entity: &Entity) -> Precondition {
    if headers.contains_key(IF_MATCH) && !names(headers, IF_MATCH, entity, EntityTag::is_named_strongly) {
        return Precondition::Failed;
    }
    let not_modified = if headers.contains_key(IF_NONE_MATCH) {
        names(headers, IF_NONE_MATCH, entity, EntityTag::is_named_weakly)
    } else {
        let date = headers.get(IF_MODIFIED_SINCE);
        date.is_some_and(|date| is_last_modified(date.as_bytes(), entity))
    };
    if not_modified { Precondition::NotModified } else { Precondition::Holds }
}

/// Whether the ranges of the request count: not if `If-Range` names another version (RFC 9110 §13.1.5).
pub(super) fn ranges_count(headers: &HeaderMap, entity: &Entity) -> bool {
    let Some(condition) = headers.get(IF_RANGE) else { return true };
    let condition = trim(condition.as_bytes());
    if condition.starts_with(b"\"") || condition.starts_with(b"W/") {
        let named = EntityTag::from_bytes(condition).ok();
        named.zip(entity.etag()).is_some_and(|(named, etag)| named.strong_eq(etag))
    } else {
        is_last_modified(condition, entity)
    }
}

fn is_last_modified(date: &[u8], entity: &Entity) -> bool {
    entity.last_modified().is_some_and(|ours| trim(ours.as_bytes()) == trim(date))
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
