//! Options: the people who may upload and read.

use std::path::PathBuf;

use clap::Args;

use super::values;
use crate::users::User;

#[derive(Clone, Debug, Args)]
pub(crate) struct People {
    /// Who may upload, by Basic authentication; can be repeated. Use it with TLS alone, and where nobody else can list
    /// processes
    #[arg(long = "user", value_name = "NAME:PASSWORD")]
    pub(crate) users: Vec<User>,
    /// The same from a file, NAME:PASSWORD a line, or what htpasswd writes; empty lines and those that begin with # do not count
    #[arg(long, value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,
    /// Give each user a folder of the root, by the name of the user, which is made if it is missing: it is all that the
    /// user can write, and all that the user can read with --serve
    #[arg(long)]
    pub(crate) user_dirs: bool,
    /// The quota of one user, instead of --quota; can be repeated
    #[arg(long = "user-quota", value_name = "NAME=SIZE", value_parser = values::named_size, requires = "user_dirs")]
    pub(crate) user_quotas: Vec<(String, u64)>,
    /// Serve the published files, too, by GET and HEAD with ranges
    #[arg(long)]
    pub(crate) serve: bool,
    /// Let only this user read, and others that are named so; can be repeated [default: every user]
    #[arg(long = "reader", value_name = "NAME", requires = "serve")]
    readers: Vec<String>,
}

impl People {
    /// The names of users that options have, with the option.
    pub(crate) fn mentioned(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let quotas = self.user_quotas.iter().map(|(name, _)| ("--user-quota", name.as_str()));
        quotas.chain(self.readers.iter().map(|name| ("--reader", name.as_str())))
    }

    /// Whether there are any.
    pub(crate) fn are_named(&self) -> bool {
        !self.users.is_empty() || self.users_file.is_some()
    }

    /// Whether a user has the right to read.
    pub(crate) fn may_read(&self, user: &str) -> bool {
        self.readers.is_empty() || self.readers.iter().any(|reader| reader == user)
    }

    /// What a user's folder may hold.
    pub(crate) fn quota(&self, user: &str) -> Option<u64> {
        self.user_quotas.iter().find(|(name, _)| name == user).map(|(_, quota)| *quota)
    }
}
