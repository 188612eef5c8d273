//! `--check-config`: what is wrong is said before a restart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::harness::{Server, free_address};
use crate::tls::Certificate;

/// Whether it can be used, and all that was said.
fn check(options: &[&str]) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_bits-server")).arg("--check-config").args(options).output().unwrap();
    let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{told}");
    (output.status.success(), told)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_configuration_that_can_be_used_is_said_to_be_so_and_nothing_is_made() {
    let root = TempDir::new().unwrap();
    let (good, told) = check(&["--root", text(root.path()), "--listen", "127.0.0.1:0"]);
    assert!(good && told.contains("can be used"), "{told}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let folder = TempDir::new().unwrap();
    let (certificate, other) = (Certificate::new(), TempDir::new().unwrap());
    let chain = certificate.write(folder.path());
    let key = Certificate::new().write_key(other.path());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let users = folder.path().join("users");
    fs::write(&users, "alice:1\nalice:2\n../bob:3\n").unwrap();
    let root = folder.path().join("missing");
    let socket = folder.path().join("no/socket");
    let listen = format!("{taken},unix:{},no-such-host.invalid:80", socket.display());
    let _holds = std::net::TcpListener::bind(&taken);
    let holds = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = holds.local_addr().unwrap().to_string();
    let options = [
        "--root",
        text(&root),
        "--listen",
        &listen,
        "--metrics",
        &metrics,
        "--tls-cert",
        &chain,
        "--tls-key",
        &key,
        "--users-file",
        text(&users),
    ];
    let (good, told) = check(&options);
    assert!(!good);
    for words in [
        "missing cannot be used",
        "its key is not",
        "\"alice\" is there twice",
        "no/socket",
        "no-such-host.invalid",
        &metrics,
    ] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    assert!(told.lines().all(|line| line.starts_with("bits-server: ")) && !root.exists(), "{told}");
    fs::write(&users, "alice:1\n../bob:3\n").unwrap();
    let options = [
        "--root",
        text(folder.path()),
        "--listen",
        "127.0.0.1:0",
        "--user-dirs",
        "--users-file",
        text(&users),
    ];
    let (good, told) = check(&options);
    assert!(!good && told.contains("\"../bob\" can have no folder"), "{told}");
    assert!(!folder.path().join("alice").exists());
}

#[test]
fn a_state_that_others_may_enter_is_found() {
    let root = TempDir::new().unwrap();
    let state = root.path().join(".bits");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    let (good, told) = check(&["--root", text(root.path()), "--listen", "127.0.0.1:0"]);
    assert!(!good && told.contains("others may enter it"), "{told}");
}

#[test]
fn it_is_asked_beside_the_server_that_runs() {
    let server = Server::start(&[]);
    let (root, address) = (text(server.root()), server.address.to_string());
    let (good, told) = check(&["--root", root, "--listen", &address]);
    assert!(good, "what the server has is no obstacle: {told}");
    let holds = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = holds.local_addr().unwrap().to_string();
    let (good, told) = check(&["--root", root, "--listen", &format!("{address},{other}")]);
    assert!(!good && told.contains(&other) && !told.contains(&address), "{told}");
    // Another root has no server.
    let elsewhere = TempDir::new().unwrap();
    let (good, _) = check(&["--root", text(elsewhere.path()), "--listen", &address]);
    assert!(!good);
    // Its root has one that is not asked, because it has another state.
    let state = elsewhere.path().join("state");
    let (good, told) = check(&["--root", root, "--listen", "127.0.0.1:0", "--state", text(&state)]);
    assert!(!good && told.contains("another server uses this folder"), "{told}");
    // What is only worth a look does not make it unusable.
    let users = elsewhere.path().join("users");
    fs::write(&users, "alice:1\n").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o644)).unwrap();
    let listen = free_address().to_string();
    let options = ["--root", text(elsewhere.path()), "--listen", &listen, "--users-file", text(&users)];
    let (good, told) = check(&options);
    assert!(good && told.contains("warning: ") && told.contains("can be read by everybody"), "{told}");
}

#[test]
fn sessions_in_a_database_have_no_folder() {
    let root = TempDir::new().unwrap();
    let missing = root.path().join("missing");
    let database = ["--state", "postgres://bits:secret@127.0.0.1:1/bits", "--listen", "127.0.0.1:0"];
    let check_root = |root: &Path| check(&[&["--root", text(root)][..], &database].concat());
    let (good, told) = check_root(root.path());
    assert!(!good && told.lines().count() == 1, "{told}");
    assert!(told.contains("the database cannot be used") && !told.contains("secret"), "{told}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    let (good, told) = check_root(&missing);
    assert!(!good && told.contains("missing") && told.lines().count() == 2, "{told}");
}

#[test]
fn addresses_that_are_in_the_way_of_each_other_are_found() {
    let folder = TempDir::new().unwrap();
    let (root, free) = (text(folder.path()), free_address().to_string());
    for (listen, metrics) in [(format!("{free},{free}"), "127.0.0.1:0"), (free.clone(), &*free)] {
        let (good, told) = check(&["--root", root, "--listen", &listen, "--metrics", metrics]);
        assert!(!good && told.contains(&free), "{told}");
    }
    let socket = format!("unix:{}", folder.path().join("socket").display());
    let (good, told) = check(&["--root", root, "--listen", &socket, "--metrics", &socket]);
    assert!(!good && told.contains("is there twice"), "{told}");
}

#[test]
fn a_socket_is_looked_at_and_neither_made_nor_deleted() {
    let folder = TempDir::new().unwrap();
    let listen_on = |name: &str| {
        let place = format!("unix:{}", folder.path().join(name).display());
        check(&["--root", text(folder.path()), "--listen", &place])
    };
    // Nobody listens there any more.
    let left_over = folder.path().join("left-over");
    drop(std::os::unix::net::UnixListener::bind(&left_over).unwrap());
    let (good, told) = listen_on("left-over");
    assert!(good && left_over.exists(), "{told}");
    let (good, told) = listen_on("new");
    assert!(good && !folder.path().join("new").exists(), "{told}");
    let _listens = std::os::unix::net::UnixListener::bind(folder.path().join("taken")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for wrong in ["taken", "file", "file/socket", "missing/socket", &"x".repeat(200)] {
        let (good, told) = listen_on(wrong);
        assert!(!good && told.contains(wrong) && told.contains("cannot be listened on"), "{told}");
    }
}

#[test]
fn what_is_in_the_place_of_a_users_folder_is_found_and_names_of_nobody_are_warned_of() {
    let (root, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let users = other.path().join("users");
    fs::write(&users, "alice:1\nbob:2\n").unwrap();
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    let places = ["--root", text(root.path()), "--listen", "127.0.0.1:0", "--users-file", text(&users)];
    let more = ["--user-dirs", "--serve", "--reader", "alice", "--user-quota", "bob=1GiB"];
    let (good, told) = check(&[places, more].concat());
    assert!(good && !told.contains("warning"), "{told}");
    let more = ["--user-dirs", "--serve", "--reader", "alise", "--user-quota", "rob=1GiB"];
    let (good, told) = check(&[places, more].concat());
    assert!(good && told.contains("warning: --reader alise: there is no such user"), "{told}");
    assert!(told.contains("warning: --user-quota rob: there is no such user"), "{told}");
    std::os::unix::fs::symlink(other.path(), root.path().join("bob")).unwrap();
    let (good, told) = check(&[places, more].concat());
    assert!(!good && told.contains("\"bob\" can have no folder") && told.contains("is no folder"), "{told}");
}
