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
