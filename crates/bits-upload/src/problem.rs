//! Why the program ends without having done its work.

use std::fmt;
use std::process::ExitCode;

/// One line for a person that says what to do, and the exit status that a script looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
    Resumable,
    Interrupted,
    Unconfirmed,
}

impl Problem {
    /// The same command, run again, would fail again.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Failed, message: one_line(message) }
    }

    /// The command makes no sense.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Usage, message: one_line(message) }
    }

    /// The same command, run again, goes on.
    pub(crate) fn resumable(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Resumable, message: one_line(message) }
    }

    /// The same command, run again, goes on: a signal ended this run.
    pub(crate) fn interrupted(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Interrupted, message: one_line(message) }
    }

    /// Whether the user wants an end.
    pub(crate) fn is_interruption(&self) -> bool {
        self.kind == Kind::Interrupted
    }

    /// All was sent, and nobody knows whether the server published it.
    pub(crate) fn unconfirmed(message: impl fmt::Display) -> Self {
        Self { kind: Kind::Unconfirmed, message: one_line(message) }
    }

    /// The same status, with other words.
    pub(crate) fn summed_up(self, message: impl fmt::Display) -> Self {
        Self { message: one_line(message), ..self }
    }

    /// How bad it is, beside other files: the worst counts.
    pub(crate) const fn severity(&self) -> u8 {
        match self.kind {
            Kind::Unconfirmed => 1,
            Kind::Resumable | Kind::Interrupted => 2,
            Kind::Failed => 3,
            Kind::Usage => 4,
        }
    }

    pub(crate) const fn status(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
            Kind::Resumable | Kind::Interrupted => 3,
            Kind::Unconfirmed => 4,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.status())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Whatever a library or a server put into it.
fn one_line(message: impl fmt::Display) -> String {
    message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
