//! Settings that stay the same: configuration files, the environment, `.netrc`; and output for shells and programs.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::common::{Desk, Ended, Fault, Server};

/// `Aladdin:open sesame`, as RFC 7617 encodes it.
const NAME: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

fn with(desk: &Desk, options: &[&str], url: &str, environment: &[(&str, &str)]) -> Ended {
    let mut command = desk.command(options, url);
    Ended::of(command.envs(environment.iter().copied()).spawn().unwrap())
}

#[test]
fn the_command_line_counts_before_the_environment_and_that_before_the_file() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    fs::write(
        desk.path("config"),
        "# ours\n\nuser-agent = from the file\nheader = X-Team: backups\nping-first\n",
    )
    .unwrap();
    let file = ("BITS_UPLOAD_CONFIG", "config");
    let variable = ("BITS_UPLOAD_USER_AGENT", "from the environment");
    for (number, (options, environment, agent)) in [
        (&[][..], &[file][..], "from the file"),
        (&["--config", "config"], &[], "from the file"),
        (&["--config=config"], &[variable], "from the environment"),
        (&["--user-agent", "from the command line"], &[file, variable], "from the command line"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = server.seen().len();
        with(&desk, options, &server.url(&format!("/{number}")), environment).succeeded();
        let seen = &server.seen()[before..];
        assert_eq!(seen[0].packet, "Ping");
        assert!(seen.iter().all(|seen| seen.headers["user-agent"] == agent), "{agent}");
        assert!(seen.iter().all(|seen| seen.headers["x-team"] == "backups"));
    }
}

#[test]
fn what_is_wrong_with_a_setting_is_named() {
    let desk = Desk::with_size(10);
    let url = "http://127.0.0.1:1/a";
    with(&desk, &["--config", "none"], url, &[]).failed(2, &["none cannot be read"]);
    fs::write(desk.path("config"), "colour = blue\n").unwrap();
    with(&desk, &["--config", "config"], url, &[]).failed(2, &["--colour"]);
    with(&desk, &[], url, &[("BITS_UPLOAD_INSECURE", "maybe")]).failed(2, &["BITS_UPLOAD_INSECURE"]);
    with(&desk, &[], url, &[("BITS_UPLOAD_JOBS", "many")]).failed(2, &["--jobs"]);
}

#[test]
fn times_have_units() {
    // Nobody listens there.
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let (desk, begin) = (Desk::with_size(10), Instant::now());
    let ended = desk.run(&["--give-up-after", "0.01m"], &format!("http://{address}/a"));
    ended.failed(3, &["no progress"]);
    assert!((Duration::from_millis(500)..Duration::from_secs(20)).contains(&begin.elapsed()));
    for time in ["h", "2x", "0h", ""] {
        let option = format!("--retry-max={time}");
        desk.run(&[&option], "http://127.0.0.1:1/a").failed(2, &["--retry-max", "2h"]);
    }
}

#[test]
fn the_password_may_be_in_a_netrc() {
    let server = Server::build().authorization(NAME).start();
    let desk = Desk::with_size(10);
    let entry = "machine 127.0.0.1\n  login Aladdin\n  password \"open sesame\"\n";
    fs::write(desk.path("entries"), entry).unwrap();
    fs::write(desk.path(".netrc"), entry).unwrap();
    with(&desk, &["--netrc-file", "entries"], &server.url("/a"), &[]).succeeded();
    let home = desk.path(".").to_str().unwrap().to_owned();
    with(&desk, &["--netrc"], &server.url("/b"), &[("HOME", &home)]).succeeded();
    with(&desk, &["--netrc-file", "none"], &server.url("/c"), &[]).failed(1, &["none cannot be read"]);
    fs::write(desk.path("entries"), "machine elsewhere.example login a password b\n").unwrap();
    with(&desk, &["--netrc-file", "entries"], &server.url("/c"), &[])
        .failed(1, &["wants a name and a password"]);
}

#[test]
fn shells_and_readers_of_manuals_are_served() {
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
        Ended::of(command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        for words in [&["--completions", shell][..], &[&format!("--completions={shell}")]] {
            let ended = run(words);
            ended.succeeded();
            assert!(ended.stdout.contains("retry-max") && ended.stdout.contains("bits-upload"), "{shell}");
        }
    }
    run(&["--completions", "cmd"]).failed(2, &["cmd"]);
    // Nobody reads any more.
    if let (true, Ok(full)) = (cfg!(target_os = "linux"), fs::File::options().write(true).open("/dev/full")) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bits-upload"));
        command.args(["--completions", "bash"]).stdout(full).stderr(Stdio::piped());
        Ended::of(command.spawn().unwrap()).succeeded();
    }
    let manual = run(&["--man"]);
    manual.succeeded();
    assert!(manual.stdout.contains(".TH bits-upload 1") && manual.stdout.contains("\\-\\-retry\\-max"));
}

/// The objects that a run prints.
fn objects(ended: &Ended) -> Vec<Value> {
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn programs_get_one_object_an_event() {
    let server = Server::build()
        .directory(|directory| directory.max_fragment_size(10_000))
        .faults(|seen| match seen.number {
            1 => Fault::Answer(503, "", "<h1>busy</h1>"),
            _ => Fault::None,
        })
        .start();
    let desk = Desk::with_size(30_000);
    let ended = desk.run(&["--json", "--fragment-size", "12KiB"], &server.url("/a?token=secret"));
    ended.succeeded();
    assert!(!ended.stdout.contains("secret"), "{ended:?}");
    let objects = objects(&ended);
    let file = desk.file().display().to_string();
    assert!(objects.iter().all(|object| object["file"] == file), "{objects:?}");
    let events: Vec<_> = objects.iter().map(|object| object["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["begun", "waiting", "fragment_shrunk", "completed"], "{objects:?}");
    assert_eq!((&objects[0]["from"], &objects[0]["total"]), (&0.into(), &30_000.into()));
    assert!(objects[1]["seconds"].is_f64() && objects[1]["text"].as_str().unwrap().contains("503"));
    assert_eq!(objects[2]["to"], 6_144);
    assert_eq!((&objects[3]["bytes"], &objects[3]["confirmed"]), (&30_000.into(), &true.into()));
    let sum = Command::new("sha256sum").arg(desk.file()).output().unwrap().stdout;
    assert!(String::from_utf8(sum).unwrap().starts_with(objects[3]["sha256"].as_str().unwrap()));
}

#[test]
fn programs_get_a_failure_as_an_object_too() {
    let server = Server::build().faults(|_| Fault::Answer(404, "", "")).start();
    let ended = Desk::with_size(10).run(&["--json"], &server.url("/a"));
    ended.failed(1, &["not available"]);
    let last = objects(&ended).pop().unwrap();
    assert_eq!((&last["event"], &last["status"]), (&"failed".into(), &1.into()));
    assert!(last["text"].as_str().unwrap().contains("not available"), "{last}");
}

/// The minute of the day in Greenwich, as an hour and a minute, so many minutes from now.
fn minutes_from_now(minutes: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 60 + minutes;
    format!("{}:{:02}", now / 60 % 24, now % 60)
}

#[test]
fn the_rate_follows_the_time_of_day() {
    let (server, desk) = (Server::start(), Desk::with_size(60_000));
    let timed = |limit: &str, zone: &str, path: &str| {
        let begin = Instant::now();
        with(&desk, &["--limit-rate", limit, "--fragment-size", "5KiB"], &server.url(path), &[("TZ", zone)])
            .succeeded();
        begin.elapsed()
    };
    let slow = Duration::from_millis(1_000);
    let (before, after) = (minutes_from_now(24 * 60 - 2), minutes_from_now(10));
    let limit = format!("30KiB@{before}-{after},none");
    assert!(timed(&limit, "UTC0", "/in") > slow, "two seconds are what it takes");
    let limit = format!("none@{before}-{after},30KiB");
    assert!(timed(&limit, "UTC0", "/out") < slow);
    // Five hours to the west the hours are others.
    assert!(timed(&limit, "EST5", "/elsewhere") > slow);
    desk.run(&["--limit-rate", "1KiB@8-8"], &server.url("/a")).failed(2, &["--limit-rate", "8:00-18:00"]);
}
