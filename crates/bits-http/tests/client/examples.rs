//! The clients of the README: as they stand there, they show progress, and go on after a kill.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use test_server::{Fault, Server};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// The program of an example, which cargo has built beside this test.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

#[test]
fn the_readme_shows_them_in_twenty_lines_at_most() {
    let readme = fs::read_to_string(format!("{FOLDER}/README.md")).unwrap();
    for name in ["upload", "upload_blocking"] {
        let example = fs::read_to_string(format!("{FOLDER}/examples/{name}.rs")).unwrap();
        let (_, code) = example.split_once("\n\n").unwrap();
        let is_shown = |line: &&str| !line.contains("default_provider()");
        let code: String = code.lines().filter(is_shown).map(|line| format!("{line}\n")).collect();
        assert!(code.lines().count() <= 20, "{name}");
        assert!(
            readme.contains(&format!("```rust,no_run\n{code}```")),
            "{name} is not what the README shows"
        );
    }
}

#[test]
fn they_show_progress_and_go_on_after_a_kill() {
    for name in ["upload", "upload_blocking"] {
        let slow = |_: &_| Fault::Delay(Duration::from_millis(100));
        let (server, folder) = (Server::build().faults(slow).start(), tempfile::tempdir().unwrap());
        let bytes: Vec<u8> = (0..8 << 20).map(|at: u32| (at ^ at >> 9) as u8).collect();
        fs::write(folder.path().join("file"), &bytes).unwrap();
        let start = || {
            let mut command = Command::new(program(name));
            command.args(["file", &server.url("/a")]).current_dir(folder.path());
            for name in ["http_proxy", "https_proxy", "all_proxy"] {
                command.env_remove(name).env_remove(name.to_uppercase());
            }
            command.stdout(Stdio::piped()).spawn().unwrap()
        };
        let mut child = start();
        server.wait_for_bytes(1 << 20);
        child.kill().unwrap();
        child.wait().unwrap();
        let output = start().wait_with_output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && printed.contains(" of 8388608 bytes\n"), "{name} {printed}");
        assert_eq!(server.count("Create-Session"), 1, "{name}");
        assert!(server.published("/a") == Some(bytes), "{name}");
        assert!(!folder.path().join("file.upload").exists());
    }
}
