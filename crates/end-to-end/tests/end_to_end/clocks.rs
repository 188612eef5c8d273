//! Clocks that jump, forwards and backwards, on either side: time that passes is another thing.

use end_to_end::{Clock, Desk, Server, assert_same, eventually};

const MIB: u64 = 1 << 20;
const OPTIONS: [&str; 4] = ["--fragment-size", "256KiB", "--state", "upload.state"];

/// Far beyond every time limit of both programs.
const JUMPS: [&str; 2] = ["+400d", "-400d"];

#[test]
fn a_jump_while_an_upload_is_under_way_changes_nothing() {
    let (Some(ours), Some(theirs)) = (Clock::start(), Clock::start()) else { return };
    let server = Server::start_under(&theirs, &[]);
    for (number, jump) in JUMPS.into_iter().enumerate() {
        for (side, clock) in [("client", &ours), ("server", &theirs)] {
            let (desk, name) = (Desk::with_file(3 * MIB).under(&ours), format!("{side}{number}"));
            let slow = [&OPTIONS[..], &["--max-rate", "1500KiB"]].concat();
            let upload = desk.upload(&slow, &server.url(&format!("/{name}")));
            eventually("half of it is there", || server.stored() > MIB);
            clock.jump(jump);
            let ended = upload.wait();
            ended.succeeded();
            assert!(!ended.stdout.contains("trying again"), "{side} {jump}: {}", ended.stdout);
            assert_same(&desk.source(), &server.file(&name));
            clock.jump("+0");
        }
    }
    assert_eq!(server.packets("Create-Session"), 4);
}

#[test]
fn a_server_that_starts_at_another_time_keeps_its_uploads() {
    let Some(clock) = Clock::start() else { return };
    for jump in JUMPS {
        clock.jump("+0");
        let mut server = Server::start_under(&clock, &[]);
        let desk = Desk::with_file(2 * MIB);
        let mut upload =
            desk.upload(&[&OPTIONS[..], &["--max-rate", "1MiB"]].concat(), &server.url("/a.bin"));
        eventually("half of it is there", || server.stored() > MIB);
        upload.kill();
        server.kill();
        clock.jump(jump);
        server.restart();
        desk.run(&OPTIONS, &server.url("/a.bin")).succeeded();
        assert_same(&desk.source(), &server.file("a.bin"));
        assert_eq!(server.packets("Create-Session"), 0, "{jump}: it is the same session");
        let (log, year) = (server.log(), |line: &str| line.split('-').next().unwrap().to_owned());
        let years = log.lines().next().map(year).zip(log.lines().last().map(year)).unwrap();
        assert_ne!(years.0, years.1, "{jump}: its clock has jumped");
    }
}

#[test]
fn a_client_that_starts_at_another_time_goes_on_where_it_was() {
    let Some(clock) = Clock::start() else { return };
    let server = Server::start(&[]);
    for (number, jump) in ["+10d", "-400d", "+400d"].into_iter().enumerate() {
        clock.jump("+0");
        let (desk, name) = (Desk::with_file(2 * MIB).under(&clock), format!("{number}.bin"));
        let url = server.url(&format!("/{name}"));
        let mut upload = desk.upload(&[&OPTIONS[..], &["--max-rate", "1MiB"]].concat(), &url);
        eventually("half of it is there", || server.stored() > MIB);
        upload.kill();
        clock.jump(jump);
        desk.run(&OPTIONS, &url).succeeded();
        assert_same(&desk.source(), &server.file(&name));
        assert_eq!(server.packets("Create-Session"), 1 + number as u64, "{jump}: it is the same session");
    }
}
