//! An upload that is driven through whatever answers it, in virtual time.

use std::time::Instant;

use bits_proto::client::{Config, Entity, Event, ExchangeId, Output, Transmit, TransportError, Upload};
use bits_proto::packet::Payload;
use http::{Request, Response};

/// Where every entity goes.
pub const DESTINATION: &str = "http://server/upload/file.bin";

/// So many bytes that no fragment looks like another.
pub fn source(size: u64) -> Vec<u8> {
    (0..size).map(|offset| (offset * 7 % 251) as u8).collect()
}

#[derive(Debug)]
pub struct Sender {
    pub upload: Upload,
    pub now: Instant,
    pub source: Vec<u8>,
    pub events: Vec<Event>,
}

impl Sender {
    pub fn new(now: Instant, size: u64, config: Config) -> Self {
        let entity = Entity::new(size).unwrap().named("file.bin").unwrap();
        let upload = Upload::new(now, DESTINATION.parse().unwrap(), entity, config).unwrap();
        Self { upload, now, source: source(size), events: Vec::new() }
    }

    /// The next request, after time has passed where the upload waits; `None` once the upload is at rest.
    #[track_caller]
    pub fn next_transmit(&mut self) -> Option<Transmit> {
        for _ in 0..100 {
            while let Some(output) = self.upload.poll_output() {
                match output {
                    Output::Transmit(transmit) => return Some(transmit),
                    Output::Event(event) => self.events.push(event),
                    Output::Abort(_) => {}
                }
            }
            self.now = self.now.max(self.upload.poll_timeout()?);
            self.upload.handle_timeout(self.now);
        }
        panic!("the upload neither sends nor comes to rest: {:?}", self.upload)
    }

    pub fn answer(&mut self, id: ExchangeId, response: Result<Response<()>, TransportError>) {
        match response {
            Ok(response) => self.upload.handle_response(self.now, id, &response),
            Err(error) => self.upload.handle_transport_error(self.now, id, error),
        }
    }

    /// The head and the body of a request.
    pub fn on_the_wire(&self, request: Request<Payload>) -> (Request<()>, Vec<u8>) {
        let (head, payload) = request.into_parts();
        let body = match payload {
            Payload::Empty => Vec::new(),
            Payload::Range(range) => self.source[range.start as usize..range.end as usize].to_vec(),
        };
        (Request::from_parts(head, ()), body)
    }
}
