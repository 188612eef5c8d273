//! The first line of every file: a noun or a verb first, so that nobody reads it twice.

use crate::sources::files;

/// Clauses that make a reader wait for the thing that the file is about.
const CLAUSES: [&str; 9] = ["What", "Whatever", "Where", "Whether", "How", "Who", "Whoever", "Which", "When"];

#[test]
fn every_file_begins_with_what_it_is() {
    let folders = ["src", "tests", "crates", "examples", "benches", "fuzz/src", "fuzz/fuzz_targets"];
    let sources = folders.iter().flat_map(|folder| files(folder, &["rs"]));
    let mut heads = 0;
    for source in sources {
        let Some(head) = source.text.lines().next().and_then(|line| line.strip_prefix("//! ")) else {
            continue;
        };
        heads += 1;
        let first = head.split([' ', ',']).next().unwrap_or_default();
        assert!(!CLAUSES.contains(&first), "{}: {head}", source.path);
    }
    assert!(heads > 500, "{heads} files have a head");
}
