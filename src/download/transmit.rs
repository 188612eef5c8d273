//! Which request goes next.

use std::time::Instant;

use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, IF_RANGE, RANGE};
use http::{Method, Request};

use super::application_ranges::{header, size_of};
use super::download::Download;
use super::failure::{Failure, Reason};
use super::output::{Event, ExchangeId, Output, Transmit};
use super::state::{Hold, InFlight, Timer, Wanted};
use crate::header::put;
use crate::vocabulary::limits::MAX_ENTITY_SIZE;

impl Download {
    /// Sends what is next, unless something is under way or holds the download.
    ///
    /// What is next follows from what is known, and is stored nowhere: so a download that was interrupted anywhere goes
    /// on by itself.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() || self.hold != Hold::None {
            return;
        }
        if self.size() == Some(self.received) {
            self.completed();
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
        self.hold = Hold::Pace;
        self.timers.start(Timer::Pace, now, delay);
        true
    }

    /// Why an entity of the length that the server told is not fetched.
    pub(super) fn objection(&self) -> Option<Reason> {
        if self.version.length.is_some_and(|length| !self.ranges.fit_into(length)) {
            Some(Reason::RangePastEnd)
        } else if self.size().is_some_and(|size| size > self.config.max_length) {
            Some(Reason::TooLong)
        } else {
            None
        }
    }

    fn next_wanted(&self) -> Wanted {
        if self.head_due {
            return Wanted::Head;
        }
        let size = self.config.fragment_size.unwrap_or(u64::MAX).min(self.pace.largest());
        if self.size().is_none() && size == u64::MAX {
            return Wanted::Whole;
        }
        let length = self.version.length.unwrap_or(MAX_ENTITY_SIZE);
        let ranges = self.ranges.choose(length, self.received, size, self.single_ranges_only);
        match &ranges[..] {
            // The one range is the whole (§3.6.5.2.4.2, C62).
            [range] if *range == (0..length) => Wanted::Whole,
            _ => Wanted::Ranges(ranges),
        }
    }

    fn transmit(&mut self, now: Instant, wanted: Wanted) {
        self.exchanges = self.exchanges.wrapping_add(1);
        let id = ExchangeId(self.exchanges);
        let request = self.request(&wanted);
        self.pace.sent(now, self.bytes_of(&wanted));
        self.in_flight = Some(InFlight { id, wanted, remaining: None });
        self.timers.start(Timer::Request, now, self.config.patience.request_timeout);
        self.push(Output::Transmit(Transmit {
            id,
            request,
            request_timeout: self.config.patience.request_timeout,
            response_timeout: self.config.patience.response_timeout,
        }));
    }

    /// How many bytes of the entity the answer to such a request has, as far as is known.
    pub(super) fn bytes_of(&self, wanted: &Wanted) -> u64 {
        match wanted {
            Wanted::Head => 0,
            Wanted::Whole => self.version.length.unwrap_or(u64::MAX),
            Wanted::Ranges(ranges) => size_of(ranges),
        }
    }

    fn request(&self, wanted: &Wanted) -> Request<()> {
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
            if let Some(etag) = self.version.validators.etag.as_ref().filter(|etag| !etag.is_weak()) {
                put(headers, IF_RANGE, etag.as_header().clone());
            }
        }
        for (name, value) in &self.credentials {
            let _never_full = headers.try_append(name, value.clone());
        }
        if *wanted == Wanted::Head {
            *request.method_mut() = Method::HEAD;
        }
        request
    }

    fn completed(&mut self) {
        self.hold = Hold::Completed;
        self.timers.stop_all();
        self.tell(Event::Completed { received: self.received });
    }
}
