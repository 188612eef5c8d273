//! Drives a download in virtual time, one answer after another.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bits_proto::download::{
    ApplicationRanges, Config, ConfigBuilder, Download, Event, ExchangeId, Failure, Output, Reason, Transmit,
};
use http::Response;

pub(crate) const URL: &str = "http://frankcao8/Replies/responsefile.bin";

pub(crate) struct Driver {
    pub(crate) download: Download,
    pub(crate) now: Instant,
    /// What was stored, by offset.
    pub(crate) stored: Vec<u8>,
    pub(crate) events: Vec<Event>,
    pub(crate) aborted: Vec<ExchangeId>,
    requests: VecDeque<Transmit>,
}

impl Driver {
    pub(crate) fn new(ranges: ApplicationRanges, config: ConfigBuilder) -> Self {
        let now = start();
        let config: Config = config.build().unwrap();
        Self {
            download: Download::new(now, URL.parse().unwrap(), ranges, config).unwrap(),
            now,
            stored: Vec::new(),
            events: Vec::new(),
            aborted: Vec::new(),
            requests: VecDeque::new(),
        }
    }

    pub(crate) fn whole(config: ConfigBuilder) -> Self {
        Self::new(ApplicationRanges::whole(), config)
    }

    /// The request that goes next, if one does.
    pub(crate) fn next_request(&mut self) -> Option<Transmit> {
        assert!(self.poll().is_none(), "a body is to be received");
        self.requests.pop_front()
    }

    /// The request that goes next.
    pub(crate) fn request(&mut self) -> Transmit {
        self.next_request().unwrap_or_else(|| panic!("no request: {:?}", self.events.last()))
    }

    /// The request that goes next, which must be a GET of this `Range`.
    pub(crate) fn expect_range(&mut self, range: Option<&str>) -> ExchangeId {
        let transmit = self.request();
        assert_eq!(transmit.request.method(), "GET");
        assert_eq!(header(&transmit, "range"), range);
        transmit.id
    }

    /// An answer whose body arrives whole; whether it was wanted.
    pub(crate) fn answer(&mut self, id: ExchangeId, response: &Response<Vec<u8>>) -> bool {
        self.answer_up_to(id, response, usize::MAX)
    }

    /// An answer whose connection breaks off after so many bytes of the body.
    pub(crate) fn answer_up_to(
        &mut self,
        id: ExchangeId,
        response: &Response<Vec<u8>>,
        bytes: usize,
    ) -> bool {
        self.download.handle_sent(self.now, id);
        self.download.handle_response(self.now, id, response);
        let Some((receiving, mut receiver)) = self.poll() else { return false };
        assert_eq!(receiving, id);
        let body = &response.body()[..bytes.min(response.body().len())];
        for chunk in body.chunks(7) {
            let mut rest = chunk;
            loop {
                match receiver.place(&mut rest) {
                    Ok(Some(piece)) => {
                        let (at, end) = (piece.offset as usize, piece.offset as usize + piece.bytes.len());
                        self.stored.resize(self.stored.len().max(end), b'.');
                        self.stored[at..end].copy_from_slice(piece.bytes);
                        self.download.handle_received(self.now, id, piece.bytes.len() as u64);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        self.download.handle_body_error(self.now, id, error);
                        return true;
                    }
                }
            }
        }
        self.download.handle_body_end(self.now, id);
        true
    }

    /// The download as another process restores it: what was under way is gone.
    pub(crate) fn restart(&mut self, config: ConfigBuilder) {
        let snapshot = self.download.snapshot(self.now);
        self.download =
            Download::restore(self.now, snapshot, Duration::ZERO, config.build().unwrap()).unwrap();
        self.requests.clear();
    }

    /// Lets time pass up to the next timer.
    pub(crate) fn wait(&mut self) {
        self.now = self.download.poll_timeout().expect("a timer runs");
        self.download.handle_timeout(self.now);
    }

    /// Why the download failed; nothing else may follow.
    pub(crate) fn failure(&mut self) -> Failure {
        assert!(self.next_request().is_none());
        assert_eq!(self.download.poll_timeout(), None);
        match self.events.last() {
            Some(Event::Failed(failure)) => failure.clone(),
            other => panic!("not failed: {other:?}"),
        }
    }

    /// Why the download waits.
    pub(crate) fn waits_for(&mut self) -> Reason {
        assert!(self.next_request().is_none());
        match self.events.last() {
            Some(Event::Waiting { cause, .. }) => cause.reason,
            other => panic!("not waiting: {other:?}"),
        }
    }

    /// Asserts that the download is complete with so many bytes.
    pub(crate) fn expect_completed(&mut self, bytes: u64) {
        assert!(self.next_request().is_none());
        assert_eq!(self.events.last(), Some(&Event::Completed { received: bytes }));
        assert_eq!(self.download.received(), bytes);
        assert_eq!(self.download.poll_timeout(), None);
    }

    fn poll(&mut self) -> Option<(ExchangeId, bits_proto::download::Receiver)> {
        while let Some(output) = self.download.poll_output() {
            match output {
                Output::Transmit(transmit) => self.requests.push_back(transmit),
                Output::Receive { id, receiver } => return Some((id, receiver)),
                Output::Abort(id) => self.aborted.push(id),
                Output::Event(event) => self.events.push(event),
            }
        }
        None
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an Instant can be had from the clock alone; time then is virtual"
)]
fn start() -> Instant {
    Instant::now()
}

pub(crate) fn header<'t>(transmit: &'t Transmit, name: &str) -> Option<&'t str> {
    transmit.request.headers().get(name).map(|value| value.to_str().unwrap())
}

/// A response with `Content-Length`.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Vec<u8>> {
    let response = headers
        .iter()
        .fold(Response::builder().status(status), |response, (name, value)| response.header(*name, *value));
    response.header("Content-Length", body.len()).body(body.as_bytes().to_vec()).unwrap()
}

/// A 206 of the version `"v1"`.
pub(crate) fn partial(content_range: &str, body: &str) -> Response<Vec<u8>> {
    response(206, &[("Content-Range", content_range), ("ETag", "\"v1\"")], body)
}
