//! `--on-upload`: a command that is run for every file that was published.

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bits_http::server::Upload;
use http::request::Parts;
use tokio::process::Command;
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
    content_name: String,
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
        let name = head.headers.get("BITS-Content-Name").and_then(|name| name.to_str().ok());
        let published = Published {
            destination: upload.path().to_owned(),
            size: upload.total.unwrap_or_default(),
            user: upload.owner.clone(),
            client: listen::client(head).map(|client| client.to_string()).unwrap_or_default(),
            content_name: name.unwrap_or_default().to_owned(),
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
    let mut child = shell
        .arg("-c")
        .arg(command)
        .env("BITS_PATH", path)
        .env("BITS_SIZE", published.size.to_string())
        .env("BITS_USER", published.user)
        .env("BITS_CLIENT", published.client)
        .env("BITS_CONTENT_NAME", published.content_name)
        .env("BITS_SHA256", sha256)
        .stdin(Stdio::null())
        // The one line of standard output is the server's.
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    match timeout(LONGEST, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(status.to_string()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("it takes too long, and is ended".to_owned()),
    }
}
