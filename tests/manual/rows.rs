//! The rows of the decisions and the tolerances: each is cited, and each citation has its row.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, chapter, cited, code_and_tests, files, is_row};

/// The rows of the manual, in their order, each with its text.
fn rows() -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for name in ["decisions", "tolerances"] {
        for section in chapter(name).split("\n## ").skip(1) {
            let Some((row, text)) = section.split_once(". ") else { continue };
            if is_row(row) {
                rows.push((row.to_owned(), text.to_owned()));
            }
        }
    }
    rows
}

/// All code, tests, and texts for people but the manual itself.
fn citing() -> Vec<Source> {
    let folders =
        ["src", "tests", "crates", "examples", "benches", "fuzz/fuzz_targets", "README.md", "CHANGELOG.md"];
    let sources = folders.iter().flat_map(|folder| files(folder, &["rs", "md"]));
    // This folder names rows to say what a row is.
    sources
        .filter(|source| !source.path.starts_with("src/manual/") && !source.path.starts_with("tests/manual/"))
        .collect()
}

#[test]
fn a_row_has_one_place_and_an_anchor() {
    let rows = rows();
    assert!(rows.len() > 130, "{} rows", rows.len());
    let numbers: BTreeSet<_> = rows.iter().map(|(row, _)| row).collect();
    assert_eq!(numbers.len(), rows.len());
    let text = chapter("decisions") + &chapter("tolerances");
    for (row, _) in &rows {
        let anchor = format!("<div id=\"{}\"></div>\n\n## {row}. ", row.to_lowercase());
        assert_eq!(text.matches(&anchor).count(), 1, "{row}");
    }
}

/// By its number, in the search of the documentation.
#[test]
fn every_row_can_be_searched() {
    for (row, _) in rows() {
        let page = if row.starts_with('C') { "decisions" } else { "tolerances" };
        let page = files(&format!("src/manual/{page}.rs"), &["rs"]).remove(0);
        assert_eq!(page.text.matches(&format!("\"{row}\"")).count(), 1, "{row} in {}", page.path);
    }
}

#[test]
fn every_row_can_be_linked() {
    let links = files("src/manual/rows.md", &["md"]).remove(0).text;
    let expected = rows().into_iter().map(|(row, _)| {
        let page = if row.starts_with('C') { "decisions" } else { "tolerances" };
        format!("[{row}]: crate::manual::{page}#{}", row.to_lowercase())
    });
    let expected: BTreeSet<_> = expected.collect();
    assert_eq!(links.lines().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
}

/// The rows that the names of tests begin with.
fn shown(text: &str) -> BTreeSet<String> {
    let names = text.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name);
    names.flat_map(cited).collect()
}

#[test]
fn every_row_that_is_cited_is_in_the_manual() {
    let rows: BTreeSet<_> = rows().into_iter().map(|(row, _)| row).collect();
    for source in citing().iter().chain(&files("src/manual", &["rs", "md"])) {
        let unknown: Vec<_> = cited(&source.text).difference(&rows).cloned().collect();
        assert!(unknown.is_empty(), "{} cites {unknown:?}", source.path);
    }
}

#[test]
fn every_row_is_cited_by_code_and_by_the_name_of_a_test_or_says_why_not() {
    let (mut by_code, mut by_test) = (BTreeMap::new(), BTreeMap::new());
    for source in citing().iter().filter(|source| source.path.ends_with(".rs")) {
        let (code, tests) = code_and_tests(source);
        by_code.extend(cited(code).into_iter().map(|row| (row, source.path.clone())));
        by_test.extend(shown(tests).into_iter().map(|row| (row, source.path.clone())));
    }
    let mut faults = Vec::new();
    for (row, text) in rows() {
        for (what, excuse, cited) in [("code", "*No code:*", &by_code), ("test", "*No test:*", &by_test)] {
            match (text.contains(excuse), cited.get(&row)) {
                (false, None) => faults.push(format!("{row}: no {what} names it")),
                (true, Some(path)) => {
                    faults.push(format!("{row}: {path} names it, and the row says {excuse}"))
                }
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_row_says_what_is_done() {
    for (row, text) in rows() {
        assert!(["*Here:*", "*Interop:*"].iter().any(|label| text.contains(label)), "{row}");
        assert!(!row.starts_with('C') || text.contains("*Sources:*"), "{row} names no source");
    }
}
