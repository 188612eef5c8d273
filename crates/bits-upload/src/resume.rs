//! The states of `--resume`: a place of the user's, by file and address, and the subcommand that shows it.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use bits_http::client::{State, StateError, StateFile};
use http::Uri;
use serde_json::{Value, json};

use crate::job::whole;
use crate::printer::Printer;
use crate::problem::Problem;
use crate::sha256;

const USAGE: &str = "\
bits-upload jobs                      lists the uploads that --resume keeps
bits-upload jobs resume ID [OPTIONS]  goes on with one of them, or with 'all'
bits-upload jobs remove ID            forgets one of them, or 'all': the server deletes it at its timeout";

/// The state of this file's upload to this address, without its query: a token in there may be renewed.
pub(crate) fn place(file: &Path, url: &Uri) -> Result<PathBuf, Problem> {
    let folder = folder()?;
    make(&folder)?;
    let file = whole(file);
    let address = url.to_string();
    let address = address.split('?').next().unwrap_or_default();
    let id = sha256::of_bytes(format!("{}\0{address}", file.display()).as_bytes());
    let id = id.get(..16).unwrap_or(&id);
    let about = json!({ "file": file.to_str(), "url": url.to_string() });
    let note = folder.join(format!("{id}.job"));
    write_private(&note, about.to_string().as_bytes())
        .map_err(|error| Problem::failed(format_args!("{} cannot be written: {error}", note.display())))?;
    Ok(folder.join(format!("{id}.state")))
}

/// The upload is over: nothing is left of it.
pub(crate) fn forget(state: &Path) {
    if !state.exists() {
        let _was_none = fs::remove_file(state.with_extension("job"));
    }
}

fn folder() -> Result<PathBuf, Problem> {
    let of = |variable| env::var_os(variable).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let place = if cfg!(windows) {
        of("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        of("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        of("XDG_STATE_HOME").or_else(|| of("HOME").map(|home| home.join(".local/state")))
    };
    let place =
        place.ok_or_else(|| Problem::usage("there is no place for --resume: name a file by --state"))?;
    Ok(place.join("bits-upload"))
}

/// A folder for this user alone: who reads a state can write into the session.
fn make(folder: &Path) -> Result<(), Problem> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Problem::failed(format_args!("{} cannot be made: {error}", folder.display())))
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let _was_none = fs::remove_file(path);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, bytes)
}

/// An upload that is kept.
struct Kept {
    id: String,
    state: PathBuf,
    file: String,
    url: String,
}

impl Kept {
    fn all() -> Result<Vec<Self>, Problem> {
        let Ok(entries) = fs::read_dir(folder()?) else { return Ok(Vec::new()) };
        let notes = entries.flatten().map(|entry| entry.path());
        let mut all: Vec<_> =
            notes.filter(|path| path.extension() == Some(OsStr::new("job"))).filter_map(Self::read).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    fn read(note: PathBuf) -> Option<Self> {
        let about: Value = serde_json::from_slice(&fs::read(&note).ok()?).ok()?;
        let text = |name: &str| about.get(name)?.as_str().map(str::to_owned);
        let id = note.file_stem()?.to_str()?.to_owned();
        Some(Self { id, state: note.with_extension("state"), file: text("file")?, url: text("url")? })
    }

    /// How far it is, as far as the state tells.
    fn progress(&self) -> Option<String> {
        let state: Value = serde_json::from_slice(&fs::read(&self.state).ok()?).ok()?;
        let upload = state.get("upload")?;
        let total = upload.get("entity")?.get("size")?.as_u64()?;
        match upload.get("offset").and_then(Value::as_u64) {
            Some(offset) => Some(format!("{offset} of {total} bytes")),
            None => Some(format!("{total} bytes")),
        }
    }
}

/// What `bits-upload jobs` asks for. Returns the words of a command line that goes on with each.
pub(crate) fn command(words: &[OsString], printer: &Printer) -> Result<Vec<Vec<OsString>>, Problem> {
    let word = |at: usize| words.get(at).and_then(|word| word.to_str()).unwrap_or_default();
    let chosen = || -> Result<Vec<Kept>, Problem> {
        let mut all = Kept::all()?;
        all.retain(|kept| word(1) == "all" || kept.id == word(1));
        match all.is_empty() && word(1) != "all" {
            true => Err(Problem::usage("there is no such upload: 'bits-upload jobs' lists them")),
            false => Ok(all),
        }
    };
    match (word(0), words.len()) {
        ("", 0) => {
            for kept in Kept::all()? {
                let progress = kept.progress().unwrap_or_else(|| "not begun".to_owned());
                let address = kept.url.split('?').next().unwrap_or_default();
                printer.print(format!("{}  {} -> {address}, {progress}", kept.id, kept.file));
            }
            Ok(Vec::new())
        }
        ("resume", 2..) => {
            let more = words.get(2..).unwrap_or_default();
            let line = |kept: Kept| {
                let mut line: Vec<OsString> = vec!["bits-upload".into(), "--resume".into()];
                line.extend(more.iter().cloned());
                line.extend(["--".into(), kept.file.into(), kept.url.into()]);
                line
            };
            Ok(chosen()?.into_iter().map(line).collect())
        }
        ("remove", 2) => {
            let mut running = None;
            for kept in chosen()? {
                match StateFile::open(&kept.state) {
                    Ok(mut state) => state.remove(),
                    // Its run would go on, and leave a state that nobody finds.
                    Err(StateError::InUse) => {
                        running = Some(kept);
                        continue;
                    }
                    Err(_) => drop(fs::remove_file(&kept.state)),
                }
                forget(&kept.state);
                printer.print(format!("{}  {} is forgotten", kept.id, kept.file));
            }
            running.map_or(Ok(Vec::new()), |kept| {
                Err(Problem::failed(format_args!(
                    "{} ({}) is under way and is not forgotten: stop its run first",
                    kept.file, kept.id
                )))
            })
        }
        ("--help" | "-h" | "help", _) => {
            printer.print(USAGE.to_owned());
            Ok(Vec::new())
        }
        _ => Err(Problem::usage("jobs, jobs resume ID, or jobs remove ID is wanted")),
    }
}
