//! The files of this repository, as the tests of the manual read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A file, and its path from the root of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of these kinds below a folder, or the one file of this name.
pub(crate) fn files(folder: &str, kinds: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root().join(folder), kinds, &mut sources);
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

#[expect(clippy::disallowed_methods, reason = "the manual is files")]
fn collect(path: &Path, kinds: &[&str], sources: &mut Vec<Source>) {
    if path.is_dir() {
        if path.file_name().is_some_and(|name| name == "target") {
            return;
        }
        let entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        return entries.iter().for_each(|entry| collect(entry, kinds, sources));
    }
    if path.extension().is_some_and(|kind| kinds.iter().any(|wanted| kind == *wanted)) {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        sources.push(Source { path: name, text: fs::read_to_string(path).unwrap() });
    }
}

/// The text of the manual, a chapter a pair.
pub(crate) fn chapter(name: &str) -> String {
    let text = |source: &Source| source.text.clone();
    let mut chapter: Vec<_> = files(&format!("src/manual/{name}.rs"), &["rs"]).iter().map(text).collect();
    if root().join("src/manual").join(name).is_dir() {
        chapter.extend(files(&format!("src/manual/{name}"), &["md"]).iter().map(text));
    }
    chapter.join("\n")
}

/// Whether a text is the number of a row: C or Q, two digits, and perhaps a letter.
pub(crate) fn is_row(text: &str) -> bool {
    let digits = match text.as_bytes() {
        [b'C' | b'Q', digits @ .., b'b'..=b'g'] | [b'C' | b'Q', digits @ ..] => digits,
        _ => return false,
    };
    digits.len() == 2 && digits.iter().all(u8::is_ascii_digit)
}

/// The rows that a text cites: `C12`, or a name that begins with `c12_`.
pub(crate) fn cited(text: &str) -> BTreeSet<String> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    let mut rows = BTreeSet::new();
    for word in words.filter(|word| word.len() > 2 && word.starts_with(['C', 'Q', 'c', 'q'])) {
        if is_row(word) {
            rows.insert(word.to_owned());
        } else if word.contains('_') {
            rows.extend(word.split('_').map(capitalised).take_while(|part| is_row(part)));
        }
    }
    rows
}

/// `c08g` is how a name spells `C08g`.
fn capitalised(part: &str) -> String {
    match part.strip_prefix('c') {
        Some(rest) => format!("C{rest}"),
        None => part.strip_prefix('q').map_or_else(|| part.to_owned(), |rest| format!("Q{rest}")),
    }
}

/// The code and the tests of a file of code.
pub(crate) fn code_and_tests(source: &Source) -> (&str, &str) {
    if source.path.starts_with("tests/")
        || source.path.contains("/tests/")
        || source.path.starts_with("fuzz/")
    {
        return ("", &source.text);
    }
    if source.path.starts_with("crates/testing") || source.path.starts_with("crates/end-to-end") {
        return ("", &source.text);
    }
    match source.text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => source.text.split_at(at),
        None => (&source.text, ""),
    }
}
