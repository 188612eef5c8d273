//! The choice of the next request, and the request.

use std::time::Instant;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, IF_RANGE, RANGE};
use http::{HeaderMap, Method, Request};

use super::application_ranges::{header, size_of};
use super::download::Download;
use super::failure::{Failure, Reason};
use super::output::{Connection, Event, ExchangeId, Output, Transmit};
use super::state::{Doing, InFlight, Then, Timer, Wanted};
use crate::header::put;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

impl Download {
    /// Takes the next step, if nothing is under way and nothing holds the download.
    ///
    /// What is next follows from what is known, and is stored nowhere: so a download that was interrupted anywhere goes
    /// on by itself.
    pub(super) fn settle(&mut self, now: Instant) {
        match self.doing {
            Doing::Between(Then::Suspend) => self.stop(Doing::Suspended, Event::Suspended),
            Doing::Between(Then::GoOn) => self.advance(now),
            _ => {}
        }
    }

    fn advance(&mut self, now: Instant) {
        if self.size() == Some(self.known.received) {
            self.stop(Doing::Completed, Event::Completed { received: self.known.received });
        } else if let Some(reason) = self.objection() {
            self.fail(Failure::new(reason));
        } else {
            let wanted = self.next_wanted();
            if wanted == Wanted::Head || !self.waits_for_pace(now) {
                self.transmit(now, wanted);
            }
        }
    }

    fn waits_for_pace(&mut self, now: Instant) -> bool {
        let Some(delay) = self.pace.delay(now) else { return false };
        self.doing = Doing::Pacing;
        self.timers.start(Timer::Pace, now, delay);
        true
    }

    /// Why an entity of the size that the server told is not fetched.
    pub(super) fn objection(&self) -> Option<Reason> {
        if self.known.size.is_some_and(|size| !self.ranges.fit_into(size)) {
            Some(Reason::RangePastEnd)
        } else if self.size().is_some_and(|size| size > self.config.max_size) {
            Some(Reason::TooLarge)
        } else {
            None
        }
    }

    fn next_wanted(&self) -> Wanted {
        if self.known.head_due {
            return Wanted::Head;
        }
        let size = self.config.fragment_size.unwrap_or(u64::MAX).min(self.pace.largest());
        if self.size().is_none() && size == u64::MAX {
            return Wanted::Whole;
        }
        let whole = self.known.size.unwrap_or(MAX_ENTITY_SIZE);
        let ranges = self.ranges.choose(whole, self.known.received, size, self.known.single_ranges_only);
        match &ranges[..] {
            // The one range is the whole (§3.6.5.2.4.2, C62).
            [range] if *range == (0..whole) => Wanted::Whole,
            _ => Wanted::Ranges(ranges),
        }
    }

    pub(super) fn transmit(&mut self, now: Instant, wanted: Wanted) {
        self.exchanges = self.exchanges.wrapping_add(1);
        let id = ExchangeId(self.exchanges);
        let request = self.request(&wanted);
        self.pace.sent(now, self.bytes_of(&wanted));
        let connection = self.connection;
        self.connection = match connection {
            Connection::SameAs(_) => Connection::SameAs(id),
            Connection::Any | Connection::Fresh => Connection::Any,
        };
        self.doing = Doing::Exchanging(InFlight { id, wanted, connection, remaining: None }, Then::GoOn);
        self.timers.start(Timer::Request, now, self.config.patience.request_timeout);
        self.push(Output::Transmit(Transmit {
            id,
            request,
            connection,
            request_timeout: self.config.patience.request_timeout,
            response_timeout: self.config.patience.response_timeout,
        }));
    }

    /// The number of bytes of the entity in the answer to such a request, as far as it is known.
    pub(super) fn bytes_of(&self, wanted: &Wanted) -> u64 {
        match wanted {
            Wanted::Head => 0,
            Wanted::Whole => self.known.size.unwrap_or(u64::MAX),
            Wanted::Ranges(ranges) => size_of(ranges),
        }
    }

    fn request(&mut self, wanted: &Wanted) -> Request<()> {
        let mut request = Request::new(());
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        put(headers, ACCEPT, HeaderValue::from_static("*/*"));
        put(headers, ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Wanted::Ranges(ranges) = wanted {
            if let Some(ranges) = header(ranges) {
                put(headers, RANGE, ranges.to_header());
            }
            // The whole comes instead if the entity has changed; a weak tag is of no use for that (C63).
            if let Some(etag) = self.known.validators.etag.as_ref().filter(|etag| !etag.is_weak()) {
                put(headers, IF_RANGE, etag.as_header().clone());
            }
        }
        append(headers, &self.credentials.headers);
        append(headers, &self.config.headers);
        if self.credentials.connection_bound {
            // The connection remembers them.
            self.credentials.headers.clear();
        }
        if *wanted == Wanted::Head {
            *request.method_mut() = Method::HEAD;
        }
        request
    }
}

/// Adds headers, but for those whose names are there already.
fn append(headers: &mut HeaderMap, own: &HeaderMap) {
    let new: Vec<_> = own.iter().filter(|(name, _)| !headers.contains_key(*name)).collect();
    for (name, value) in new {
        let _never_full = headers.try_append(name, value.clone());
    }
}
