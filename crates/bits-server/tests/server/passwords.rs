//! Wrong passwords: slow, one after another, and without harm to others.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::{Server, free_address};
use crate::http1::{Session, request};

const ALADDIN: (&str, &str) = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
// `Aladdin:open sesame!`, and `nobody:x`.
const WRONG: (&str, &str) = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZSE=");
const NOBODY: (&str, &str) = ("Authorization", "Basic bm9ib2R5Ong=");

#[test]
fn guesses_of_one_address_are_answered_one_after_another() {
    let server = Server::start(&["--user", "Aladdin:open sesame", "--trusted-proxy", "127.0.0.1"]);
    let (address, begin) = (server.address, Instant::now());
    let guesses: Vec<_> = (0..4)
        .map(|number| {
            let wrong = if number % 2 == 0 { WRONG } else { NOBODY };
            thread::spawn(move || Session::try_create(address, "/a", &[wrong]).err().unwrap().status)
        })
        .collect();
    // Meanwhile others are served, and who knows the password, too.
    let elsewhere = ("X-Forwarded-For", "192.0.2.1");
    assert!(Session::try_create(address, "/a", &[ALADDIN, elsewhere]).is_ok());
    assert!(Session::try_create(address, "/b", &[ALADDIN]).is_ok());
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert!(guesses.into_iter().all(|guess| guess.join().unwrap() == 401));
    assert!(begin.elapsed() >= Duration::from_secs(4), "{:?}", begin.elapsed());
    // Another address does not wait for that.
    let begin = Instant::now();
    assert_eq!(Session::try_create(address, "/c", &[WRONG, elsewhere]).err().unwrap().status, 401);
    assert!(begin.elapsed() >= Duration::from_secs(1) && begin.elapsed() < Duration::from_secs(4));
    server.logs(&["refused", "client=192.0.2.1", "status=401", "wrong name or password"]);
}

#[test]
fn a_flood_of_guesses_is_not_even_looked_at_and_keeps_nobody() {
    let (folder, metrics) = (TempDir::new().unwrap(), free_address());
    let users = folder.path().join("users");
    // A slow hash, which `htpasswd -B` makes of `open sesame`.
    fs::write(&users, format!("Aladdin:{}\n", bcrypt::hash("open sesame", 5).unwrap())).unwrap();
    let options =
        ["--users-file", users.to_str().unwrap(), "--metrics", &metrics.to_string(), "--threads", "2"];
    let server = Server::start(&options);
    let address = server.address;
    assert!(Session::try_create(address, "/a", &[ALADDIN]).is_ok());
    let guesses: Vec<_> = (0..60)
        .map(|_| thread::spawn(move || Session::try_create(address, "/a", &[WRONG]).err().unwrap().status))
        .collect();
    for number in 0..10 {
        let begin = Instant::now();
        // Who was verified is known.
        assert!(Session::try_create(address, &format!("/{number}"), &[ALADDIN]).is_ok());
        assert_eq!(request(metrics, "GET", "/healthz", &[], b"").status, 200);
        assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    }
    let answers: Vec<_> = guesses.into_iter().map(|guess| guess.join().unwrap()).collect();
    assert!(answers.iter().all(|status| [401, 503].contains(status)), "{answers:?}");
    assert!(answers.contains(&503) && answers.contains(&401), "{answers:?}");
    server.logs(&["refused", "status=503", "too many wrong passwords"]);
}

#[test]
fn hashes_that_are_not_understood_are_named_and_not_taken_for_passwords() {
    let folder = TempDir::new().unwrap();
    let users = folder.path().join("users");
    let root = folder.path().to_str().unwrap();
    let options = ["--root", root, "--listen", "127.0.0.1:0", "--users-file", users.to_str().unwrap()];
    for hash in [
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjlO",
        "{SSHA}DkMTwBl+a/3DQTxCYEApdUtNXGgdUac3",
        // Its end is missing.
        "$2y$05$saltsaltsaltsaltsaltsa",
    ] {
        fs::write(&users, format!("# staff\nann:{hash}\n")).unwrap();
        let (status, line) = crate::harness::refused(&options);
        assert!(status == Some(1) && line.contains("line 2") && line.contains("not understood"), "{line}");
        assert!(!line.contains(hash), "{line}");
    }
}
