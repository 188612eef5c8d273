//! Reports of tasks that die, that come too late, or that answer what nobody asked.

use bits_proto::Conformance;
use bits_proto::server::{Notified, Refusal, Report, State};
use testing::server::serve::scenarios::{self, *};
use testing::server::serve::*;

// Tasks that die.

#[test]
fn an_abandoned_exchange_never_locks_the_session() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    server.abandon(&mut older);
    assert_eq!(server.session(&id).unwrap().at_work(), None);
    assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);

    let mut publish = server.begin(close(&id));
    server.abandon(&mut publish);
    assert_eq!(server.session(&id).unwrap().state(), State::WaitingForClose);

    let mut discard = server.begin(cancel(&id));
    server.abandon(&mut discard);
    assert_eq!(server.send(close(&id)).status(), 200);
    assert_eq!(server.published[TARGET], [entity(0..100)]);
}

#[test]
fn an_abandoned_create_leaves_nothing() {
    let mut server = Server::with(Conformance::Interop);
    let mut turn = server.begin(create());
    server.stored.insert(turn.exchange().session().unwrap(), Vec::new());
    server.abandon(&mut turn);
    let response = turn.response();
    assert_bare(&response, 503);
    assert_eq!(header(&response, "bits-session-id"), None, "no client learns of it");
    assert_eq!(server.expire().len(), 1);
    assert!(server.sessions.is_empty() && server.stored.is_empty() && server.records.is_empty());
}

#[test]
fn whoever_waits_for_an_exchange_that_is_abandoned_goes_on() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let newer = server.begin(fragment(&id, 0..60, 100));
    server.abandon(&mut older);
    assert_accepted(&server.finish(newer), 60);
}

#[test]
fn an_exchange_that_is_abandoned_while_it_waits_takes_no_turn() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let mut newer = server.begin(cancel(&id));
    server.abandon(&mut newer);
    assert_eq!(server.session(&id).unwrap().at_work(), Some(older.exchange()));
    stop(&mut server, &mut older, 60);
    assert_eq!(server.session(&id).unwrap().at_work(), None);
    server.poll(&mut newer);
    assert_bare(&newer.response(), 503);
    assert_accepted(&server.send(fragment(&id, 60..100, 100)), 100);
}

#[test]
fn a_waiting_exchange_that_never_comes_back_is_in_nobodys_way() {
    let (mut server, id, mut older) = storing(Conformance::Interop);
    let _forgotten = server.begin(cancel(&id));
    stop(&mut server, &mut older, 60);
    assert_accepted(&server.send(fragment(&id, 60..100, 100)), 100);
    assert_eq!(server.send(close(&id)).status(), 200);
}

// Reports that come too late, or from nowhere.

/// Every kind of report.
fn reports() -> Vec<Report> {
    vec![
        Report::Opened,
        Report::Stored(0),
        Report::Stored(1000),
        Report::Notified(Notified::default()),
        Report::Published,
        Report::Discarded,
        Report::Saved,
        Report::Forgotten,
        Report::StoredPart(1000, Refusal::EntityMissing),
        Report::Failed(Refusal::EntityMissing),
    ]
}

#[test]
fn what_an_exchange_reports_after_its_answer_changes_nothing() {
    for report in reports() {
        let (mut server, id, mut older) = storing(Conformance::Interop);
        server.perform(&mut older);
        let newer = server.begin(fragment(&id, 60..100, 100));
        let before = server.session(&id).cloned();
        server.report(&mut older, report);
        assert!(!older.response().status().is_success());
        assert_eq!(server.session(&id).cloned(), before);
        assert_accepted(&server.finish(newer), 100);
    }
}

#[test]
fn what_a_waiting_exchange_reports_moves_nobody() {
    for report in reports() {
        let (mut server, id, mut older) = storing(Conformance::Interop);
        let mut newer = server.begin(close(&id));
        server.report(&mut newer, report);
        assert_eq!(server.received(&id), 0);
        assert_eq!(server.session(&id).unwrap().at_work(), Some(older.exchange()));
        stop(&mut server, &mut older, 60);
    }
}

#[test]
fn what_is_reported_of_a_session_that_is_gone_is_void() {
    for report in reports() {
        let (mut server, id, mut turn) = publishing(Conformance::Interop);
        server.abandon(&mut turn);
        server.evict(&id);
        server.report(&mut turn, report);
        assert_bare(&turn.response(), 503);
        assert!(server.sessions.is_empty());
        assert_not_found(&server.send(close(&id)));
    }
}

#[test]
fn an_exchange_outside_of_all_sessions_has_nothing_to_report() {
    for report in reports() {
        let mut server = Server::with(Conformance::Interop);
        let mut turn = server.begin(packet("Ping"));
        assert_eq!(turn.response().status(), 200);
        server.report(&mut turn, report);
        assert!(turn.response().status().is_server_error(), "its answer was fetched");
        assert!(server.sessions.is_empty());
    }
}

/// A server at each of the steps that it can ask for.
fn steps() -> Vec<(Work, Server, Turn)> {
    let by_hand = |mut server: Server| {
        server.by_hand = true;
        server
    };
    let mut opening = Server::with(Conformance::Interop);
    let open = opening.begin(create());
    let mut saving = by_hand(Server::with(Conformance::Interop));
    let mut save = saving.begin(create());
    saving.perform(&mut save);
    let mut admitting = by_hand(Server::with(Conformance::Interop));
    let admit = admitting.begin(packet("Ping"));
    let (storing, _, store) = storing(Conformance::Interop);
    let (notifying, _, notify) = notifying();
    let (publishing, _, publish) = publishing(Conformance::Interop);
    let mut discarding = Server::with(Conformance::Interop);
    let id = discarding.upload(100);
    let discard = discarding.begin(cancel(&id));
    let (mut forgetting, id, mut closing) = scenarios::publishing(Conformance::Interop);
    forgetting.run(&mut closing);
    assert_bare(&forgetting.send(close(&id)), 200);
    let mut forgetting = by_hand(forgetting);
    forgetting.pass(std::time::Duration::from_secs(3600));
    let forget = forgetting.begin_expired().unwrap();
    vec![
        (Work::Open, opening, open),
        (Work::Save, saving, save),
        (Work::Admit, admitting, admit),
        (Work::Store, storing, store),
        (Work::Notify, notifying, notify),
        (Work::Publish, publishing, publish),
        (Work::Discard, discarding, discard),
        (Work::Forget, forgetting, forget),
    ]
}

fn fits(report: &Report, step: Work) -> bool {
    match report {
        Report::Opened => step == Work::Open,
        Report::Stored(_) | Report::StoredPart(..) => step == Work::Store,
        Report::Notified(_) => step == Work::Notify,
        Report::Saved => step == Work::Save,
        Report::Published => step == Work::Publish,
        Report::Discarded => step == Work::Discard,
        Report::Forgotten => step == Work::Forget,
        _ => true,
    }
}

#[test]
fn a_report_that_does_not_fit_brings_the_same_step_again() {
    for report in reports() {
        for (step, mut server, mut turn) in steps() {
            assert_eq!(turn.work(), step);
            if !fits(&report, step) {
                let before = turn.output.clone();
                server.report(&mut turn, report.clone());
                assert_eq!(turn.output, before);
                server.run(&mut turn);
                assert!(turn.work() == Work::Done || turn.response().status().is_success());
            }
        }
    }
}
