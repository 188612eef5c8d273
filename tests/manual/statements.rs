//! The statements of MC-BUP: whatever their table names is there, and its counts are right.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, chapter, files};

/// The sections of MC-BUP v16.0 that state something, but for their titles.
const SECTIONS: &str = "2.1 2.2 2.2.1 2.2.1.1 2.2.1.2 2.2.2 2.2.2.1 2.2.2.2 2.2.2.3 2.2.3 2.2.3.1 2.2.3.2 2.2.3.3 2.2.4 2.2.4.1 \
    2.2.4.2 2.2.4.3 2.2.5 2.2.5.1 2.2.5.2 2.2.5.3 2.2.6 2.2.6.1 2.2.6.2 2.2.6.3 2.2.7 2.2.7.1 2.2.7.2 2.2.7.3 2.2.8 2.2.8.1 \
    2.2.8.2 2.2.8.3 2.2.9 2.2.9.1 2.2.9.2 2.2.9.3 2.2.10 2.2.10.1 2.2.10.2 2.2.10.3 2.2.11 2.2.11.1 2.2.11.2 2.2.11.3 2.2.12 \
    2.2.12.1 2.2.12.2 2.2.12.3 2.2.13 2.2.13.1 2.2.13.2 2.2.13.3 2.3 3.1.1.1 3.1.1.2 3.1.2.1 3.1.2.2 3.1.2.3 3.1.4.1 3.1.4.2 \
    3.1.4.3 3.1.4.4 3.1.5.1.1 3.1.5.1.2 3.1.5.1.3 3.1.5.1.4 3.1.5.1.5 3.1.5.1.6 3.1.5.1.7 3.1.5.1.8 3.1.5.1.9 3.1.5.2.1 3.1.5.2.2 \
    3.1.5.2.3 3.1.5.2.4 3.1.5.2.5 3.1.5.2.6 3.1.6.1 3.1.6.2 3.1.6.3 3.1.7.1 3.2 3.2.1 3.2.1.1 3.2.1.2 3.2.1.3 3.2.1.3.1 3.2.1.4 \
    3.2.2.1 3.2.3 3.2.4.1 3.2.4.2 3.2.5.1.1 3.2.5.1.2 3.2.5.1.3 3.2.5.1.4 3.2.5.1.5 3.2.5.1.6 3.2.5.2.1 3.2.5.2.2 3.2.5.2.3 \
    3.2.5.2.4 3.2.5.2.5 3.2.5.2.6 3.2.5.2.7 3.2.5.2.8 3.2.6.1 3.2.7 3.3.1 3.3.1.1 3.3.2.1 3.3.2.2 3.3.2.3 3.3.3 3.3.5.1 3.3.5.2.1 \
    3.3.5.2.2 3.3.5.2.3 3.3.5.2.4 3.3.5.2.5 3.3.5.2.6 3.3.5.2.7 3.3.5.3.1 3.3.5.3.2 3.3.6.1 3.3.6.2 3.3.6.3 3.4.1 3.4.5.1 3.4.5.2 \
    3.5.1 3.5.4.1 3.5.5 3.5.5.1 3.5.5.2 3.6.1 3.6.1.1 3.6.2.1 3.6.2.2 3.6.3 3.6.4.1 3.6.4.2 3.6.4.3 3.6.5.1 3.6.5.2.1 3.6.5.2.2 \
    3.6.5.2.3 3.6.5.2.4 3.6.5.2.4.1 3.6.5.2.4.2 3.6.5.2.4.3 3.6.5.2.4.4 3.6.5.2.5 3.6.5.2.6 3.6.5.3 3.6.6.1 3.6.6.2 3.6.7.1";

#[derive(Debug)]
struct Statement {
    section: String,
    force: String,
    how: String,
    /// A file, and an item in it.
    code: Option<(String, String)>,
    /// A folder, and a test in it.
    test: Option<(String, String)>,
    row: String,
}

fn statements() -> Vec<Statement> {
    let text = chapter("statements");
    let rows = text.lines().filter(|line| line.starts_with("| 2.") || line.starts_with("| 3."));
    let named = |cell: &str| {
        let mut quoted = cell.split('`').skip(1).step_by(2).map(str::to_owned);
        quoted.next().map(|place| (place, quoted.next().expect("a name")))
    };
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [section, force, _statement, how, code, test] = cells[..] else { panic!("{row}") };
        Statement {
            section: section.to_owned(),
            force: force.to_owned(),
            how: how.split(':').next().unwrap().to_owned(),
            code: named(code),
            test: named(test),
            row: row.to_owned(),
        }
    })
    .collect()
}

/// Whether a file has an item of this name: a function, a type, a constant, or a line of an enum or a table.
fn has_item(text: &str, name: &str) -> bool {
    let begins = |line: &str| line.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_of_a_word));
    text.lines().any(|line| {
        let line = line.trim_start();
        let keywords = ["fn ", "struct ", "enum ", "const "];
        begins(line)
            || keywords.iter().any(|keyword| line.split_once(keyword).is_some_and(|(_, rest)| begins(rest)))
    })
}

fn is_of_a_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[test]
fn every_item_and_every_test_that_the_table_names_is_there() {
    let code: BTreeMap<_, _> = files("src", &["rs"]).into_iter().map(|file| (file.path, file.text)).collect();
    let tests = files("tests", &["rs"]);
    let has_test = |folder: &str, test: &str| {
        let function = format!("fn {test}(");
        let in_folder = |file: &&Source| file.path.starts_with(&format!("{folder}/"));
        let mut tests = tests.iter().filter(in_folder).map(|file| &file.text);
        tests.any(|text| text.contains(&function))
            || folder == "src" && code.values().any(|text| text.contains(&function))
    };
    for statement in statements() {
        let expected = match statement.how.as_str() {
            "shown" | "differs" => (true, true),
            "done, no test" => (true, false),
            "elsewhere" | "nothing to do" => (false, false),
            other => panic!("{other}: {}", statement.row),
        };
        assert_eq!((statement.code.is_some(), statement.test.is_some()), expected, "{}", statement.row);
        if let Some((file, item)) = &statement.code {
            let text = code.get(file).unwrap_or_else(|| panic!("{file} is not there: {}", statement.row));
            assert!(has_item(text, item), "{file} has no {item}: {}", statement.row);
        }
        if let Some((folder, test)) = &statement.test {
            assert!(has_test(folder, test), "{folder} has no {test}: {}", statement.row);
        }
    }
}

#[test]
fn what_differs_says_by_which_row() {
    for statement in statements().iter().filter(|statement| statement.how == "differs") {
        let row = statement.row.split_once("differs: [").and_then(|(_, rest)| rest.split_once(']'));
        let (row, _) = row.unwrap_or_else(|| panic!("{}", statement.row));
        assert!(crate::sources::is_row(row), "{}", statement.row);
    }
}

#[test]
fn every_section_that_states_something_is_in_the_table() {
    let known: BTreeSet<_> = statements().into_iter().map(|statement| statement.section).collect();
    for section in SECTIONS.split_whitespace() {
        assert!(known.contains(section), "§{section} has no statement");
    }
}

#[test]
fn the_counts_are_those_of_the_table() {
    let statements = statements();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for statement in &statements {
        *counts.entry(&statement.how).or_default() += 1;
        *counts.entry(&statement.force).or_default() += 1;
    }
    let text = chapter("statements");
    for how in ["shown", "differs", "done, no test", "elsewhere", "nothing to do"] {
        let row = format!("//! | {how} | {} |", counts[how]);
        assert!(text.contains(&row), "{row} is not there");
    }
    let [must, should, may, rules] = ["MUST", "SHOULD", "MAY", "rule"].map(|force| counts[force]);
    let all = statements.len();
    let sentence = format!("These are {all}: {must} MUST, {should} SHOULD, {may} MAY and {rules} rules.");
    assert!(text.contains(&sentence), "{sentence}");
    assert_eq!(must + should + may + rules, all);
}
