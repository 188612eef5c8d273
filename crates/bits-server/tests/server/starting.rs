//! Servers that cannot start: each says why in one line.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::harness::{Server, refused};
use crate::tls::Certificate;

/// It failed, with these words.
#[track_caller]
fn fails(options: &[&str], words: &[&str]) {
    let (status, line) = refused(&[&["--listen", "127.0.0.1:0"], options].concat());
    assert_eq!(status, Some(1), "{options:?}: {line}");
    for word in words {
        assert!(line.contains(word), "{word:?} in {line}");
    }
}

#[test]
fn two_servers_do_not_share_a_state_folder() {
    let server = Server::start(&[]);
    let root = server.root().to_str().unwrap();
    fails(&["--root", root], &["root", "another server uses this folder"]);
}

#[test]
fn two_servers_do_not_share_a_port() {
    let (server, folder) = (Server::start(&[]), TempDir::new().unwrap());
    let (root, address) = (folder.path().to_str().unwrap(), server.address.to_string());
    let (status, line) = refused(&["--root", root, "--listen", &address]);
    assert!(status == Some(1) && line.contains(&address) && line.contains("in use"), "{line}");
    fails(&["--root", root, "--metrics", &address], &[&address, "in use"]);
}

#[test]
fn the_root_is_a_folder_that_is_there() {
    let folder = TempDir::new().unwrap();
    let (missing, file) = (folder.path().join("missing"), folder.path().join("file"));
    fs::write(&file, "").unwrap();
    fails(&["--root", missing.to_str().unwrap()], &["missing", "No such file", "make it"]);
    assert!(!missing.exists());
    fails(&["--root", file.to_str().unwrap()], &["file", "must be a folder"]);
}

#[test]
fn the_state_folder_is_beside_what_is_published() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    fails(&["--root", root, "--state", root], &["must not be the root itself"]);
    let left: Vec<_> = fs::read_dir(root).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn nobody_else_on_the_machine_reads_the_names_of_sessions() {
    let server = Server::start(&[]);
    let mode = fs::metadata(server.root().join(".bits")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_certificate_has_its_own_key() {
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let certificate = Certificate::new();
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    let (root, other) = (folder.path().to_str().unwrap(), Certificate::new().write_key(other.path()));
    let with = |chain: &str, key: &str, words: &[&str]| {
        fails(&["--root", root, "--tls-cert", chain, "--tls-key", key], words);
    };
    with(&chain, &other, &["cert.pem: its key is not ", "key.pem"]);
    with(&key, &key, &["key.pem", "no certificate"]);
    with(&chain, &chain, &["cert.pem", "no private key"]);
    with("missing.pem", &key, &["missing.pem", "No such file"]);
}

#[test]
fn nobody_may_upload_without_a_password_because_the_file_of_users_is_empty() {
    let folder = TempDir::new().unwrap();
    let (root, users) = (folder.path().to_str().unwrap(), folder.path().join("users"));
    fs::write(&users, "# nobody yet\n").unwrap();
    fails(&["--root", root, "--users-file", users.to_str().unwrap()], &["users", "no user in it"]);
}

#[test]
fn certificates_of_applications_are_read_at_the_start() {
    let folder = TempDir::new().unwrap();
    let (root, none) = (folder.path().to_str().unwrap(), folder.path().join("none.pem"));
    let ca = none.to_str().unwrap();
    let url = "https://127.0.0.1:1/";
    let options =
        ["--root", root, "--notify", "by-value", "--notification-url", url, "--notification-ca", ca];
    fails(&options, &["none.pem", "cannot be read"]);
    fs::write(&none, "no certificate").unwrap();
    fails(&options, &["none.pem", "no certificate in it"]);
}

#[test]
fn nonsense_on_the_command_line_is_wrong_usage() {
    for options in [
        &["--bogus"][..],
        &["--max-upload-size", "5MB"],
        &["--max-upload-size", "-1"],
        &["--max-upload-size", "99999999999GiB"],
        &["--max-fragment-size", "0"],
        &["--session-timeout", "nan"],
        &["--session-timeout", "0"],
        &["--session-timeout", "1e300"],
        &["--idle-timeout", "-1"],
        &["--max-connections", "0"],
        &["--sessions-per-owner", "many"],
        &["--host-id", "two words"],
        &["--host-id-fallback-timeout", "5"],
        &["--listen", "localhost"],
        &["--user", "secret"],
        &["--tls-cert", "cert.pem"],
        &["--notify", "by-value"],
        &["--notify", "by-value", "--notification-url", "/application"],
        &["--notify", "by-value", "--notification-url", "//host/application"],
        &["--public-url", "example.org"],
    ] {
        let (status, line) = refused(&[&["--root", "/nowhere"], options].concat());
        assert!(status == Some(2) && line.contains("--help"), "{options:?}: {line}");
        assert!(!line.contains("secret"), "no password in a log: {line}");
    }
    assert_eq!(refused(&["--listen", "127.0.0.1:0"]).0, Some(2));
    for option in ["--listen", "--metrics"] {
        let (_, line) = refused(&["--root", "/nowhere", option, "localhost"]);
        assert!(line.contains(option) && line.contains("such as 0.0.0.0:8080"), "{line}");
    }
}

#[test]
fn places_that_several_servers_share_go_together_or_are_wrong_usage() {
    let database = ["--state", "postgres://bits:secret@127.0.0.1:1/bits"];
    for (options, words) in [
        (vec!["--root", "s3://bucket/files"], "--state postgres://"),
        (
            [&["--root", "s3://bucket/files"], &database[..], &["--notify", "by-reference"]].concat(),
            "by-value",
        ),
        (vec!["--root", "file://uploads"], "file:///"),
        (vec!["--root", "/nowhere", "--state", "file://state"], "file:///"),
        // They are not made as folders.
        (vec!["--root", "https://bucket.example/files"], "https:// is not known"),
        (vec!["--root", "S3://bucket/files"], "S3:// is not known"),
        (
            vec!["--root", "/nowhere", "--state", "mysql://bits:secret@127.0.0.1/bits"],
            "mysql:// is not known",
        ),
    ] {
        let notified = options.contains(&"--notify");
        let url = ["--notification-url", "http://application.example/"];
        let (status, line) = refused(&[&options[..], if notified { &url[..] } else { &[] }].concat());
        assert!(status == Some(2) && line.contains(words), "{options:?}: {line}");
        assert!(!line.contains("secret"), "{line}");
    }
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().to_str().unwrap();
    let (status, line) = refused(&[
        "--listen",
        "127.0.0.1:0",
        "--root",
        root,
        "--state",
        "postgres://bits:secret@127.0.0.1:1/bits",
    ]);
    assert!(status == Some(1) && line.contains("the database cannot be reached"), "{line}");
    assert!(!line.contains("secret"), "{line}");
    let (_, line) = refused(&["--root", root, "--state", "postgres://secret@[::/bits"]);
    assert!(!line.contains("secret"), "{line}");
}
