//! Names and passwords from `.netrc`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::problem::Problem;
use crate::user::User;

/// The name and the password for a host, from this file, or from the one in the user's folder.
pub(crate) fn find(file: Option<&Path>, host: &str) -> Result<Option<User>, Problem> {
    let home = || env::var_os("HOME").or_else(|| env::var_os("USERPROFILE")).map(PathBuf::from);
    let default = || home().map(|home| home.join(".netrc"));
    let Some(path) = file.map(Path::to_owned).or_else(default) else {
        return Err(Problem::usage("there is no home folder with a .netrc: name one by --netrc-file"));
    };
    let text = fs::read_to_string(&path)
        .map_err(|error| Problem::failed(format_args!("{} cannot be read: {error}", path.display())))?;
    Ok(entry(&text, host))
}

/// The first entry for this host, or the default one.
fn entry(text: &str, host: &str) -> Option<User> {
    let mut words = without_macros(text).into_iter();
    let (mut is_ours, mut login, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" | "default" => {
                if is_ours && password.is_some() {
                    break;
                }
                is_ours =
                    word == "default" || words.next().is_some_and(|name| name.eq_ignore_ascii_case(host));
                (login, password) = (None, None);
            }
            "login" if is_ours => login = words.next(),
            "password" if is_ours => password = words.next(),
            // Its value may look like one of these words.
            "account" => drop(words.next()),
            _ => {}
        }
    }
    if !is_ours {
        return None;
    }
    Some(User::new(&login.unwrap_or_default(), &password?))
}

/// All words but those of comments, and of macros: commands for another program, up to the next empty line.
fn without_macros(text: &str) -> Vec<String> {
    let (mut all, mut in_macro) = (Vec::new(), false);
    for line in text.lines() {
        if in_macro || line.trim_start().starts_with('#') {
            in_macro = in_macro && !line.trim().is_empty();
            continue;
        }
        let words = words(line).into_iter();
        all.extend(words.take_while(|word| {
            in_macro = word == "macdef";
            !in_macro
        }));
    }
    all
}

/// The words of a line. One in quotes may have blanks in it, and quotes behind a backslash.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut letters) = (Vec::new(), line.chars());
    while let Some(first) = letters.by_ref().find(|letter| !letter.is_whitespace()) {
        let is_quoted = first == '"';
        let mut word = String::new();
        if !is_quoted {
            word.push(first);
        }
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if is_quoted => word.extend(letters.next()),
                '"' if is_quoted => break,
                _ if !is_quoted && letter.is_whitespace() => break,
                letter => word.push(letter),
            }
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_that_fits_counts() {
        let text = "machine a.example login one password first\n# machine b.example login x password y\n\
                    machine B.example\n  login two\n  password second\ndefault login any password last\nmacdef x\n";
        for (host, expected) in
            [("a.example", "one:first"), ("b.example", "two:second"), ("c.example", "any:last")]
        {
            assert_eq!(entry(text, host).map(|user| user.credentials()).as_deref(), Some(expected), "{host}");
        }
        let quoted = r#"machine a login "the \"one\"" password "open sesame\\""#;
        let quoted = format!("{quoted}\"");
        assert_eq!(entry(&quoted, "a").unwrap().credentials(), r#"the "one":open sesame\"#);
        let macros = "machine a login x password y macdef init\nmachine b login no password no\n\n\
                      machine b account login login z password w\n";
        assert_eq!(entry(macros, "a").unwrap().credentials(), "x:y");
        assert_eq!(entry(macros, "b").unwrap().credentials(), "z:w");
        assert!(entry("machine a login x password y", "b").is_none());
        assert!(entry("machine a login x", "a").is_none());
    }
}
