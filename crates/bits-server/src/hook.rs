//! `--on-upload`: a command that is run for every file that was published.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bits_http::server::Upload;
use bits_proto::header::CONTENT_NAME;
use http::request::Parts;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, Command};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::listen;
use crate::options::VARIABLES;
use crate::root::Root;
use crate::users::Owner;

/// How many commands run at a time.
const AT_ONCE: usize = 4;

/// How many files wait for their command at most.
const WAITING: usize = 10_000;

/// How long a command may take.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How much of what a command says is logged.
const MOST_LINES: usize = 100;
const LONGEST_LINE: u64 = 1024;

/// Hands files to the command.
#[derive(Clone, Debug)]
pub(crate) struct Hook(mpsc::Sender<Published>);

/// What the command is told.
#[derive(Debug)]
struct Published {
    destination: String,
    size: u64,
    user: String,
    client: String,
    content_name: OsString,
}

impl Hook {
    /// Runs commands from now on.
    pub(crate) fn new(command: OsString, root: Root) -> Self {
        let (sender, files) = mpsc::channel(WAITING);
        tokio::spawn(work(command, root, files));
        Self(sender)
    }

    /// A file was published.
    pub(crate) fn published(&self, head: &Parts, upload: &Upload<Owner>) {
        let name = head.headers.get(CONTENT_NAME).map(|name| name.as_bytes().to_vec());
        let published = Published {
            destination: upload.path().to_owned(),
            size: upload.total.unwrap_or_default(),
            user: upload.owner.clone(),
            client: listen::client(head).map(|client| client.to_string()).unwrap_or_default(),
            // Whatever the client says, and in whichever encoding.
            content_name: OsString::from_vec(name.unwrap_or_default()),
        };
        if let Err(error) = self.0.try_send(published) {
            tracing::error!(path = upload.path(), %error, "the command for an upload is not run");
        }
    }
}

async fn work(command: OsString, root: Root, mut files: mpsc::Receiver<Published>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Some(published) = files.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (command, root) = (command.clone(), root.clone());
        tokio::spawn(async move {
            let _until_it_has_ended = place;
            let path = published.destination.clone();
            if let Err(error) = run(command, &root, published).await {
                tracing::error!(path, error, "the command for an upload failed");
            }
        });
    }
}

async fn run(command: OsString, root: &Root, published: Published) -> Result<(), String> {
    let destination = published.destination.clone();
    let path = root.path(&published.destination);
    // A file that somebody took away already has none.
    let sha256 = root.sha256(&published.destination).await.unwrap_or_default();
    let mut shell = Command::new("/bin/sh");
    // What is the server's alone: a password, say, or the way to tell systemd that it is ready.
    let own = |name: &OsString| {
        let name = name.to_string_lossy();
        name.starts_with(VARIABLES) || name.starts_with("LISTEN_") || name == "NOTIFY_SOCKET"
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| own(name)) {
        shell.env_remove(name);
    }
    shell
        .arg("-c")
        .arg(command)
        .env("BITS_PATH", path)
        .env("BITS_SIZE", published.size.to_string())
        .env("BITS_USER", published.user)
        .env("BITS_CLIENT", published.client)
        .env("BITS_CONTENT_NAME", published.content_name)
        .env("BITS_SHA256", sha256);
    execute(shell, destination, LONGEST).await
}

async fn execute(mut shell: Command, path: String, longest: Duration) -> Result<(), String> {
    let mut child = shell
        .stdin(Stdio::null())
        // The one line of standard output is the server's.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // It may start others, which end with it if it takes too long.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    if let Some(stderr) = child.stderr.take() {
        // Somebody whom it started may say something after its end.
        tokio::spawn(log(path, stderr));
    }
    let ended = timeout(longest, child.wait()).await;
    if ended.is_ok() {
        // What goes on without it may do so.
        group.0 = None;
    }
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it takes too long, and is ended".to_owned()),
    }
}

/// A command and all that it started, which end when nobody waits for it any more.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        let _ended_already = self.0.map(|group| kill_process_group(group, Signal::KILL));
    }
}

/// Logs what a command says, as far as anybody would read that. The rest is read as well, because a full pipe would stop the command.
async fn log(path: String, stderr: ChildStderr) {
    let (mut stderr, mut lines) = (BufReader::new(stderr), 0);
    loop {
        let mut line = Vec::new();
        match (&mut stderr).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(1..) if lines < MOST_LINES => {
                lines += 1;
                let said = String::from_utf8_lossy(&line);
                tracing::info!(path, said = said.trim_end(), "the command for an upload says");
            }
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_takes_too_long_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("number");
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(format!("sleep 1000 & echo $! > {}; wait", number.display()));
        let ended = execute(shell, "/a".to_owned(), Duration::from_secs(2)).await.unwrap_err();
        assert!(ended.contains("too long"), "{ended}");
        let number = std::fs::read_to_string(&number).unwrap();
        let stat = std::path::PathBuf::from(format!("/proc/{}/stat", number.trim()));
        // It may be a zombie for a while.
        let is_alive = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..100 {
            if !is_alive() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} is alive", number.trim());
    }
}
