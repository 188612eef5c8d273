//! The unit file: systemd understands it, and it leaves the program little to do harm with.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

/// The unit, with the program of these tests. `None`, and a note, where systemd's tools are missing.
fn analyze(words: &[&str]) -> Option<(bool, String)> {
    let folder = TempDir::new().unwrap();
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/bits-server.service")).unwrap();
    assert_eq!(unit.matches("/usr/local/bin/bits-server").count(), 3);
    let unit = unit.replace("/usr/local/bin/bits-server", env!("CARGO_BIN_EXE_bits-server"));
    let path = folder.path().join("bits-server.service");
    fs::write(&path, unit).unwrap();
    match Command::new("systemd-analyze").args(words).arg(&path).env("SYSTEMD_COLORS", "0").output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            Some((output.status.success(), told))
        }
        Err(_) => {
            println!("skipped: systemd-analyze is not here: apt-get install systemd");
            None
        }
    }
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let Some((good, told)) = analyze(&["verify", "--man=no"]) else { return };
    // Of units of this machine it may have something to say as well.
    let ours: Vec<_> = told.lines().filter(|line| line.contains("bits-server.service")).collect();
    assert!(ours.is_empty(), "{good} {told}");
}

#[test]
fn the_unit_leaves_little_to_do_harm_with() {
    let Some((_, told)) = analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"]) else {
        return;
    };
    let level =
        told.lines().find_map(|line| line.split_once("Overall exposure level for")?.1.split_once(": "));
    let Some((_, level)) = level else {
        println!("skipped: this systemd-analyze cannot look at a file");
        return;
    };
    let level: f32 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= 2.0, "{told}");
}
