//! The user who uploads: a name, and a password that need not stand on the command line.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use crate::problem::Problem;

/// Where the password is if nothing else says so.
pub(crate) const VARIABLE: &str = "BITS_UPLOAD_PASSWORD";

/// `NAME:PASSWORD`, or `NAME` alone.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    password: Option<String>,
}

impl User {
    pub(crate) fn new(name: &str, password: &str) -> Self {
        Self { name: name.to_owned(), password: Some(password.to_owned()) }
    }

    /// The password; empty if there is none.
    pub(crate) fn password(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }

    /// With the password of this file, or of the environment, where the command line has none.
    pub(crate) fn with_password(mut self, file: Option<&Path>) -> Result<Self, Problem> {
        match (&self.password, file) {
            (Some(_), None) => {}
            (Some(_), Some(_)) => {
                return Err(Problem::usage(
                    "--user has a password already: leave it out, or --password-file",
                ));
            }
            (None, Some(path)) => self.password = Some(first_line(path)?),
            (None, None) => self.password = env::var(VARIABLE).ok().filter(|password| !password.is_empty()),
        }
        if self.password.is_some() {
            return Ok(self);
        }
        Err(Problem::usage(format_args!(
            "the password of {} is missing: name a file that has it by --password-file, or put it into {VARIABLE}",
            self.name
        )))
    }

    /// As the server wants them, if there is a password.
    pub(crate) fn credentials(&self) -> String {
        format!("{}:{}", self.name, self.password())
    }
}

fn first_line(path: &Path) -> Result<String, Problem> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| Problem::failed(format_args!("{shown} cannot be read: {error}")))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(Problem::failed(format_args!("{shown} has no password in its first line"))),
    }
}

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, password)) => Ok(Self { name: name.to_owned(), password: Some(password.to_owned()) }),
            None if text.is_empty() => Err("a name is wanted"),
            None => Ok(Self { name: text.to_owned(), password: None }),
        }
    }
}

/// Never the password: it must not get into a log.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}
