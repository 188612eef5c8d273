//! Every error that a server sends (the manual's table of errors), and the order in which it looks for them (C55).

use std::time::Duration;

use bits_proto::server::{Directory, Output, OwnerCheck, Refusal, Report, State};
use bits_proto::{Conformance, Hresult};
use http::{Method, Request, Response, StatusCode};
use testing::server::serve::*;

const NOBODYS: &str = "{A0FF5911-4144-45B3-BF27-27AFC8EC8A67}";

/// A request of every kind that belongs to a session.
fn of_session(id: &str) -> [Request<()>; 3] {
    [fragment(id, 0..10, 100), close(id), cancel(id)]
}

fn receiving() -> (Server, String) {
    let mut server = Server::with(Conformance::Interop);
    let id = server.create();
    assert_accepted(&server.send(fragment(&id, 0..20, 100)), 20);
    (server, id)
}

#[test]
fn an_unknown_session_is_not_found() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let known = server.create();
        for id in [NOBODYS, "{a0ff5911-4144-45b3-bf27-27afc8ec8a67}", "token-17", "-1", &known[1..30]] {
            for head in of_session(id) {
                let response = server.send(head);
                assert_not_found(&response);
                assert_eq!(header(&response, "bits-session-id"), Some(id), "as the request had it");
                assert_offset(&response, None);
            }
        }
        assert_eq!(server.sessions.len(), 1);
    }
}

#[test]
fn an_expired_session_is_not_found() {
    let (mut server, id) = receiving();
    server.pass(Duration::from_secs(14 * 24 * 60 * 60));
    assert!(server.sessions.poll_expired(server.now).is_some());
    for head in of_session(&id) {
        assert_not_found(&server.send(head));
    }
}

#[test]
fn q46_an_id_in_another_spelling_names_the_same_session() {
    let (mut server, id) = receiving();
    let bare = id.trim_matches(['{', '}']).to_lowercase();
    let response = server.send(fragment(&bare, 20..30, 100));
    assert_accepted(&response, 30);
    assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()), "in the spelling that was issued");
}

#[test]
fn a_packet_without_its_session_id_is_invalid() {
    let (mut server, id) = receiving();
    for head in of_session(&id) {
        let response = server.send(without(head, "BITS-Session-Id"));
        assert_invalid(&response);
        assert_eq!(header(&response, "bits-session-id"), None);
    }
}

#[test]
fn c54_another_owner_learns_nothing_but_that_access_is_denied() {
    for conformance in BOTH {
        let mut answers: Vec<(StatusCode, _)> = Vec::new();
        for bytes in [0..1, 0..50, 0..100] {
            let mut server = Server::with(conformance);
            let id = server.create();
            assert_accepted(&server.send(fragment(&id, bytes, 100)), server.received(&id));
            let before = server.session(&id).cloned();
            let elsewhere = to("/elsewhere", close(&id));
            let other_total = fragment(&id, 0..10, 7000);
            for head in of_session(&id).into_iter().chain([elsewhere, other_total]) {
                let response = server.begin_as(BOB, head).response();
                assert_error(&response, 403, "0x80070005", "0x5");
                assert_offset(&response, None);
                assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()));
                let (parts, ()) = response.into_parts();
                answers.push((parts.status, parts.headers));
            }
            assert_eq!(server.session(&id).cloned(), before);
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "the answer tells how the upload stands");
    }
}

#[test]
fn q59_where_the_owner_is_checked_on_create_alone_others_go_on() {
    let mut server = Server::new(Directory::builder().owner_check(OwnerCheck::CreateOnly));
    let id = server.create();
    assert_accepted(&server.send_as(BOB, fragment(&id, 0..100, 100)), 100);
    assert_eq!(server.send_as(BOB, close(&id)).status(), 200);
    assert_eq!(server.send_as("", close(&id)).status(), 200);
}

#[test]
fn q59_strict_checks_the_owner_of_every_packet() {
    let lax = Directory::builder().owner_check(OwnerCheck::CreateOnly);
    let mut server = Server::new(lax.conformance(Conformance::Strict));
    let id = server.create();
    assert_error(&server.send_as(BOB, fragment(&id, 0..100, 100)), 403, "0x80070005", "0x5");
}

#[test]
fn q58_a_session_belongs_to_the_path_it_was_created_for() {
    for conformance in BOTH {
        for target in
            ["/", "/upload", "/upload/file.bin/", "/upload/FILE.bin", "/upload/file.bi", "/x?/upload"]
        {
            let mut server = Server::with(conformance);
            let id = server.create();
            for head in of_session(&id) {
                assert_invalid(&server.send(to(target, head)));
            }
            assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
        }
    }
}

#[test]
fn q58_the_host_does_not_count() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        let id = server.create();
        let moved = format!("http://other.example:8080{TARGET}");
        assert_accepted(&server.send(to(&moved, fragment(&id, 0..100, 100))), 100);
    }
}

#[test]
fn q58_another_query_is_fine_in_interop_alone() {
    for (created, sent) in [("/f?token=1", "/f?token=2"), ("/f?token=1", "/f"), ("/f", "/f?token=1")] {
        for conformance in BOTH {
            let mut server = Server::with(conformance);
            let response = server.send(to(created, create()));
            let id = header(&response, "bits-session-id").unwrap();
            let response = server.send(to(sent, fragment(id, 0..100, 100)));
            match conformance {
                Conformance::Interop => assert_accepted(&response, 100),
                Conformance::Strict => assert_invalid(&response),
            }
            assert_accepted(&server.send(to(created, fragment(id, 0..100, 100))), 100);
        }
    }
}

#[test]
fn c19_where_uploads_are_disabled_every_packet_is_answered_501() {
    for conformance in BOTH {
        let mut server = Server::new(Directory::builder().conformance(conformance).enabled(false));
        for head in [packet("Ping"), create()] {
            let response = server.send(head);
            assert_error(&response, 501, "0x80070005", "0x5");
            assert_eq!(header(&response, "bits-session-id"), None);
        }
        for head in of_session(NOBODYS) {
            let response = server.send(head);
            assert_error(&response, 501, "0x80070005", "0x5");
            assert_eq!(header(&response, "bits-session-id"), Some(NOBODYS));
        }
        assert!(server.sessions.is_empty());
    }
}

#[test]
fn without_a_protocol_in_common_there_is_no_session() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        for protocols in ["{7df0354d-249b-430f-820d-3d2a9bef4932}", ""] {
            assert_invalid(&server.send(with(create(), "BITS-Supported-Protocols", protocols)));
        }
        assert_invalid(&server.send(without(create(), "BITS-Supported-Protocols")));
        assert!(server.sessions.is_empty());
    }
}

/// What the client is told where the server's own work fails: status and, if there is one, the code.
const REFUSALS: [(Refusal, u16, Option<&str>); 9] = [
    (Refusal::AccessDenied, 403, Some("0x80070005")),
    (Refusal::DestinationExists, 403, Some("0x80070005")),
    (Refusal::IsDirectory, 400, Some("0x80070057")),
    (Refusal::BadBody, 400, Some("0x80070057")),
    (Refusal::NoSuchFolder, 404, None),
    (Refusal::Busy, 503, None),
    (Refusal::DiskFull, 500, Some("0x80070070")),
    (Refusal::TooLarge, 500, Some("0x80200020")),
    (Refusal::Internal, 500, None),
];

#[track_caller]
fn assert_refused(response: &Response<()>, status: u16, code: Option<&str>) {
    match code {
        Some(code) => assert_error(response, status, code, "0x5"),
        None => assert_bare(response, status),
    }
}

#[test]
fn a_session_that_may_not_be_opened_never_was() {
    for (refusal, status, code) in REFUSALS {
        let mut server = Server::new(Directory::builder().max_sessions(1));
        let mut turn = server.begin(create());
        let id = turn.exchange().session().unwrap();
        server.report(&mut turn, Report::Failed(refusal));
        assert_refused(&turn.response(), status, code);
        assert_eq!(header(&turn.response(), "bits-session-id"), None, "the request had none");
        assert_eq!(header(&turn.response(), "bits-protocol"), None);
        assert!(server.sessions.is_empty());
        assert_not_found(&server.send(cancel(&id.to_string())));
        server.create();
    }
}

#[test]
fn a_fragment_that_cannot_be_stored_tells_why_and_where_to_go_on() {
    for (refusal, status, code) in REFUSALS {
        let (mut server, id) = receiving();
        let mut turn = server.begin(fragment(&id, 20..30, 100));
        server.report(&mut turn, Report::Failed(refusal));
        assert_refused(&turn.response(), status, code);
        assert_offset(&turn.response(), Some(20));
        assert_eq!(header(&turn.response(), "bits-session-id"), Some(id.as_str()));
        assert_accepted(&server.send(fragment(&id, 20..30, 100)), 30);
    }
}

/// A session whose last byte has arrived, and whose application answers like this. Returns the Fragment's answer.
fn application_says(conformance: Conformance, refusal: Refusal) -> (Server, String, Response<()>) {
    let mut server = Server::new(Directory::builder().conformance(conformance).notification(notified()));
    let id = server.create();
    let mut turn = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut turn);
    server.report(&mut turn, Report::Failed(refusal));
    let response = turn.response();
    (server, id, response)
}

fn application(status: u16, code: Option<u32>) -> Refusal {
    Refusal::Application { status: StatusCode::from_u16(status).unwrap(), code: code.map(Hresult::new) }
}

#[test]
fn c22_the_applications_refusal_goes_to_the_client() {
    for conformance in BOTH {
        for (status, code, told) in [
            (404, Some(0x8007_0002), "0x80070002"),
            (500, Some(0xFFFF_FFFF), "0xFFFFFFFF"),
            (503, None, "0x801901F7"),
            (302, None, "0x8019012E"),
            (403, None, "0x80190193"),
            // A code that says success is none.
            (409, Some(0), "0x80190199"),
        ] {
            let (server, id, response) = application_says(conformance, application(status, code));
            assert_error(&response, status, told, "0x7");
            assert_offset(&response, Some(100));
            assert_eq!(header(&response, "bits-session-id"), Some(id.as_str()));
            assert_eq!(server.session(&id).unwrap().state(), State::Notifying);
        }
    }
}

#[test]
fn c21_an_application_that_breaks_the_rules_is_an_error_of_the_application() {
    for status in [100, 101, 200, 204, 299, 600, 999] {
        for code in [None, Some(0), Some(0x0020_0001)] {
            let (_, _, response) = application_says(Conformance::Interop, application(status, code));
            assert_error(&response, 500, "0x80070057", "0x7");
            assert_offset(&response, Some(100));
        }
    }
}

#[test]
fn a_failure_code_beside_a_status_that_is_no_error_is_500_with_that_code_and_notifies_again() {
    for status in [100, 200, 202, 299, 999] {
        for (code, told) in [(0x8007_0002, "0x80070002"), (0xFFFF_FFFF, "0xFFFFFFFF")] {
            let (mut server, id, response) =
                application_says(Conformance::Interop, application(status, Some(code)));
            assert_error(&response, 500, told, "0x7");
            assert_offset(&response, Some(100));
            let repeat = server.begin(fragment(&id, 0..100, 100));
            assert!(matches!(repeat.output, Some(Output::Notify { size: 100 })), "{:?}", repeat.output);
        }
    }
}

#[test]
fn c21_an_application_that_is_too_slow() {
    for (conformance, code) in [(Conformance::Interop, "0x800705B4"), (Conformance::Strict, "0x80070112")] {
        let (mut server, id, response) = application_says(conformance, Refusal::ApplicationTimeout);
        assert_error(&response, 408, code, "0x7");
        assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
    }
}

#[test]
fn c22_an_application_that_refused_is_asked_again_but_for_403() {
    for status in [404, 409, 500, 503] {
        let (mut server, id, _) = application_says(Conformance::Interop, application(status, None));
        assert_accepted(&server.send(fragment(&id, 0..100, 100)), 100);
        assert_eq!(server.notifications, 1);
    }
    let (mut server, id, first) = application_says(Conformance::Interop, application(403, Some(0x8007_0005)));
    for _ in 0..2 {
        let again = server.begin(fragment(&id, 0..100, 100)).response();
        assert_eq!(again.status(), 403);
        assert_eq!(again.headers(), first.headers(), "the same answer again");
        assert_invalid(&server.begin(close(&id)).response());
    }
    assert_eq!(server.notifications, 0);
}

#[test]
fn c55_the_head_is_checked_before_anything_else() {
    let mut disabled = Server::new(Directory::builder().enabled(false));
    assert_invalid(&disabled.send(packet("Pong")));
    assert_error(
        &disabled.send(without(fragment(NOBODYS, 0..1, 1), "Content-Length")),
        411,
        "0x80070057",
        "0x5",
    );

    let (mut server, id) = receiving();
    for unknown in ["Pong", "Ack", "", "Fragment,Fragment"] {
        for session in [NOBODYS, id.as_str()] {
            let response = server.send(with(packet(unknown), "BITS-Session-Id", session));
            assert_invalid(&response);
            assert_eq!(header(&response, "bits-session-id"), Some(session));
        }
    }
    assert_invalid(&server.send(without(close(&id), "BITS-Packet-Type")));
    assert_invalid(&server.send(fragment(NOBODYS, 0..1, 1 << 63)));
}

#[test]
fn c55_then_the_session_its_owner_and_its_destination() {
    let (mut server, id) = receiving();
    assert_not_found(&server.send_as(BOB, to("/elsewhere", fragment(NOBODYS, 0..10, 100))));
    let elsewhere = to("/elsewhere", fragment(&id, 0..10, 77));
    assert_error(&server.send_as(BOB, elsewhere), 403, "0x80070005", "0x5");
    assert_invalid(&server.send(to("/elsewhere", fragment(&id, 20..100, 100))));
    assert_eq!(server.received(&id), 20);
}

#[test]
fn c55_then_the_total_the_sizes_and_the_place() {
    let small = Directory::builder().max_upload_size(100).max_fragment_size(10);
    let mut server = Server::new(small);
    let id = server.create();
    assert_error(&server.send(fragment(&id, 50..100, 101)), 500, "0x80200020", "0x5");

    let id = server.create();
    assert_bare(&server.send(fragment(&id, 50..100, 100)), 413);
    assert_invalid(&server.send(fragment(&id, 50..100, 101)));
    assert_out_of_step(&server.send(fragment(&id, 50..60, 100)), 0);
}

#[test]
fn a_fragment_for_another_destination_still_learns_the_offset() {
    // The session is known, and so is its owner: BITS-Received-Content-Range stands on every such Ack.
    let (mut server, id) = receiving();
    let response = server.send(to("/elsewhere", fragment(&id, 20..30, 100)));
    assert_invalid(&response);
    assert_offset(&response, Some(20));
    assert_offset(&server.send(to("/elsewhere", close(&id))), None);
}

#[test]
fn q47_a_ping_is_always_answered() {
    for conformance in BOTH {
        let mut server = Server::with(conformance);
        for head in
            [packet("Ping"), with(packet("Ping"), "BITS-Session-Id", NOBODYS), to("/x?y", packet("Ping"))]
        {
            let response = server.begin_as(BOB, head).response();
            assert_bare(&response, 200);
            assert_eq!(header(&response, "bits-session-id"), None, "C03");
        }
    }
}

#[test]
fn q41_a_tunnelled_request_is_taken_where_the_directory_allows_it_but_never_in_strict() {
    let mut tunnelled = with(packet("Ping"), "X-HTTP-Method-Override", "BITS_POST");
    *tunnelled.method_mut() = Method::POST;
    for (conformance, allowed, taken) in [
        (Conformance::Interop, true, true),
        (Conformance::Interop, false, false),
        (Conformance::Strict, true, false),
        (Conformance::Strict, false, false),
    ] {
        let directory = Directory::builder().conformance(conformance).method_override(allowed);
        let decoded = directory.build().unwrap().read(&tunnelled, &()).is_some();
        assert_eq!(decoded, taken, "{conformance:?}, allowed: {allowed}");
    }
}
