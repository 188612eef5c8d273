//! Client and server, over a network that loses what it likes.

use std::ops::Range;

use bits_proto::Conformance;
use bits_proto::download::{
    ApplicationRanges, Config, Entity, EntityTag, Event, HeadRequest, HttpDate, Segment, State, Suspend,
    TransportError, respond,
};
use http::{Request, Response};
use proptest::prelude::*;

use crate::driver::Driver;

/// What happens to one exchange.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    /// The request, or the head of the answer, is lost.
    Lost,
    /// The connection breaks after so many bytes of the body.
    Cut(usize),
    /// A gateway answers in the server's place.
    Gateway,
    /// Nobody answers.
    Silence,
    /// The user suspends at once, and resumes.
    Suspended,
    /// The entity is replaced by another version before the request arrives.
    Changed,
}

struct Server {
    source: Vec<u8>,
    version: u8,
    validators: Validators,
    /// Whether it does several ranges at once.
    several: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Validators {
    Strong,
    Weak,
    Date,
}

impl Server {
    fn change(&mut self) {
        self.version += 1;
        for byte in &mut self.source {
            *byte = byte.wrapping_add(1);
        }
    }

    fn serve(&self, request: &Request<()>) -> Response<Vec<u8>> {
        let date: HttpDate = format!("Mon, 18 Jun 2007 21:12:{:02} GMT", self.version).parse().unwrap();
        let entity = Entity::new(self.source.len() as u64, date).unwrap();
        let tag = |text: String| EntityTag::from_bytes(text.as_bytes()).unwrap();
        let entity = match self.validators {
            Validators::Strong => entity.with_etag(tag(format!("\"v{}\"", self.version))),
            Validators::Weak => entity.with_etag(tag(format!("W/\"v{}\"", self.version))),
            Validators::Date => entity,
        };
        let mut request = request.clone();
        if !self.several && request.headers().get("range").is_some_and(|r| r.as_bytes().contains(&b',')) {
            request.headers_mut().remove("range");
        }
        respond(&request, &entity, Conformance::Strict, || [0xB0; 16]).map(|body| {
            let mut bytes = Vec::new();
            for segment in body {
                match segment {
                    Segment::Entity(range) => bytes.extend_from_slice(&self.source[span(&range)]),
                    Segment::Text(text) => bytes.extend_from_slice(&text),
                }
            }
            bytes
        })
    }
}

fn span(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        3 => (0..200_usize).prop_map(Fate::Cut),
        1 => Just(Fate::Gateway),
        1 => Just(Fate::Silence),
        1 => Just(Fate::Suspended),
        1 => Just(Fate::Changed),
    ]
}

fn pass(driver: &mut Driver, server: &mut Server, fate: Fate) {
    let transmit = driver.request();
    match fate {
        Fate::Arrives => {
            driver.answer(transmit.id, &server.serve(&transmit.request));
        }
        Fate::Lost => {
            driver.download.handle_transport_error(driver.now, transmit.id, TransportError::Interrupted)
        }
        Fate::Cut(bytes) => {
            driver.answer_up_to(transmit.id, &server.serve(&transmit.request), bytes);
        }
        Fate::Gateway => {
            driver.answer(transmit.id, &crate::driver::response(502, &[], "a page"));
        }
        Fate::Silence => driver.wait(),
        Fate::Suspended => {
            driver.download.suspend(driver.now, Suspend::AtOnce).unwrap();
            driver.download.resume(driver.now).unwrap();
        }
        Fate::Changed => {
            server.change();
            driver.answer(transmit.id, &server.serve(&transmit.request));
        }
    }
    while driver.download.state() == State::WaitingToRetry {
        driver.wait();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn what_is_stored_is_one_version_of_the_source(
        source in prop::collection::vec(any::<u8>(), 0..300),
        picks in prop::collection::vec((0..300_u64, 1..60_u64), 0..6),
        fragment in prop::option::of(1..150_u64),
        head in prop_oneof![Just(HeadRequest::ForRanges), Just(HeadRequest::Always), Just(HeadRequest::Never)],
        validators in prop_oneof![Just(Validators::Strong), Just(Validators::Weak), Just(Validators::Date)],
        several in any::<bool>(),
        fates in prop::collection::vec(fate(), 0..30),
    ) {
        let length = source.len() as u64;
        let wanted: Vec<Range<u64>> = picks
            .into_iter()
            .map(|(first, size)| first % length.max(1)..(first % length.max(1) + size).min(length))
            .filter(|range| !range.is_empty())
            .collect();
        let ranges = ApplicationRanges::new(wanted.iter().cloned()).unwrap_or_default();
        let mut config = Config::builder().head(head).max_restarts(1000);
        if let Some(size) = fragment {
            config = config.fragment_size(size);
        }
        let mut driver = Driver::new(ranges.clone(), config);
        let mut server = Server { source, version: 0, validators, several };
        let mut fates = fates.into_iter();
        let mut rounds = 0;
        while !driver.download.state().is_ended() {
            rounds += 1;
            prop_assert!(rounds < 2000, "no end");
            pass(&mut driver, &mut server, fates.next().unwrap_or(Fate::Arrives));
            prop_assert_ne!(driver.download.state(), State::Failed);
        }
        driver.expect_completed(ranges.size(length));
        // The version that was current at the last restart, or at the end: one, and not a mixture.
        let changed = |by: u8| {
            let wanted = if wanted.is_empty() { vec![Range { start: 0, end: length }] } else { wanted.clone() };
            wanted.iter().all(|range| {
                let source = server.source[span(range)].iter().map(|byte| byte.wrapping_sub(by));
                driver.stored.get(span(range)).unwrap_or_default().iter().copied().eq(source)
            })
        };
        prop_assert!((0..=server.version).any(changed));
        let restarted = driver.events.iter().any(|event| matches!(event, Event::Restarted { .. }));
        prop_assert!(!restarted || server.version > 0);
    }
}
