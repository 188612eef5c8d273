//! The control socket of a server that runs: a line asks, and JSON answers.
//!
//! It is in the state folder, which is the server's user's alone, and is reached by a descriptor of that folder: so nobody can put another
//! one in its place, and a long path is no hindrance.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bits_http::storage::Folder;
use bits_http::tasks::Tasks;
use bits_proto::Guid;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, chmodat, fstat, open, statat, unlinkat};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

use crate::users::Owner;

const NAME: &str = "control";

/// The longest line that asks.
const MAX_LINE: u64 = 256;

/// The longest answer: hundreds of thousands of sessions.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;

/// How long asking and answering may take.
const LONGEST: Duration = Duration::from_secs(10);

/// What can be asked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Question {
    /// All sessions that are open.
    Sessions,
    /// Give up a session.
    Cancel(Guid),
    /// Where the server listens.
    Listening,
}

/// An unfinished upload, as administrators are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) session: Guid,
    pub(crate) owner: Owner,
    pub(crate) path: String,
    pub(crate) received: u64,
    pub(crate) total: Option<u64>,
    /// How long it may still rest until it is deleted.
    pub(crate) seconds_left: Option<u64>,
}

/// The other end of the socket.
pub(crate) struct Control {
    listener: UnixListener,
    state: OwnedFd,
    tasks: Tasks<Owner>,
    listening: Vec<String>,
}

impl Control {
    /// Listens in the state folder.
    pub(crate) fn open(folder: &Folder, tasks: Tasks<Owner>, listening: Vec<String>) -> io::Result<Self> {
        let state = folder.state()?;
        // The state is locked: whoever listened there has ended.
        if let Ok(found) = statat(&state, NAME, AtFlags::SYMLINK_NOFOLLOW) {
            if FileType::from_raw_mode(found.st_mode) != FileType::Socket {
                return Err(io::Error::other("something else has the name control in the state folder"));
            }
            unlinkat(&state, NAME, AtFlags::empty())?;
        }
        let listener = UnixListener::bind(within(&state))?;
        chmodat(&state, NAME, Mode::RUSR | Mode::WUSR, AtFlags::empty())?;
        Ok(Self { listener, state, tasks, listening })
    }

    pub(crate) async fn serve(self) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let _in_time_or_not = timeout(LONGEST, self.answer(stream)).await;
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let (input, mut output) = stream.into_split();
        let mut line = String::new();
        BufReader::new(input.take(MAX_LINE)).read_line(&mut line).await?;
        let answer = match serde_json::from_str(&line) {
            Ok(Question::Sessions) => serde_json::to_vec(&self.sessions()),
            Ok(Question::Cancel(id)) => {
                let open = self.tasks.with(|sessions| sessions.evict(Instant::now(), id));
                tracing::info!(session = %crate::log::shown(id), open, "an administrator cancels a session");
                serde_json::to_vec(&open)
            }
            Ok(Question::Listening) => serde_json::to_vec(&self.listening),
            Err(error) => return Err(error.into()),
        };
        output.write_all(&answer?).await
    }

    fn sessions(&self) -> Vec<Entry> {
        self.tasks.with(|sessions| {
            let entry = |session: &bits_proto::server::Session<Owner>| Entry {
                session: session.id(),
                owner: session.owner().clone(),
                path: path(session.destination()),
                received: session.received(),
                total: session.total(),
                seconds_left: session
                    .deadline()
                    .map(|deadline| deadline.saturating_duration_since(Instant::now()).as_secs()),
            };
            sessions.iter().map(entry).collect()
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _gone_already = unlinkat(&self.state, NAME, AtFlags::empty());
    }
}

/// The query of a destination may be a secret.
pub(crate) fn path(destination: &str) -> String {
    destination.split('?').next().unwrap_or_default().to_owned()
}

fn within(state: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}/{NAME}", state.as_raw_fd()).into()
}

/// Asks the server that has this state folder. `Ok(None)`: none runs.
pub(crate) fn ask<T: for<'j> Deserialize<'j>>(state: &Path, question: Question) -> io::Result<Option<T>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let state = match open(state, flags, Mode::empty()) {
        Ok(state) => state,
        Err(rustix::io::Errno::NOENT) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Whoever may write into the root could put a folder of his own there.
    let (owner, user) = (fstat(&state)?.st_uid, geteuid());
    if owner != user.as_raw() && !user.is_root() {
        return Err(io::Error::other(format!(
            "the state folder belongs to the user {owner}: ask as that one"
        )));
    }
    let mut connection = match Connection::connect(within(&state)) {
        Ok(connection) => connection,
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&error.kind()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    connection.set_read_timeout(Some(LONGEST))?;
    connection.set_write_timeout(Some(LONGEST))?;
    writeln!(connection, "{}", serde_json::to_string(&question)?)?;
    let mut answer = Vec::new();
    connection.take(MAX_ANSWER).read_to_end(&mut answer)?;
    Ok(Some(serde_json::from_slice(&answer)?))
}
