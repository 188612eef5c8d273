//! The answers that the stimuli of the table stand for, and what each means for what is due.

use std::ops::Range;

use bits_proto::download::transitions::Stimulus;
use http::Response;

use super::setup::{LENGTH, MAX_LENGTH};
use super::{Exchange, Scene};

impl Scene {
    /// The head of an answer that brings so many more bytes.
    pub(super) fn rest(&self, exchange: &Exchange, left: u64) -> Response<()> {
        let length = self.download.entity_size().unwrap_or(LENGTH);
        match &exchange.ranges[..] {
            [] => self.versioned(200, &[("Content-Length", length.to_string())]),
            [range] => {
                let range = format!("bytes {}-{}/{length}", range.start, range.start + left - 1);
                self.versioned(206, &[("Content-Range", range)])
            }
            _ => self.versioned(206, &[("Content-Type", "multipart/byteranges; boundary=x".to_owned())]),
        }
    }

    /// The head of the answer that the stimulus names; `None`, if this request cannot be answered so.
    pub(super) fn head(&self, exchange: &Exchange, stimulus: Stimulus) -> Option<Response<()>> {
        let known = self.download.entity_size();
        let length = known.unwrap_or(LENGTH);
        let whole = |length: u64| self.versioned(200, &[("Content-Length", length.to_string())]);
        let part = |range: &Range<u64>, length: u64| {
            let range = format!("bytes {}-{}/{length}", range.start, range.end.min(length) - 1);
            self.versioned(206, &[("Content-Range", range)])
        };
        let right = |length| match &exchange.ranges[..] {
            [] => Some(whole(length)),
            [range] => (range.start < length).then(|| part(range, length)),
            _ => {
                Some(self.versioned(206, &[("Content-Type", "multipart/byteranges; boundary=x".to_owned())]))
            }
        };
        let (get, several) = (!exchange.head, exchange.ranges.len() > 1);
        let unsatisfied = |length: u64| response(416, &[("Content-Range", format!("bytes */{length}"))]);
        match stimulus {
            Stimulus::Success => right(length),
            Stimulus::SuccessWithoutLength => exchange.head.then(|| self.versioned(200, &[])),
            Stimulus::HeadNotKnown => exchange.head.then(|| response(405, &[])),
            Stimulus::Empty if !self.setup.ranges.is_empty() || known.is_some() => None,
            Stimulus::Empty if exchange.ranges.is_empty() => Some(whole(0)),
            Stimulus::Empty => Some(unsatisfied(0)),
            Stimulus::UnsuitableLength if known.is_some() => None,
            Stimulus::UnsuitableLength if several => Some(unsatisfied(0)),
            Stimulus::UnsuitableLength => {
                right(self.setup.ranges.last().map_or(MAX_LENGTH + 1, |range| range.end - 1))
            }
            Stimulus::Changed => {
                let mut changed = right(length)?;
                let etag = format!("\"v{}\"", self.version.0 + 1).parse().ok()?;
                changed.headers_mut().try_insert("ETag", etag).ok()?;
                self.version.1.then_some(changed)
            }
            Stimulus::WholeInstead => (!exchange.ranges.is_empty()).then(|| whole(length)),
            Stimulus::OtherRange => {
                let other =
                    if exchange.ranges.first().is_some_and(|range| range.start == 0) { 1..2 } else { 0..1 };
                Some(part(&other, length))
            }
            Stimulus::LengthChanged => {
                let other = known? + 1;
                if several { Some(whole(other)) } else { right(other) }
            }
            Stimulus::Invalid => {
                let mut encoded = right(length)?;
                encoded.headers_mut().try_insert("Content-Encoding", "gzip".parse().ok()?).ok()?;
                Some(encoded)
            }
            Stimulus::NotSatisfiable => Some(unsatisfied(length)),
            Stimulus::Unauthorized => Some(response(401, &[])),
            Stimulus::Transient => Some(response(503, &[])),
            Stimulus::Fatal => Some(response(if get { 403 } else { 301 }, &[])),
            Stimulus::Interim => Some(response(103, &[])),
            other => panic!("{other:?} is no answer"),
        }
    }

    fn versioned(&self, status: u16, headers: &[(&str, String)]) -> Response<()> {
        let etag = [("ETag", format!("\"v{}\"", self.version.0))];
        response(status, &[headers, &etag].concat())
    }

    /// What such an answer means for what is due.
    pub(super) fn learn(&mut self, exchange: &Exchange, stimulus: Stimulus) {
        let several = exchange.ranges.len() > 1;
        match stimulus {
            Stimulus::Changed => {
                self.version = (self.version.0 + 1, false);
                self.head_due = self.setup.wants_head();
                self.single_ranges_only = false;
                self.received = 0;
            }
            Stimulus::Success | Stimulus::SuccessWithoutLength => {
                self.version.1 = true;
                self.head_due = false;
            }
            Stimulus::HeadNotKnown => self.head_due = false,
            Stimulus::Empty | Stimulus::UnsuitableLength => {
                self.version.1 |= !several;
                self.head_due = false;
            }
            Stimulus::NotSatisfiable => self.single_ranges_only |= several,
            violation if Stimulus::VIOLATIONS.contains(&violation) => self.single_ranges_only |= several,
            _ => {}
        }
    }
}

pub(super) fn response(status: u16, headers: &[(&str, String)]) -> Response<()> {
    let builder = headers
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, value));
    builder.body(()).unwrap()
}
