//! The changelogs: sections of Keep a Changelog, the version of the crate first.

use crate::sources::files;

/// The kinds of changes of Keep a Changelog.
const KINDS: [&str; 6] = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

fn text(path: &str) -> String {
    files(path, &["md", "toml"]).pop().unwrap_or_else(|| panic!("{path} is missing")).text
}

#[test]
fn every_crate_that_is_published_has_its_changelog() {
    let manifests = files("crates", &["toml"]).into_iter().chain(files("Cargo.toml", &["toml"]));
    let published = |text: &str| text.contains("\n[package]") || text.starts_with("[package]");
    let mut changelogs = 0;
    for manifest in manifests.filter(|manifest| manifest.path.ends_with("Cargo.toml")) {
        if !published(&manifest.text) || manifest.text.contains("\npublish = false") {
            continue;
        }
        let path = manifest.path.replace("Cargo.toml", "CHANGELOG.md");
        let (changelog, version) = (text(&path), version(&manifest.text));
        let mut versions = changelog.lines().filter_map(|line| line.strip_prefix("## ["));
        let first = versions.next().unwrap_or_else(|| panic!("{path} has no version"));
        assert!(first.starts_with(&format!("{version}] - ")), "{path}: {first} is not {version}");
        assert!(changelog.contains("keepachangelog.com"), "{path} claims no form");
        for kind in changelog.lines().filter_map(|line| line.strip_prefix("### ")) {
            assert!(KINDS.contains(&kind), "{path}: {kind} is no kind of change");
        }
        changelogs += 1;
    }
    assert_eq!(changelogs, 5);
}

fn version(manifest: &str) -> &str {
    let mut lines = manifest.lines().filter_map(|line| line.strip_prefix("version = \""));
    lines.next().unwrap().trim_end_matches('"')
}
