//! The links to the manual and within it, and the citations that should be links.

use std::collections::BTreeSet;

use crate::sources::{Source, chapter, cited, code_and_tests, files, root};

/// The anchors of a text: those that it sets, and those of its headings as rustdoc makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let set = text.split("<div id=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let mut anchors: BTreeSet<_> = set.map(|(id, _)| id.to_owned()).collect();
    for line in text.lines() {
        let line = line.trim_start().trim_start_matches("//!").trim_start_matches("///").trim_start();
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            anchors.insert(slug(heading.trim()));
        }
    }
    anchors
}

/// The anchor that rustdoc gives to a heading.
fn slug(heading: &str) -> String {
    let kept =
        heading.chars().filter(|char| char.is_alphanumeric() || *char == '-' || *char == '_' || *char == ' ');
    kept.map(|char| if char == ' ' { '-' } else { char.to_ascii_lowercase() }).collect()
}

/// The targets of links with an anchor, `crate::server#expiry`, and those within a page, `#expiry`.
fn targets(text: &str) -> Vec<(&str, &str)> {
    let inline = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let named = text.lines().filter_map(|line| line.trim_start_matches(['/', '!', ' ']).split_once("]: "));
    let named = named.filter(|(name, _)| name.starts_with('[')).map(|(_, target)| target.trim());
    inline.chain(named).filter_map(|target| target.split_once('#')).collect()
}

/// The text of the page of a module, as far as it has headings of its own.
fn page(path: &str) -> Option<String> {
    let path = path.strip_prefix("crate").or_else(|| path.strip_prefix("bits_proto"))?;
    let path = path.trim_start_matches("::");
    if let Some(name) = path.strip_prefix("manual::") {
        return Some(chapter(name));
    }
    let file = match path {
        "" => "src/lib.rs".to_owned(),
        "manual" => "src/manual/mod.rs".to_owned(),
        module if root().join("src").join(module).is_dir() => format!("src/{module}/mod.rs"),
        _ => return None,
    };
    files(&file, &["rs"]).pop().map(|source| source.text)
}

#[test]
fn every_anchor_that_a_link_names_is_there() {
    let mut links = 0;
    let sources = ["src", "crates/bits-http/src"].iter().flat_map(|folder| files(folder, &["rs", "md"]));
    for source in sources {
        for (path, anchor) in targets(&source.text) {
            let Some(page) = page(path) else { continue };
            links += 1;
            assert!(anchors(&page).contains(anchor), "{} links to {path}#{anchor}", source.path);
        }
    }
    assert!(links > 200, "{links} links");
}

#[test]
fn every_anchor_of_a_chapter_is_in_the_chapter() {
    for name in ["decisions", "tolerances", "protocol", "captures"] {
        let text = chapter(name);
        for (path, anchor) in targets(&text).into_iter().filter(|(path, _)| path.is_empty()) {
            assert!(anchors(&text).contains(anchor), "{name} links to {path}#{anchor}");
        }
    }
}

#[test]
fn every_capture_that_the_manual_names_is_there_and_in_the_chapter() {
    let shown = chapter("captures");
    let mut names = 0;
    for capture in files("tests/data/captures", &["req", "ack", "resp"]) {
        let name = capture.path.strip_prefix("tests/data/captures/").unwrap();
        assert!(shown.contains(&format!("## {name}\n")), "{name} is not shown");
        assert!(shown.contains(&format!("<div id=\"{}\"></div>", name.replace(['/', '.'], "-"))), "{name}");
    }
    for source in files("src/manual", &["md"]) {
        for quoted in source.text.split('`').filter(|quoted| is_capture(quoted)) {
            names += 1;
            assert!(shown.contains(&format!("## {quoted}\n")), "{} names {quoted}", source.path);
        }
    }
    assert!(names > 15, "{names} captures are named");
}

fn is_capture(text: &str) -> bool {
    let folder = text.starts_with("upload/") || text.starts_with("upload-reply/");
    folder && [".req", ".ack", ".resp"].iter().any(|kind| text.ends_with(kind))
}

/// A block of documentation, and the item that it documents.
fn documented(source: &Source) -> Vec<(String, String)> {
    let (code, _) = code_and_tests(source);
    let mut items = Vec::new();
    let mut depth = 0_i32;
    let mut block = String::new();
    for line in code.lines().map(str::trim) {
        if line.starts_with("///") {
            block = block + line + "\n";
        } else if !block.is_empty() && (depth > 0 || line.starts_with("#[")) {
            // An attribute, over as many lines as it has.
            depth += line.matches('[').count() as i32 - line.matches(']').count() as i32;
        } else if !block.is_empty() {
            items.push((std::mem::take(&mut block), line.to_owned()));
        }
    }
    items
}

#[test]
fn a_row_that_a_public_item_cites_is_a_link() {
    for source in files("src", &["rs"]).iter().filter(|source| !source.path.starts_with("src/manual/")) {
        for (block, item) in documented(source).iter().filter(|(_, item)| item.starts_with("pub ")) {
            for row in cited(block) {
                assert!(block.contains(&format!("[{row}]")), "{}: {row} of `{item}` is no link", source.path);
            }
        }
    }
}

/// The rules are in the manual; the notes that they were made from are nowhere.
#[test]
fn nothing_names_a_document_that_no_reader_has() {
    let folders =
        ["src", "tests", "crates", "examples", "benches", "fuzz/fuzz_targets", "README.md", "CHANGELOG.md"];
    let sources = folders.iter().flat_map(|folder| files(folder, &["rs", "md"]));
    for source in sources.filter(|source| !source.path.starts_with("tests/manual/")) {
        for stranger in ["protocol.md", "decisions.md", "tolerance.md", "`captures/"] {
            assert!(!source.text.contains(stranger), "{} names {stranger}", source.path);
        }
    }
}
