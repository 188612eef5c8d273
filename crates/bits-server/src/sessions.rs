//! `bits-server sessions`: the unfinished uploads, of a server that runs or of its state.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bits_http::storage::{Folder, Held, Records, Storage};
use bits_proto::Guid;
use bits_proto::server::Record;
use clap::{Args, Subcommand};

use crate::control::{self, Entry, Question};
use crate::options::{path_of, state_of};
use crate::users::Owner;

pub(crate) const NAME: &str = "sessions";

/// Looks at the unfinished uploads of a root, or cancels one. It asks the server that runs there, or works on the state if none
/// does.
#[derive(Clone, Debug, Args)]
pub(crate) struct Sessions {
    /// The directory where uploads are published
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// Where sessions are kept [default: DIR/.bits]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// One line for each: session, bytes received and in all, time left, user, path
    List {
        /// A JSON array instead
        #[arg(long)]
        json: bool,
    },
    /// Everything that is known of one
    Show {
        /// The session, or how its id begins: as in the list, or in the log
        session: String,
    },
    /// Delete an upload: its client is told that the session is not known
    Cancel {
        /// The session, or how its id begins: as in the list, or in the log
        session: String,
    },
}

/// Whose sessions they are.
enum Source {
    /// Those of a server that runs.
    Running,
    /// Those of a folder that no server has.
    AtRest(Folder),
}

impl Sessions {
    /// Does it, and prints what there is to say.
    pub(crate) async fn run(self) -> Result<(), String> {
        // A URL is not repeated: it may have a password in it.
        let folder = |place: PathBuf| {
            path_of("", place, "").map_err(|_| {
                "sessions in a database are not shown: --root and --state must be folders".to_owned()
            })
        };
        let (root, state) = (folder(self.root)?, self.state.map(folder).transpose()?);
        let state = state_of(&root, state.as_deref());
        let told = |error: io::Error| format!("the server cannot be asked: {error}");
        let running: Option<Vec<Entry>> = control::ask(&state, Question::Sessions).map_err(told)?;
        let (source, mut entries) = match running {
            Some(entries) => (Source::Running, entries),
            None => {
                // It would be made, and a slip in its name would not be noticed.
                if !state.is_dir() {
                    return Err(format!("{} is no state folder of a server", state.display()));
                }
                let folder =
                    Folder::builder(&root).state(&state).open().map_err(|error| error.to_string())?;
                let entries = at_rest(&folder).await?;
                (Source::AtRest(folder), entries)
            }
        };
        entries.sort_by(|one, other| (&one.path, one.session).cmp(&(&other.path, other.session)));
        match self.action {
            Action::List { json: true } => print(&serde_json::to_string_pretty(&entries).unwrap_or_default()),
            Action::List { json: false } => {
                for entry in &entries {
                    print(&line(entry));
                }
            }
            Action::Show { session } => {
                print(&serde_json::to_string_pretty(found(&entries, &session)?).unwrap_or_default());
            }
            Action::Cancel { session } => {
                let entry = found(&entries, &session)?;
                cancel(&source, &state, entry.session).await?;
                print(&format!("cancelled {}", entry.path));
            }
        }
        Ok(())
    }
}

/// What the records of a folder say.
async fn at_rest(folder: &Folder) -> Result<Vec<Entry>, String> {
    let listed = folder.list().await.map_err(|failure| failure.to_string())?;
    let mut entries = Vec::new();
    for kept in listed.kept {
        let Ok(record) = serde_json::from_slice::<Record<Owner>>(&kept.record.session) else { continue };
        // Nothing is held of those that have ended.
        let Ok(Held::Bytes(received)) = folder.held(kept.id, &[], 0).await else { continue };
        entries.push(Entry {
            session: kept.id,
            owner: record.owner().clone(),
            path: control::path(record.destination()),
            received,
            total: record.total(),
            seconds_left: record.remaining().map(|left| left.saturating_sub(kept.age).as_secs()),
        });
    }
    Ok(entries)
}

async fn cancel(source: &Source, state: &Path, id: Guid) -> Result<(), String> {
    match source {
        Source::Running => match control::ask(state, Question::Cancel(id)) {
            Ok(Some(true)) => Ok(()),
            Ok(_) => Err("it has ended meanwhile".to_owned()),
            Err(error) => Err(error.to_string()),
        },
        Source::AtRest(folder) => {
            // The bytes first: a record without bytes is a session that is lost, bytes without a record are swept away.
            folder.discard(id, 0).await.map_err(|failure| failure.to_string())?;
            folder.forget(id).await.map_err(|failure| failure.to_string())
        }
    }
}

fn found<'e>(entries: &'e [Entry], session: &str) -> Result<&'e Entry, String> {
    let wanted = session.trim_matches(['{', '}']).to_ascii_lowercase();
    let begins = |entry: &&Entry| digits(entry.session).to_ascii_lowercase().starts_with(&wanted);
    let mut found = entries.iter().filter(begins).filter(|_| !wanted.is_empty());
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(format!("no unfinished upload has a session {session:?}")),
        (Some(_), Some(_)) => Err(format!("several sessions begin with {session:?}: write more of it")),
    }
}

fn digits(id: Guid) -> String {
    id.to_string().trim_matches(['{', '}']).to_owned()
}

fn line(entry: &Entry) -> String {
    let total = entry.total.map_or_else(|| "?".to_owned(), |total| total.to_string());
    let left = entry.seconds_left.map_or_else(|| "?".to_owned(), |left| format!("{left}s"));
    let owner = if entry.owner.is_empty() { "-" } else { &entry.owner };
    let id = crate::log::shown(entry.session);
    format!("{id}\t{}/{total}\t{left}\t{owner}\t{}", entry.received, entry.path)
}

fn print(line: &str) {
    let _nobody_reads = writeln!(io::stdout(), "{line}");
}
