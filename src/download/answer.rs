//! The verdict on the head of an answer (§3.6.5.2.4.2).

use std::ops::Range;

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::config::Config;
use super::download::Known;
use super::entity_tag::EntityTag;
use super::failure::{Failure, Reason, Violation};
use super::http_date::HttpDate;
use super::multipart::Parser;
use super::receiver::Receiver;
use super::state::Wanted;
use crate::header::{Headers, invalid, missing};
use crate::machine::retry::retry_after;
use crate::packet::Conformance;
use crate::packet::Malformed;
use crate::packet::ResponseHead;
use crate::vocabulary::digits::{decimal, trim};
use crate::vocabulary::limits::{MAX_ENTITY_SIZE, MAX_HEADER_VALUE};
use crate::vocabulary::range::{ContentRange, split_once, without_unit};

/// What the head of an answer means for the download.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A HEAD was answered: the entity's size, if it said so.
    Measured(Option<u64>),
    /// The server does not do HEAD: the GET will tell.
    NotMeasured,
    /// The body is what was asked for; the entity's size, if the head says it.
    Body(Receiver, Option<u64>),
    /// There is nothing to fetch.
    Empty,
    /// The entity is another than before.
    Changed(Failure),
    /// Several ranges were asked for, and this is no answer to that.
    NotSeveral(Failure),
    /// Credentials are wanted.
    Unauthorized(Failure),
    /// It may pass.
    Transient(Failure),
    /// It will not.
    Fatal(Failure),
}

/// Judges the answer to a request for what was `wanted`.
pub(super) fn judge(head: ResponseHead<'_>, wanted: &Wanted, known: &Known, config: &Config) -> Verdict {
    let failure = |reason| Failure {
        reason,
        status: Some(head.status),
        retry_after: retry_after(head.headers),
        location: location(head),
    };
    let validators = Validators::read(head.headers);
    let headers = Headers::new(head.headers, config.conformance);
    let answers = Answer { headers, size: known.size };
    let result = match (head.status, wanted) {
        // Before its version is compared: a page has none, and what was stored is still good.
        (StatusCode::OK, _) if !config.pages && validators.is_empty() && is_page(head) => {
            return Verdict::Transient(failure(Reason::Page));
        }
        (StatusCode::OK | StatusCode::PARTIAL_CONTENT, _) if !known.validators.agree_with(&validators) => {
            return Verdict::Changed(failure(Reason::EntityChanged));
        }
        (StatusCode::OK, Wanted::Head) => answers.measured(),
        (StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED, Wanted::Head) => {
            return Verdict::NotMeasured;
        }
        (StatusCode::OK, Wanted::Whole) => answers.whole(None),
        (StatusCode::OK, Wanted::Ranges(ranges)) => answers.whole(Some(ranges)),
        (StatusCode::PARTIAL_CONTENT, Wanted::Ranges(ranges)) => match &ranges[..] {
            [range] => answers.single(range),
            ranges => answers.several(ranges),
        },
        (StatusCode::PARTIAL_CONTENT, _) => Err(Reason::Protocol(Violation::RangeUnexpected)),
        (StatusCode::RANGE_NOT_SATISFIABLE, Wanted::Ranges(_)) => {
            if !validators.is_empty() && !known.validators.agree_with(&validators) {
                return Verdict::Changed(failure(Reason::EntityChanged));
            }
            answers.not_satisfiable()
        }
        (status, _) => return by_status(status, config.conformance, failure),
    };
    match result {
        Ok(verdict) => verdict,
        Err(reason) if wanted.is_several() => Verdict::NotSeveral(failure(reason)),
        Err(reason) => Verdict::Fatal(failure(reason)),
    }
}

/// The address that a redirection points to, escaped as a log wants it.
fn location(head: ResponseHead<'_>) -> Option<String> {
    let location = head.headers.get(LOCATION).filter(|_| head.status.is_redirection())?;
    let location = location.as_bytes();
    (location.len() <= MAX_HEADER_VALUE).then(|| location.escape_ascii().to_string())
}

/// Whether the answer is a page for a reader.
fn is_page(head: ResponseHead<'_>) -> bool {
    let Some(kind) = head.headers.get(CONTENT_TYPE) else { return false };
    let kind = kind.as_bytes().split(|&byte| byte == b';').next().map(trim).unwrap_or_default();
    [&b"text/html"[..], b"application/xhtml+xml"].iter().any(|page| kind.eq_ignore_ascii_case(page))
}

fn by_status(status: StatusCode, conformance: Conformance, failure: impl Fn(Reason) -> Failure) -> Verdict {
    match status.as_u16() {
        401 | 407 => Verdict::Unauthorized(failure(Reason::Unauthorized)),
        408 | 409 => Verdict::Transient(failure(Reason::Refused)),
        // C71.
        421 | 423 | 425 | 429 if !conformance.is_strict() => Verdict::Transient(failure(Reason::Refused)),
        501 | 505 => Verdict::Fatal(failure(Reason::Refused)),
        500..=599 => Verdict::Transient(failure(Reason::Refused)),
        300..=303 | 305..=399 => Verdict::Fatal(failure(Reason::Redirected)),
        _ => Verdict::Fatal(failure(Reason::Refused)),
    }
}

/// An answer that says something about the entity.
struct Answer<'h> {
    headers: Headers<'h>,
    /// The size of the entity, as far as was known before.
    size: Option<u64>,
}

impl Answer<'_> {
    fn measured(&self) -> Result<Verdict, Reason> {
        self.check_encoding()?;
        let length = self.content_length()?;
        Ok(Verdict::Measured(length.map(|length| self.same_size(length)).transpose()?))
    }

    /// 200: the whole, which is wrong unless that was asked for.
    fn whole(&self, asked: Option<&[Range<u64>]>) -> Result<Verdict, Reason> {
        self.check_encoding()?;
        let length = self.content_length()?.ok_or_else(|| malformed(missing(CONTENT_LENGTH)))?;
        let length = self.same_size(length)?;
        match asked {
            Some([range]) if range.start == 0 && range.end >= length => {}
            Some(_) => return Err(Reason::Protocol(Violation::RangeIgnored)),
            None => {}
        }
        Ok(Verdict::Body(Receiver::range_of(0..length), Some(length)))
    }

    /// 206 for one range, whose total is the length of the whole (C60). It may end early: with the entity, or, in
    /// interop, wherever the server likes (RFC 9110 §15.3.7).
    fn single(&self, asked: &Range<u64>) -> Result<Verdict, Reason> {
        self.check_encoding()?;
        let conformance = self.headers.conformance;
        let range = self
            .headers
            .parsed(CONTENT_RANGE, |text| ContentRange::parse(text, conformance))
            .and_then(|range| range.ok_or_else(|| missing(CONTENT_RANGE)))
            .map_err(malformed)?;
        let length = self.same_size(range.total())?;
        let expected = asked.end.min(length);
        let ends_well = range.end() == expected || (range.end() < expected && !conformance.is_strict());
        if range.first() != asked.start || !ends_well {
            return Err(Reason::Protocol(Violation::RangeUnexpected));
        }
        if self.content_length()?.is_some_and(|bytes| bytes != range.len()) {
            return Err(malformed(Malformed::LengthMismatch));
        }
        Ok(Verdict::Body(Receiver::range_of(range.bytes()), Some(length)))
    }

    /// 206 for several ranges. What its parts say, the receiver checks.
    fn several(&self, asked: &[Range<u64>]) -> Result<Verdict, Reason> {
        self.check_encoding()?;
        let content_type = self.headers.first(CONTENT_TYPE).map_err(malformed)?.unwrap_or_default();
        let parser = Parser::new(content_type, self.headers.conformance)
            .map_err(|error| Reason::Protocol(Violation::Multipart(error)))?;
        Ok(Verdict::Body(Receiver::parts_of(parser, asked, self.size), None))
    }

    /// 416: of an entity that nothing is known of, the first byte was asked for. It may have none.
    fn not_satisfiable(&self) -> Result<Verdict, Reason> {
        let length = self.headers.first(CONTENT_RANGE).ok().flatten().and_then(unsatisfied_length);
        match length.map(|length| self.same_size(length)).transpose()? {
            Some(0) => Ok(Verdict::Empty),
            _ => Err(Reason::Refused),
        }
    }

    fn content_length(&self) -> Result<Option<u64>, Reason> {
        let legal = |&length: &u64| length <= MAX_ENTITY_SIZE;
        let number = |text| decimal(text).filter(legal).ok_or_else(|| invalid(CONTENT_LENGTH));
        self.headers.parsed(CONTENT_LENGTH, number).map_err(malformed)
    }

    fn same_size(&self, length: u64) -> Result<u64, Reason> {
        if self.size.is_none_or(|known| known == length) { Ok(length) } else { Err(Reason::SizeChanged) }
    }

    fn check_encoding(&self) -> Result<(), Reason> {
        let encoding = trim(self.headers.one(CONTENT_ENCODING).map_err(malformed)?.unwrap_or_default());
        if encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity") {
            Ok(())
        } else {
            Err(Reason::Protocol(Violation::ContentEncoded))
        }
    }
}

fn malformed(malformed: Malformed) -> Reason {
    Reason::Protocol(Violation::Malformed(malformed))
}

/// The length that a 416 tells: `bytes */LENGTH`.
fn unsatisfied_length(text: &[u8]) -> Option<u64> {
    let (range, length) = split_once(without_unit(trim(text), Conformance::Interop)?, b'/')?;
    if trim(range) == b"*" { decimal(trim(length)) } else { None }
}

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
        let dates = dates.map(|(ours, theirs)| ours == theirs || is_same_date(ours, theirs));
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

/// Whether both are dates, and the same time.
fn is_same_date(one: &HeaderValue, other: &HeaderValue) -> bool {
    let date = |value: &HeaderValue| HttpDate::from_bytes(value.as_bytes());
    date(one).is_ok_and(|one| date(other) == Ok(one))
}
