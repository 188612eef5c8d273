//! The blocks of the README stand in the files that it names.

use std::collections::BTreeSet;
use std::fs;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// How blocks begin that the library's documentation does not compile.
const FENCE: &str = "```rust,ignore\n";

fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Whether these lines stand one after another in the file, indented by whatever it is.
fn is_excerpt(block: &str, file: &str) -> bool {
    let block: Vec<_> = block.lines().collect();
    let file: Vec<_> = file.lines().collect();
    file.windows(block.len()).any(|window| {
        let indent = window[0].len() - window[0].trim_start().len();
        window
            .iter()
            .zip(&block)
            .all(|(line, shown)| line.get(indent..).unwrap_or_default() == *shown)
    })
}

#[test]
fn every_block_is_an_excerpt_of_the_file_it_names() {
    let readme = read("README.md");
    let mut files = BTreeSet::new();
    for stack in readme.split("\n## ").skip(1) {
        let file = stack
            .split("`src/")
            .nth(1)
            .and_then(|rest| rest.split('`').next());
        let file = file.unwrap_or_else(|| panic!("no file is named: {stack}"));
        let code = read(&format!("src/{file}"));
        let blocks: Vec<_> = stack.split(FENCE).skip(1).collect();
        assert!(!blocks.is_empty(), "no block: {stack}");
        for block in blocks {
            let (block, _) = block.split_once("```").unwrap();
            assert!(is_excerpt(block, &code), "this is not in {file}:\n{block}");
        }
        assert_eq!(
            stack.matches("```").count(),
            2 * stack.matches(FENCE).count(),
            "another block: {stack}"
        );
        files.insert(file);
    }
    assert_eq!(
        files,
        BTreeSet::from(["axum.rs", "hyper.rs", "reqwest.rs", "ureq.rs"])
    );
}

/// Where they are compiled: `.ci/outside` builds those of bits-http.
#[test]
fn the_programs_of_the_first_page_stand_in_the_readme_of_bits_http() {
    let (first, programs) = (read("../../README.md"), read("../bits-http/README.md"));
    let shown: Vec<_> = first.split(FENCE).skip(1).collect();
    assert_eq!(shown.len(), 2, "a server and a client");
    for block in shown {
        let (block, _) = block.split_once("```").unwrap();
        assert!(
            programs.contains(block),
            "this is not in its README:\n{block}"
        );
    }
}

#[test]
fn an_excerpt_is_every_line_in_order_and_nothing_else() {
    let file = "fn a() {\n    if b {\n        c();\n    }\n}\n";
    assert!(is_excerpt("if b {\n    c();\n}\n", file));
    for other in [
        "if b {\nc();\n}\n",
        "if b {\n}\n",
        "if b {\n    c()\n}\n",
        "c();\nd();\n",
    ] {
        assert!(!is_excerpt(other, file), "{other}");
    }
}

/// As their readers format them, with every comment and empty line.
#[test]
fn the_two_servers_that_save_are_short() {
    for (file, most) in [("saving", 180), ("database", 240)] {
        let lines = read(&format!("src/{file}.rs")).lines().count();
        assert!(lines <= most, "{file}: {lines}");
    }
}
