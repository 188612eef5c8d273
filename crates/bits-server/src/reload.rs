//! Reads certificate, key and users again at `SIGHUP`, and warns an operator of what is wrong with them.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bits_http::storage::Folder;
use tokio::signal::unix::Signal;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval_at};

use crate::check;
use crate::options::Options;
use crate::tls::Tls;
use crate::user_dirs;
use crate::users::{self, Users};

/// How often it is looked whether the certificate expires.
const EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What can be read again.
pub(crate) struct Reloaded {
    pub(crate) options: Options,
    pub(crate) tls: Option<Tls>,
    pub(crate) users: Arc<Users>,
    pub(crate) folder: Option<Folder>,
}

impl Reloaded {
    /// Warns at the start, after each reload, and once a day.
    pub(crate) async fn watch(self, mut hang_up: Signal) {
        let mut days = interval_at(Instant::now() + EVERY, EVERY);
        let this = Arc::new(self);
        let mut reloads = false;
        loop {
            let again = Arc::clone(&this);
            aside(move || again.look(reloads)).await;
            tokio::select! {
                told = hang_up.recv() => match told {
                    Some(()) => reloads = true,
                    None => return,
                },
                _ = days.tick() => reloads = false,
            }
        }
    }

    fn look(&self, reloads: bool) {
        if reloads {
            self.reload();
        }
        for warning in check::warnings(&self.options, self.tls.as_ref()) {
            tracing::warn!("{warning}");
        }
    }

    /// What cannot be used stays as it was.
    fn reload(&self) {
        if let (Some(tls), Some(files)) = (&self.tls, &self.options.network.tls()) {
            told("the certificate", tls.reload(files).map_err(|error| error.to_string()));
        }
        if let Some(path) = &self.options.people.users_file {
            let read = users::read(path).map_err(|error| error.to_string());
            let all =
                read.map(|more| self.options.people.users.iter().cloned().chain(more).collect::<Vec<_>>());
            told("the users", all.and_then(|all| self.replace(all)));
        }
    }

    fn replace(&self, all: Vec<users::User>) -> Result<(), String> {
        if let Some(folder) = self.folder.as_ref().filter(|_| self.options.people.user_dirs) {
            user_dirs::make(folder, &Users::new(all.clone())?.names())?;
        }
        self.users.replace(all)
    }
}

/// Works with files in a thread of its own: if they are on a disk that hangs, no other work waits for that.
async fn aside(work: impl FnOnce() + Send + 'static) {
    let (done, ended) = oneshot::channel::<()>();
    let thread = thread::Builder::new().name("reload".to_owned()).spawn(move || {
        work();
        drop(done);
    });
    match thread {
        // It ends with an error, because nothing is ever sent.
        Ok(_) => drop(ended.await),
        Err(error) => tracing::error!(%error, "nothing was read again"),
    }
}

fn told(what: &str, reloaded: Result<(), String>) {
    match reloaded {
        Ok(()) => tracing::info!("{what} were read again"),
        Err(error) => tracing::error!(error, "{what} could not be read again: what was read before is used"),
    }
}
