//! Snapshots that were tampered with: none makes anything panic, and whatever is restored from one is an upload like any
//! other, whose own snapshots come back, whatever the server answers.
#![cfg(feature = "serde")]

use std::time::Duration;

use bits_proto::client::{Entity, Output, Recovery, Snapshot, TransportError, Upload};
use bits_proto::packet::Payload;
use http::Response;
use proptest::prelude::*;
use serde_json::Value;
use testing::client::answers;
use testing::client::at_rest;
use testing::client::scenario::{config, now};
use testing::tampered;

/// What comes back for a request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Ok,
    Created,
    Received(u64),
    OutOfStep(u64),
    NotFound,
    Busy,
    Denied,
    TooLarge,
    Broken,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Ok),
        4 => Just(Answer::Created),
        4 => (0u64..210).prop_map(Answer::Received),
        1 => (0u64..210).prop_map(Answer::OutOfStep),
        1 => Just(Answer::NotFound),
        1 => Just(Answer::Busy),
        1 => Just(Answer::Denied),
        1 => Just(Answer::TooLarge),
        1 => Just(Answer::Broken),
    ]
}

fn response(answer: Answer) -> Option<Response<()>> {
    Some(match answer {
        Answer::Ok => answers::ok(),
        Answer::Created => answers::created(),
        Answer::Received(offset) => answers::received(offset),
        Answer::OutOfStep(offset) => answers::out_of_step(offset),
        Answer::NotFound => answers::session_not_found(),
        Answer::Busy => answers::ack(503, &[]),
        Answer::Denied => answers::error(403, "0x80070005"),
        Answer::TooLarge => answers::ack(413, &[]),
        Answer::Broken => return None,
    })
}

/// The upload as it is, and what it would be in another process; `None` where another source makes a difference.
fn assert_sound(upload: &Upload, entity: &Entity) {
    assert!(upload.acknowledged() <= upload.entity().size(), "{upload:?}");
    assert!(upload.session_id().is_some() || upload.acknowledged() == 0, "{upload:?}");
    let (snapshot, config) = (upload.snapshot(now()), config().build().unwrap());
    let again = Upload::restore(
        now(),
        upload.destination().clone(),
        snapshot.clone(),
        Duration::ZERO,
        entity.clone(),
        config,
    );
    let again = again.unwrap_or_else(|error| panic!("its own snapshot is refused, {error}: {snapshot:?}"));
    assert_eq!(again.state().is_ended(), upload.state().is_ended());
}

fn snapshots() -> Vec<Value> {
    let all = at_rest::everywhere();
    all.iter()
        .map(|(_, scenario, _)| serde_json::to_value(scenario.upload.snapshot(now())).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_tampered_snapshot_is_refused_or_makes_a_sound_upload(
        tampered in tampered::tampered(snapshots()),
        restart in any::<bool>(),
        story in proptest::collection::vec(answer(), 0..12),
    ) {
        let Ok(snapshot) = serde_json::from_value::<Snapshot>(tampered) else { return Ok(()) };
        let entity = snapshot.entity().clone();
        let config = config().recovery(if restart { Recovery::Restart } else { Recovery::Resend });
        let config = config.build().unwrap();
        let Ok(destination) = snapshot.destination().parse() else { return Ok(()) };
        let restored = Upload::restore(now(), destination, snapshot, Duration::ZERO, entity.clone(), config);
        let Ok(mut upload) = restored else { return Ok(()) };
        assert_sound(&upload, &entity);
        for answer in story {
            while let Some(output) = upload.poll_output() {
                assert_sound(&upload, &entity);
                let Output::Transmit(transmit) = output else { continue };
                if let Payload::Range(range) = transmit.request.body() {
                    assert!(range.start < range.end && range.end <= entity.size());
                }
                match response(answer) {
                    Some(response) => upload.handle_response(now(), transmit.id, &response),
                    None => upload.handle_transport_error(now(), transmit.id, TransportError::Interrupted),
                }
                break;
            }
            assert_sound(&upload, &entity);
            if let Some(at) = upload.poll_timeout().filter(|_| matches!(answer, Answer::Busy | Answer::Broken)) {
                upload.handle_timeout(at);
            }
        }
    }

    #[test]
    fn a_compact_snapshot_with_a_changed_byte_is_refused_or_makes_a_sound_upload(
        which in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let everywhere = at_rest::everywhere();
        let mut bytes = postcard::to_allocvec(&which.get(&everywhere).1.upload.snapshot(now())).unwrap();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let Ok(snapshot) = postcard::from_bytes::<Snapshot>(&bytes) else { return Ok(()) };
        let entity = snapshot.entity().clone();
        let Ok(destination) = snapshot.destination().parse() else { return Ok(()) };
        let config = config().build().unwrap();
        if let Ok(upload) = Upload::restore(now(), destination, snapshot, Duration::ZERO, entity.clone(), config) {
            assert_sound(&upload, &entity);
        }
    }
}
