//! `kill -9` of either program, or of both, at random moments: nothing is lost, and nothing is done twice.

use std::thread::sleep;
use std::time::Duration;

use end_to_end::{Desk, Server, Upload, assert_same, eventually, random};

/// Two seconds and a half, so that every kill meets with another moment.
const SIZE: u64 = 1 << 20;
const PACE: [&str; 4] = ["--fragment-size", "5KiB", "--max-rate", "400KiB"];
const KEPT: [&str; 3] = ["--state", "upload.state", "-v"];

/// One upload, its server, and all that the runs of the one have printed.
struct Pair {
    random: fastrand::Rng,
    server: Server,
    desk: Desk,
    /// None, once it was killed.
    upload: Option<Upload>,
    printed: String,
}

impl Pair {
    /// The session is there, and its first bytes: from here on, nothing may ask for another one.
    fn under_way() -> Self {
        let (server, desk) = (Server::start(&[]), Desk::with_file(SIZE));
        let upload = Some(run(&server, &desk));
        eventually("bytes arrive", || server.metric("bits_received_bytes_total") > 0);
        Self { random: random(), server, desk, upload, printed: String::new() }
    }

    fn any_moment(&mut self, longest: u64) {
        sleep(Duration::from_millis(self.random.u64(0..longest)));
    }

    fn kill_upload(&mut self) {
        let mut upload = self.upload.take().unwrap();
        upload.kill();
        self.printed += &upload.printed();
    }

    /// Whether there was anything to go on with: it may have been done when it was killed.
    fn run_again(&mut self) -> bool {
        let goes_on = self.desk.state().exists();
        if goes_on {
            self.upload = Some(run(&self.server, &self.desk));
        }
        goes_on
    }

    fn kill_server(&mut self) {
        self.server.kill();
        self.any_moment(100);
        self.server.restart();
    }

    /// The upload ends by itself, and all is as if nobody had been killed.
    fn ends_well(mut self) {
        if let Some(upload) = self.upload.take() {
            let ended = upload.wait();
            ended.succeeded();
            self.printed += &ended.stdout;
        }
        assert_same(&self.desk.source(), &self.server.file("a.bin"));
        assert_eq!((self.server.published(), self.server.closed()), (vec!["a.bin".to_owned()], 1));
        assert_eq!(self.server.leftovers(), [""; 0]);
        assert!(!self.desk.state().exists());
        let lines = || self.printed.lines();
        assert_eq!(lines().filter(|line| line.contains("> Create-Session")).count(), 1, "{}", self.printed);
        // What was acknowledged is not asked for again.
        for line in lines().filter_map(|line| line.strip_prefix("the server wants byte ")) {
            let (to, from) = line.split_once(", not ").unwrap();
            assert!(to.parse::<u64>().unwrap() >= from.parse().unwrap(), "{line}\n{}", self.printed);
        }
        assert!(!self.server.log().contains("ERROR"), "{}", self.server.log());
    }
}

fn run(server: &Server, desk: &Desk) -> Upload {
    desk.upload(&[&KEPT[..], &PACE].concat(), &server.url("/a.bin"))
}

#[test]
fn an_upload_that_is_killed_again_and_again_goes_on_in_its_session() {
    let mut pair = Pair::under_way();
    for _ in 0..15 {
        pair.any_moment(250);
        pair.kill_upload();
        if !pair.run_again() {
            break;
        }
    }
    pair.ends_well();
}

#[test]
fn an_upload_goes_on_although_its_server_is_killed_again_and_again() {
    let mut pair = Pair::under_way();
    for _ in 0..10 {
        pair.any_moment(300);
        pair.kill_server();
    }
    pair.ends_well();
}

#[test]
fn an_upload_goes_on_whichever_of_the_two_is_killed() {
    let mut pair = Pair::under_way();
    for round in 0..15 {
        pair.any_moment(250);
        let victims = if round == 0 { 2 } else { pair.random.u8(0..3) };
        if victims != 0 {
            pair.kill_upload();
        }
        if victims != 1 {
            pair.kill_server();
        }
        if victims != 0 && !pair.run_again() {
            break;
        }
    }
    pair.ends_well();
}
