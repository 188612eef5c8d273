//! Foreign servers, and boxes before them, with the habits that clients have met.

use test_server::{Emulator, Habit};

use crate::common::Desk;

const FRAGMENTS: [&str; 2] = ["--fragment-size", "5KiB"];

#[test]
fn a_lost_answer_to_a_close_is_no_second_upload() {
    // Create-Session, two fragments, Close-Session. Its session is gone then.
    let (server, desk) =
        (Emulator::start(Habit::SessionsEndWithTheirConnection, &[3]), Desk::with_size(10_000));
    desk.run(&FRAGMENTS, &server.url("/a")).failed(4, &["did not confirm"]);
    assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0));
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_server_that_appends_repeats_gets_no_file_twice() {
    let (server, desk) = (Emulator::start(Habit::AppendsRepeats, &[2]), Desk::with_size(30_000));
    desk.run(&[&FRAGMENTS[..], &["--recovery", "restart"]].concat(), &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_session_that_ends_with_its_connection_starts_over() {
    let (server, desk) =
        (Emulator::start(Habit::SessionsEndWithTheirConnection, &[4]), Desk::with_size(30_000));
    desk.run(&FRAGMENTS, &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes));
}

#[test]
fn a_repeat_of_a_close_that_is_refused_is_no_second_upload_either() {
    for status in [400, 403, 404, 410] {
        let habit = Habit::RefusesRepeatedCloses(status);
        let (server, desk) = (Emulator::start(habit, &[3]), Desk::with_size(10_000));
        desk.run(&FRAGMENTS, &server.url("/a")).failed(4, &["did not confirm"]);
        assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0), "{status}");
        assert!(server.published("/a") == Some(desk.bytes), "{status}");
    }
}

#[test]
fn a_server_that_refuses_pings_gets_the_file_all_the_same() {
    for status in [400, 403, 404, 405, 500, 501] {
        // The answer to the second fragment is lost: a Ping asks what became of it.
        let (server, desk) = (Emulator::start(Habit::RefusesPings(status), &[2]), Desk::with_size(30_000));
        desk.run(&FRAGMENTS, &server.url("/a")).succeeded();
        assert!(server.count("Ping") <= 3, "{status}");
        assert_eq!((server.count("Create-Session"), server.count("Cancel-Session")), (1, 0), "{status}");
        assert!(server.published("/a") == Some(desk.bytes), "{status}");
    }
}

#[test]
fn connections_that_end_or_die_without_a_word_cost_nothing() {
    for habit in [Habit::HangsUp, Habit::Dies(1), Habit::Dies(2), Habit::Dies(5)] {
        let (server, desk) = (Emulator::start(habit, &[]), Desk::with_size(30_000));
        let ended = desk.run(&FRAGMENTS, &server.url("/a"));
        ended.succeeded();
        assert!(!ended.stdout.contains("trying again"), "{habit:?} {ended:?}");
        assert_eq!((server.count("Create-Session"), server.count("Ping")), (1, 0), "{habit:?}");
        assert!(server.published("/a") == Some(desk.bytes), "{habit:?}");
    }
}

#[test]
fn a_server_that_has_moved_says_where_to() {
    for status in [301, 302, 303, 307, 308] {
        let (server, desk) = (Emulator::start(Habit::Redirects(status), &[]), Desk::with_size(10_000));
        let options = [&FRAGMENTS[..], &["--state", "upload.state"]].concat();
        let ended = desk.run(&options, &server.url("/a"));
        ended.failed(1, &[&status.to_string(), "https://new.example/b", "not redirected"]);
        assert!(!ended.stderr.contains("token"), "{ended:?}");
        assert!(desk.state().exists() && server.count("Cancel-Session") == 0, "{status}");
    }
}
