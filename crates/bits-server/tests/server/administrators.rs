//! The commands of an administrator: sessions, completions, a manual page, options in the environment.

use std::process::Command;

use serde_json::Value;

use crate::harness::{Server, entity, eventually};
use crate::http1::Session;

fn run(words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_bits-server")).args(words).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn sessions(server: &Server, action: &[&str]) -> (Option<i32>, String) {
    let root = server.root().to_str().unwrap();
    run(&[&["sessions", "--root", root], action].concat())
}

/// Does the same with a server that runs, and with one that does not.
fn both(check: impl Fn(&mut Server, &Session, bool)) {
    for runs in [true, false] {
        let mut server = Server::start(&["--user", "Aladdin:open sesame", "--create-dirs"]);
        let aladdin = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let session = Session::try_create(server.address, "/a%20b?secret", &[aladdin]).ok().unwrap();
        assert_eq!(session.fragment(&entity(100), 0, 60).status, 200);
        let other = Session::try_create(server.address, "/done", &[aladdin]).ok().unwrap();
        assert_eq!(other.close().status, 200);
        if !runs {
            server.kill();
        }
        check(&mut server, &session, runs);
    }
}

fn beginning(session: &Session) -> &str {
    &session.id.trim_start_matches('{')[..8]
}

#[test]
fn sessions_are_listed_and_shown() {
    both(|server, session, runs| {
        let (status, list) = sessions(server, &["list"]);
        assert_eq!(status, Some(0), "{list}");
        let columns: Vec<_> = list.trim_end().split('\t').collect();
        assert_eq!(list.lines().count(), 1, "{list}");
        assert!(columns[0].eq_ignore_ascii_case(beginning(session)), "{list}");
        assert_eq!((columns[1], columns[3], columns[4]), ("60/100", "Aladdin", "/a%20b"), "{list}");
        let left: u64 = columns[2].trim_end_matches('s').parse().unwrap();
        assert!((14 * 86_400 - 120..=14 * 86_400).contains(&left), "{left}");
        let (_, shown) = sessions(server, &["show", &beginning(session).to_lowercase()]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&shown["received"], &shown["total"]), (&60.into(), &100.into()), "{runs}");
        assert_eq!((&shown["owner"], &shown["path"]), (&"Aladdin".into(), &"/a%20b".into()));
        let (_, all) = sessions(server, &["list", "--json"]);
        let mut all: Vec<Value> = serde_json::from_str(&all).unwrap();
        let left = all[0]["seconds_left"].as_u64().unwrap();
        // A second may have passed.
        assert!((14 * 86_400 - 120..=shown["seconds_left"].as_u64().unwrap()).contains(&left), "{left}");
        all[0]["seconds_left"] = shown["seconds_left"].clone();
        assert_eq!(all, [shown]);
    });
}

#[test]
fn a_session_is_cancelled() {
    both(|server, session, runs| {
        for unknown in ["FFFFFFFF-FFFF", "", "{}", "nonsense"] {
            let (status, told) = sessions(server, &["cancel", unknown]);
            assert!(status == Some(1) && told.contains("no unfinished upload"), "{told}");
        }
        let (status, told) = sessions(server, &["cancel", &session.id]);
        assert!(status == Some(0) && told.contains("/a%20b"), "{told}");
        eventually("its bytes are gone", || server.parts().is_empty());
        assert_eq!(sessions(server, &["list"]), (Some(0), String::new()));
        if !runs {
            server.restart();
        }
        let session = Session { address: server.address, ..session.clone() };
        let refused = session.fragment(&entity(100), 60, 100);
        assert_eq!((refused.status, refused.header("bits-error-code")), (500, "0x8020001F"));
        assert!(!server.log().contains("is not the server's"), "{}", server.log());
    });
}

#[test]
fn the_root_may_be_a_url_of_a_folder() {
    let server = Server::start(&[]);
    Session::create(server.address, "/a");
    let root = format!("file://{}", server.root().display());
    let (status, list) = run(&["sessions", "--root", &root, "list"]);
    assert!(status == Some(0) && list.ends_with("/a\n"), "{list}");
}

#[test]
fn what_is_no_state_of_a_server_is_told_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (status, told) = run(&["sessions", "--root", folder.path().to_str().unwrap(), "list"]);
    assert!(status == Some(1) && told.contains("no state folder"), "{told}");
    assert!(!folder.path().join(".bits").exists());
    assert_eq!(run(&["sessions", "--root", "/nowhere", "forget"]).0, Some(2));
    let url = "postgres://bits:secret@127.0.0.1:1/bits";
    for places in [["--root", "s3://bucket/files", "--state", url], ["--root", "/nowhere", "--state", url]] {
        let (status, told) = run(&[&["sessions"], &places[..], &["list"]].concat());
        assert!(status == Some(1) && told.contains("must be folders") && !told.contains("secret"), "{told}");
    }
}

#[test]
fn completions_and_a_manual_page_come_from_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, text) = run(&["completions", shell]);
        assert!(status == Some(0) && text.contains("trusted-proxy") && text.contains("sessions"), "{shell}");
    }
    assert_eq!(run(&["completions", "tcsh"]).0, Some(2));
    let (status, page) = run(&["man"]);
    assert!(
        status == Some(0) && page.contains(".TH bits-server") && page.contains("trusted\\-proxy"),
        "{page}"
    );
}

#[test]
fn options_can_be_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let start = |variables: &[(&str, &str)], options: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bits-server"))
            .arg("--check-config")
            .args(options)
            .env("BITS_SERVER_ROOT", folder.path())
            .env("BITS_SERVER_LISTEN", "127.0.0.1:0,localhost:0")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    };
    let good = [
        ("BITS_SERVER_SERVE", "true"),
        ("BITS_SERVER_SESSION_TIMEOUT", "14days"),
        ("BITS_SERVER_STRICT", "0"),
    ];
    assert!(start(&good, &[]).status.success());
    for (name, value) in [
        ("BITS_SERVER_SESSION_TIMEOUT", "a while"),
        ("BITS_SERVER_MAX_SESSIONS", "many"),
        ("BITS_SERVER_TRUSTED_PROXY", "proxy"),
        // It needs another one.
        ("BITS_SERVER_TLS_CERT", "chain.pem"),
        ("BITS_SERVER_USER_DIRS", "yes"),
    ] {
        assert_eq!(start(&[(name, value)], &[]).status.code(), Some(2), "{name}");
    }
    // The command line has the last word.
    let output = start(&[("BITS_SERVER_SESSION_TIMEOUT", "1s")], &["--session-timeout", "2h 30m"]);
    assert!(output.status.success(), "{output:?}");
    let help = Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .arg("--help")
        .env("BITS_SERVER_USER", "alice:secret")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("BITS_SERVER_") && !help.contains("secret"), "{help}");
}
