//! The words of the command line, with those of a configuration file before them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::{CommandFactory, Parser};
use command_line::what_is_wrong;

use crate::options::Options;
use crate::problem::Problem;

/// Where the configuration file is named if the command line names none.
const VARIABLE: &str = "BITS_UPLOAD_CONFIG";

/// How options are called in the environment.
const PREFIX: &str = "BITS_UPLOAD_";

/// Options of another kind: where options are, and what is done in place of an upload.
const NOT_IN_THE_ENVIRONMENT: [&str; 5] = ["config", "completions", "man", "help", "version"];

/// What the user wants.
pub(crate) enum Wish {
    Upload(Box<Options>),
    /// `jobs`, and the words after it.
    Jobs(Vec<OsString>),
    /// All was said.
    Nothing,
}

pub(crate) fn read() -> Result<Wish, Problem> {
    let words: Vec<OsString> = env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "jobs") {
        return Ok(Wish::Jobs(words.get(2..).unwrap_or_default().to_vec()));
    }
    if let Some(word) = words.get(1) {
        let shell = word.to_str().and_then(|word| word.strip_prefix("--completions="));
        let shell = shell.map(str::to_owned).or_else(|| {
            let named = (word == "--completions").then(|| words.get(2)).flatten();
            named.and_then(|word| word.to_str()).map(str::to_owned)
        });
        if let Some(shell) = shell {
            return completions(&shell).map(|()| Wish::Nothing);
        }
        if word == "--man" {
            let _nobody_reads = clap_mangen::Man::new(Options::command()).render(&mut std::io::stdout());
            return Ok(Wish::Nothing);
        }
    }
    parse(words).map(|options| options.map_or(Wish::Nothing, |options| Wish::Upload(Box::new(options))))
}

/// The options of these words. `None`: help or the version was asked for, and printed.
pub(crate) fn parse(mut words: Vec<OsString>) -> Result<Option<Options>, Problem> {
    let mut more = configured(&words)?;
    more.extend(from_environment(|name| env::var_os(name))?);
    words.splice(1.min(words.len())..1.min(words.len()), more);
    match Options::try_parse_from(words) {
        Ok(options) => options.checked().map(Some),
        Err(error) if error.use_stderr() => {
            Err(Problem::usage(format_args!("{} (--help tells more)", what_is_wrong(&error))))
        }
        Err(help) => {
            let _nobody_reads = help.print();
            Ok(None)
        }
    }
}

fn completions(shell: &str) -> Result<(), Problem> {
    let shell: clap_complete::Shell = shell.parse().map_err(Problem::usage)?;
    let mut text = Vec::new();
    // It panics where it cannot write.
    clap_complete::generate(shell, &mut Options::command(), "bits-upload", &mut text);
    let _nobody_reads = std::io::Write::write_all(&mut std::io::stdout(), &text);
    Ok(())
}

/// The options of the configuration file, as words.
fn configured(words: &[OsString]) -> Result<Vec<OsString>, Problem> {
    let mut named = None;
    for (at, word) in words.iter().enumerate() {
        if word == "--config" {
            named = words.get(at.saturating_add(1)).cloned();
        } else if let Some(path) = word.to_str().and_then(|word| word.strip_prefix("--config=")) {
            named = Some(path.into());
        }
    }
    let Some(path) = named.or_else(|| env::var_os(VARIABLE)).map(PathBuf::from) else {
        return Ok(Vec::new());
    };
    let shown = path.display();
    let text = fs::read_to_string(&path)
        .map_err(|error| Problem::usage(format_args!("{shown} cannot be read: {error}")))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| match word(line) {
            Some(word) => Ok(word.into()),
            // Not the whole line: it may have a password in it.
            None => Err(Problem::usage(format_args!(
                "{shown}: the line of {} is no option: write 'retry-max = 2h', or 'quiet'",
                line.split_whitespace().next().unwrap_or_default()
            ))),
        })
        .collect()
}

/// The options that stand in the environment, as words. Where they may be repeated, one is in there.
fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Vec<OsString>, Problem> {
    let mut words = Vec::new();
    for option in Options::command().get_arguments() {
        let Some(name) = option.get_long().filter(|name| !NOT_IN_THE_ENVIRONMENT.contains(name)) else {
            continue;
        };
        let key = format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"));
        let Some(value) = variable(&key).filter(|value| !value.is_empty()) else { continue };
        if option.get_action().takes_values() {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            words.push(word);
        } else {
            match value.to_str() {
                Some("1" | "true" | "yes") => words.push(format!("--{name}").into()),
                Some("0" | "false" | "no") => {}
                _ => return Err(Problem::usage(format_args!("{key} in the environment: 1 or 0 is wanted"))),
            }
        }
    }
    Ok(words)
}

/// `name = value` as `--name=value`, and `name` as `--name`.
fn word(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
    let name = name.trim();
    let is_name = !name.starts_with('-') && !name.contains(char::is_whitespace);
    is_name.then(|| match value {
        Some(value) => format!("--{name}={}", value.trim()),
        None => format!("--{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_can_stand_in_the_environment() {
        let environment = [
            ("BITS_UPLOAD_RETRY_MAX", "2h"),
            ("BITS_UPLOAD_INSECURE", "1"),
            ("BITS_UPLOAD_QUIET", "0"),
            ("BITS_UPLOAD_HEADER", "X-A: b=c"),
            ("BITS_UPLOAD_USER", ""),
            ("BITS_UPLOAD_PASSWORD", "sesame"),
            ("BITS_UPLOAD_CONFIG", "file"),
        ];
        let variable = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        let mut words = from_environment(variable).unwrap();
        words.sort();
        assert_eq!(words, ["--header=X-A: b=c", "--insecure", "--retry-max=2h"]);
        let nonsense = |name: &str| (name == "BITS_UPLOAD_INSECURE").then(|| OsString::from("perhaps"));
        assert!(from_environment(nonsense).is_err());
    }

    #[test]
    fn a_line_of_a_configuration_is_an_option() {
        for (line, expected) in [
            ("retry-max = 2h", "--retry-max=2h"),
            ("insecure", "--insecure"),
            ("header = X-A: b=c", "--header=X-A: b=c"),
        ] {
            assert_eq!(word(line).as_deref(), Some(expected));
        }
        for line in ["retry-max 2h", "--retry-max=2h", "user backup:a=b", "-v"] {
            assert_eq!(word(line), None, "{line}");
        }
    }
}
