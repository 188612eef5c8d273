//! Uploads in every state, and what becomes of them in storage.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::client::answers;
use crate::client::scenario::*;
use crate::stored::through_storage;
use bits_proto::RestoreError;
use bits_proto::client::{
    ConfigBuilder, Entity, Recovery, ReplyMode, Snapshot, Suspend, TransportError, Upload,
};

/// A host that a server may move a session to.
pub const HOST: (&str, &str) = ("BITS-Host-Id", "upload-2.example.org");

/// The upload in another process.
#[track_caller]
pub fn restored(scenario: &Scenario, config: ConfigBuilder) -> Scenario {
    let entity = scenario.upload.entity().clone();
    restored_with(scenario, entity, config)
}

/// The upload in another process, where the source is this one.
#[track_caller]
pub fn restored_with(scenario: &Scenario, entity: Entity, config: ConfigBuilder) -> Scenario {
    let snapshot = through_storage(&scenario.upload.snapshot(scenario.now));
    restore(snapshot, entity, config).unwrap()
}

pub fn restore(snapshot: Snapshot, entity: Entity, config: ConfigBuilder) -> Result<Scenario, RestoreError> {
    restore_to(DESTINATION, snapshot, Duration::ZERO, entity, config)
}

/// The upload of a snapshot that was at rest for so long, for this destination.
pub fn restore_to(
    destination: &str,
    snapshot: Snapshot,
    age: Duration,
    entity: Entity,
    config: ConfigBuilder,
) -> Result<Scenario, RestoreError> {
    let now = now();
    let destination = destination.parse().unwrap();
    let upload = Upload::restore(now, destination, snapshot, age, entity, config.build().unwrap())?;
    Ok(Scenario::of(upload, now))
}

/// An upload in every state, by a name of it, and the first packet that it sends once it is restored.
pub fn everywhere() -> Vec<(&'static str, Scenario, Option<&'static str>)> {
    let (ping, cancel) = (Some("Ping"), Some("Cancel-Session"));
    vec![
        ("creating", Scenario::new(200, config()), Some("Create-Session")),
        ("moved to another host", at_host(config()), ping),
        ("sending", Scenario::sending(200, config()), ping),
        ("sending the last fragment", Scenario::after_fragments(1, 200, config()), ping),
        ("closing", Scenario::closing(config()), ping),
        ("pacing", pacing(), ping),
        ("waiting to retry", Scenario::waiting(config()), ping),
        ("waiting for credentials", Scenario::challenged(config()), ping),
        ("waiting for the reply", waiting_for_reply(), ping),
        ("out of step", out_of_step(), ping),
        ("suspending", suspending(), None),
        ("suspended", Scenario::suspended(config()), None),
        ("failed", Scenario::failed(config()), None),
        ("starting over", starting_over(), cancel),
        ("cancelling", cancelling(), cancel),
        ("withdrawing", withdrawing(), cancel),
        ("withdrawn", withdrawn(), None),
        ("completed", completed(), None),
        ("cancelled", cancelled(), None),
    ]
}

pub fn at_host(config: ConfigBuilder) -> Scenario {
    let timeout = ("BITS-Host-Id-Fallback-Timeout", "3600");
    let mut scenario = Scenario::created_by(200, config, answers::created_with(&[HOST, timeout]));
    scenario.expect("Ping");
    scenario
}

fn pacing() -> Scenario {
    let mut scenario = Scenario::created(200, config().rate(NonZeroU64::new(100)));
    scenario.acknowledge();
    scenario.expect_nothing();
    scenario
}

pub fn waiting_for_reply() -> Scenario {
    Scenario::with_reply("/replies/1", config().reply(ReplyMode::Required))
}

/// A 416 that does not say where the server stands (Q06).
pub fn out_of_step() -> Scenario {
    let mut scenario = Scenario::created(200, config());
    scenario.exchange("Fragment", answers::ack(416, &[]));
    scenario
}

fn suspending() -> Scenario {
    let mut scenario = Scenario::sending(200, config());
    scenario.suspend(Suspend::Gracefully).unwrap();
    scenario
}

fn starting_over() -> Scenario {
    let mut scenario = Scenario::sending(200, config().recovery(Recovery::Restart));
    scenario.break_off(TransportError::Interrupted);
    scenario
}

pub fn cancelling() -> Scenario {
    let mut scenario = Scenario::after_fragments(1, 200, config());
    scenario.cancel().unwrap();
    scenario.expect("Cancel-Session");
    scenario
}

pub fn withdrawing() -> Scenario {
    let mut scenario = Scenario::after_fragments(1, 200, config());
    scenario.upload.source_changed(scenario.now).unwrap();
    scenario.expect("Cancel-Session");
    scenario
}

pub fn withdrawn() -> Scenario {
    let mut scenario = withdrawing();
    scenario.answer(answers::ok());
    scenario
}

pub fn completed() -> Scenario {
    let mut scenario = Scenario::closing(config());
    scenario.answer(answers::ok());
    scenario
}

pub fn cancelled() -> Scenario {
    let mut scenario = cancelling();
    scenario.answer(answers::ok());
    scenario
}
