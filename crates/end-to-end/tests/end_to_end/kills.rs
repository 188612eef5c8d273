//! `kill -9` of either program, or of both, at random moments: nothing is lost, and nothing is done twice.

use std::thread::sleep;
use std::time::Duration;

use end_to_end::{
    Desk, Fault, Kind, Proxy, Seen, Server, Upload, assert_same, chaos, eventually, random, with_both_servers,
};

/// Two seconds and a half, so that every kill meets with another moment.
const SIZE: u64 = 1 << 20;
const PACE: [&str; 4] = ["--fragment-size", "5KiB", "--max-rate", "400KiB"];
const KEPT: [&str; 3] = ["--state", "upload.state", "-v"];

/// One upload, its server, and all that the runs of the one have printed.
struct Pair {
    random: fastrand::Rng,
    server: Server,
    desk: Desk,
    url: String,
    /// None, once it was killed.
    upload: Option<Upload>,
    printed: String,
}

impl Pair {
    /// The session is there, and its first bytes: from here on, nothing may ask for another one.
    fn under_way(kind: Kind) -> Self {
        Self::under_way_to(kind, |server| server.url("/a.bin"))
    }

    /// The same, to another address of the server.
    fn under_way_to(kind: Kind, url: impl FnOnce(&Server) -> String) -> Self {
        let (server, desk) = (Server::start_a(kind), Desk::with_file(SIZE));
        let url = url(&server);
        let upload = Some(run(&desk, &url));
        eventually("bytes arrive", || server.stored() > 0);
        Self { random: random(), server, desk, url, upload, printed: String::new() }
    }

    fn any_moment(&mut self, longest: u64) {
        sleep(Duration::from_millis(self.random.u64(0..longest)));
    }

    fn kill_upload(&mut self) {
        let mut upload = self.upload.take().unwrap();
        if upload.is_running() {
            upload.kill();
            self.printed += &upload.printed();
        } else {
            let ended = upload.wait();
            ended.succeeded();
            self.printed += &ended.stdout;
        }
    }

    /// Whether there was anything to go on with: it may have been done when it was killed.
    fn run_again(&mut self) -> bool {
        let goes_on = self.desk.state().exists();
        if goes_on {
            self.upload = Some(run(&self.desk, &self.url));
        }
        goes_on
    }

    fn kill_server(&mut self) {
        self.server.kill();
        self.any_moment(100);
        self.server.restart();
    }

    /// Either of the two, or both, again and again.
    fn meets_any_kill(mut self) {
        for round in 0..15 {
            self.any_moment(250);
            let victims = if round == 0 { 2 } else { self.random.u8(0..3) };
            if victims != 0 {
                self.kill_upload();
            }
            if victims != 1 {
                self.kill_server();
            }
            if victims != 0 && !self.run_again() {
                break;
            }
        }
        self.ends_well();
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

fn run(desk: &Desk, url: &str) -> Upload {
    desk.upload(&[&KEPT[..], &PACE].concat(), url)
}

with_both_servers! {
    an_upload_that_is_killed_again_and_again_goes_on_in_its_session
    an_upload_goes_on_although_its_server_is_killed_again_and_again
    an_upload_goes_on_whichever_of_the_two_is_killed
    an_upload_goes_on_whoever_is_killed_while_a_proxy_misbehaves
}

fn an_upload_that_is_killed_again_and_again_goes_on_in_its_session(kind: Kind) {
    let mut pair = Pair::under_way(kind);
    for _ in 0..15 {
        pair.any_moment(250);
        pair.kill_upload();
        if !pair.run_again() {
            break;
        }
    }
    pair.ends_well();
}

fn an_upload_goes_on_although_its_server_is_killed_again_and_again(kind: Kind) {
    let mut pair = Pair::under_way(kind);
    for _ in 0..10 {
        pair.any_moment(300);
        pair.kill_server();
    }
    pair.ends_well();
}

fn an_upload_goes_on_whichever_of_the_two_is_killed(kind: Kind) {
    Pair::under_way(kind).meets_any_kill();
}

fn an_upload_goes_on_whoever_is_killed_while_a_proxy_misbehaves(kind: Kind) {
    let mut chaos = chaos(random(), 60);
    let script = move |seen: &Seen| match seen.number {
        // A Create-Session that is repeated would leave a session behind.
        0 | 1 => Fault::Pass,
        _ => chaos(seen),
    };
    Pair::under_way_to(kind, |server| Proxy::start(server.address(), script).url("/a.bin")).meets_any_kill();
}
