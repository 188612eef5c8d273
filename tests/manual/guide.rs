//! The guide: every code is explained, and every setting is told.

use crate::sources::{files, is_row};

fn text(path: &str) -> String {
    files(path, &["rs", "md"]).iter().map(|source| source.text.as_str()).collect()
}

/// The codes of the table in `hresult.rs`: name and value, as a person writes it.
fn codes() -> Vec<(String, String)> {
    let table = text("src/vocabulary/hresult.rs");
    let (_, table) = table.split_once("codes! { Hresult:").unwrap();
    let (table, _) = table.split_once("\n}").unwrap();
    let lines = table.lines().filter_map(|line| line.trim().split_once(" = 0x"));
    let code = |(name, rest): (&str, &str)| {
        let value = rest.split(',').next().unwrap().replace('_', "");
        (name.to_owned(), format!("0x{value}"))
    };
    lines.map(code).collect()
}

/// By its name, by its value, and by the search of the documentation.
#[test]
fn every_code_is_found() {
    let (page, guide, codes) = (text("src/manual/guide/errors.md"), text("src/manual/guide.rs"), codes());
    assert!(codes.len() >= 9, "{codes:?}");
    for (name, value) in codes {
        assert!(page.contains(&format!("| `{value}` | `{name}` |")), "{name} {value}");
        assert!(guide.contains(&format!("\"{value}\"")), "{value} is no alias");
    }
}

/// The statuses that a server of this library sends.
#[test]
fn every_status_that_is_sent_is_explained() {
    let sent = [200, 400, 401, 403, 404, 408, 411, 413, 416, 500, 501, 503];
    let page = text("src/manual/guide/errors.md");
    let (_, table) = page.split_once("# Statuses").unwrap();
    for status in sent {
        let explained = table.lines().any(|line| {
            let first = line.split('|').nth(1).unwrap_or_default();
            first.split([' ', ',']).any(|word| word == status.to_string())
        });
        assert!(explained, "{status}");
    }
}

/// The settings of a builder, which are its methods that return it.
fn settings(path: &str) -> Vec<String> {
    let source = text(path);
    let (_, builder) = source.split_once("Builder {\n").unwrap();
    let methods = builder.split("pub fn ").skip(1);
    let settings = methods.filter(|method| method.lines().next().unwrap().contains("self, "));
    settings.map(|method| method.split('(').next().unwrap().to_owned()).collect()
}

#[test]
fn every_setting_is_in_the_manual() {
    let manual = text("src/manual");
    for (path, builder) in [
        ("src/client/config.rs", "client::ConfigBuilder"),
        ("src/server/directory.rs", "server::DirectoryBuilder"),
        ("src/notify/config.rs", "notify::ConfigBuilder"),
        ("src/download/config.rs", "download::ConfigBuilder"),
    ] {
        let settings = settings(path);
        assert!(settings.len() >= 4, "{settings:?}");
        for setting in settings.iter().filter(|setting| *setting != "conformance") {
            assert!(manual.contains(&format!("crate::{builder}::{setting})")), "{builder}::{setting}");
        }
    }
}

/// A chapter that cites rows that nobody wrote would be found by `rows`; this one looks that the guide cites any.
#[test]
fn the_guide_leads_to_the_rows() {
    for page in files("src/manual/guide", &["md"]) {
        let rows = page.text.split(['[', ']']).filter(|word| is_row(word)).count();
        let leads = rows > 0 || page.text.contains("crate::manual::") || page.text.contains("crate::server#");
        assert!(leads, "{} leads nowhere", page.path);
    }
}

/// Longer ones are not read.
#[test]
fn the_readme_is_short() {
    let readme = text("README.md");
    assert!(readme.lines().count() < 250, "{} lines", readme.lines().count());
}
