//! Servers that cannot start: each says why in one line.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::harness::{Mount, Server, refused};
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
    fails(&["--root", root], &[".bits", "another server uses this state folder"]);
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
    // Memory, on every Linux.
    let elsewhere = TempDir::new_in("/dev/shm").unwrap();
    let elsewhere = elsewhere.path().to_str().unwrap();
    fails(&["--root", root, "--state", elsewhere], &[elsewhere, "file system of the root"]);
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
fn to_try_out_the_root_nothing_in_it_is_touched() {
    let mut server = Server::start(&[]);
    let trial = server.root().join(".bits-server-trial");
    fs::write(&trial, "uploaded").unwrap();
    server.kill();
    server.restart();
    assert_eq!(server.published(".bits-server-trial").as_deref(), Some(&b"uploaded"[..]));
    // What a process left that died just then goes.
    server.kill();
    fs::remove_file(&trial).unwrap();
    fs::hard_link(server.root().join(".bits/lock"), &trial).unwrap();
    server.restart();
    assert!(!trial.exists());
}

#[test]
fn a_folder_that_is_mounted_elsewhere_is_another_file_system() {
    let folder = TempDir::new().unwrap();
    let (root, state, mounted) =
        (folder.path().join("root"), folder.path().join("state"), folder.path().join("x"));
    for path in [&root, &state, &mounted] {
        fs::create_dir(path).unwrap();
    }
    let Some(_mount) = Mount::new(&["--bind".as_ref(), state.as_os_str()], &mounted) else { return };
    let (root, mounted) = (root.to_str().unwrap(), mounted.to_str().unwrap());
    fails(&["--root", root, "--state", mounted], &[mounted, "in the same mount"]);
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
        let (_, line) = refused(&["--root", "/nowhere", option, "localhost:80"]);
        assert!(line.contains(option) && line.contains("such as 0.0.0.0:8080"), "{line}");
    }
}
