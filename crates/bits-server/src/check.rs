//! `--check-config`: everything that would keep the server from starting, said at once, beside a server that runs.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, FlockOperation, accessat, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use tokio::net::lookup_host;

use crate::application;
use crate::control::{self, Question};
use crate::listeners::{self, Place};
use crate::options::Options;
use crate::root::Root;
use crate::tls::{Tls, readable_by_others};
use crate::user_dirs;
use crate::users::{self, Users};

/// What is wrong, and what should be looked at.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Findings {
    fn note<T>(&mut self, found: Result<T, impl ToString>) -> Option<T> {
        found.map_err(|error| self.errors.push(error.to_string())).ok()
    }
}

/// Looks at everything that the options name. Nothing is made or changed.
pub(crate) async fn check(options: &Options) -> Findings {
    let mut found = Findings::default();
    // A server that runs has its folders and addresses, and gives them up when it is restarted.
    let asks = options.bucket().is_none() && options.database().is_none();
    let asked =
        asks.then(|| control::ask::<Vec<String>>(&options.state(), Question::Listening).ok().flatten());
    let running = asked.flatten();
    match options.bucket() {
        Some(_) => bucket(options, &mut found).await,
        None => folders(options, running.is_some(), &mut found),
    }
    #[cfg(feature = "postgres")]
    if let Some(url) = options.database() {
        found.note(crate::database::check(url).await);
    }
    certificates(options, &mut found);
    people(options, &mut found);
    if options.notifies() {
        found.note(application::client(options.notification_ca.as_deref(), options.notifies_with_tls()));
    }
    let mut places = options.network.listen(false);
    places.extend(options.network.metrics.clone());
    let (mut seen, mut held) = (Vec::new(), Vec::new());
    for place in places {
        if matches!(place, Place::Path(_)) && seen.contains(&place) {
            found.errors.push(format!("{place} is there twice"));
        } else if !has(&running, &place).await {
            // Kept until all are: two of them may be in each other's way.
            held.extend(found.note(listeners::try_out(&place).await));
        }
        seen.push(place);
    }
    found
}

/// What is wrong with the files that others should not read.
pub(crate) fn warnings(options: &Options, tls: Option<&Tls>) -> Vec<String> {
    let key = options.network.tls().map(|files| files.key);
    let secrets = key.iter().chain(&options.people.users_file);
    let mut warnings: Vec<_> = secrets.filter_map(|path| readable_by_others(path)).collect();
    warnings.extend(tls.and_then(Tls::warning));
    warnings
}

async fn bucket(options: &Options, found: &mut Findings) {
    let Some(root) = found.note(Root::open(options)) else { return };
    let shown = options.root.display();
    found.note(root.free().await.map_err(|why| format!("{shown} cannot be used: {why}")));
}

fn folders(options: &Options, running: bool, found: &mut Findings) {
    let state = options.state();
    // Sessions in a database have no folder.
    let alone = options.database().is_none();
    // What is not there yet is made by the server; here it would be made as another user, perhaps.
    if alone && state.exists() && !running {
        found.note(options.folder().open());
        return;
    }
    match fs::metadata(&options.root) {
        Err(error) => {
            found.errors.push(format!("{} cannot be used: {error}", options.root.display()));
            return;
        }
        Ok(root) if !root.is_dir() => {
            found
                .errors
                .push(format!("{} cannot be used: the root must be a folder", options.root.display()));
            return;
        }
        Ok(_) => {}
    }
    found.note(writable(&options.root));
    if !running {
        found.note(is_free(&options.root, alone));
    }
    if !alone {
        return;
    }
    match fs::symlink_metadata(&state) {
        Ok(state) if state.uid() == geteuid().as_raw() && state.is_dir() && state.mode() & 0o077 == 0 => {}
        Ok(_) => found.errors.push(format!(
            "{} cannot be used: it must be a folder of the server's user, and closed to others",
            state.display()
        )),
        Err(_) => {
            let parents = state.ancestors().skip(1).map(|parent| match parent.as_os_str().is_empty() {
                true => Path::new("."),
                false => parent,
            });
            if let Some(parent) = parents.into_iter().find(|parent| parent.exists()) {
                found.note(writable(parent));
            }
        }
    }
}

/// Whether no other server uses a folder, or none that does not share it.
fn is_free(folder: &Path, alone: bool) -> io::Result<()> {
    let lock =
        if alone { FlockOperation::NonBlockingLockExclusive } else { FlockOperation::NonBlockingLockShared };
    let unusable =
        |why: &dyn Display| io::Error::other(format!("{} cannot be used: {why}", folder.display()));
    // The file is closed at once, and the lock goes with it.
    match flock(File::open(folder).map_err(|error| unusable(&error))?, lock) {
        Err(Errno::WOULDBLOCK) => Err(unusable(&"another server uses this folder")),
        // Some network file systems lock no folders.
        _ => Ok(()),
    }
}

/// Whether something can be made in a folder.
pub(crate) fn writable(folder: &Path) -> io::Result<()> {
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|error| io::Error::other(format!("{} cannot be written into: {error}", folder.display())))
}

fn certificates(options: &Options, found: &mut Findings) {
    let tls = options.network.tls().and_then(|files| found.note(Tls::open(&files)));
    found.warnings.extend(warnings(options, tls.as_ref()));
}

fn people(options: &Options, found: &mut Findings) {
    let mut all = options.people.users.clone();
    if let Some(path) = &options.people.users_file {
        all.extend(found.note(users::read(path)).unwrap_or_default());
    }
    let Some(users) = found.note(Users::new(all)) else { return };
    let names = users.names();
    if options.people.user_dirs {
        found.note(user_dirs::check(&names));
        if options.bucket().is_none() {
            found.note(user_dirs::check_places(&options.root, &names));
        }
    }
    // They may come with a reload.
    let strangers = options.people.mentioned().filter(|(_, name)| !names.iter().any(|user| user == name));
    found.warnings.extend(strangers.map(|(option, name)| format!("{option} {name}: there is no such user")));
}

/// Whether a server that runs listens there, or at the same port.
async fn has(running: &Option<Vec<String>>, place: &Place) -> bool {
    let Some(running) = running else { return false };
    match place {
        Place::Path(_) => running.contains(&place.to_string()),
        Place::Address(name) => {
            let Ok(addresses) = lookup_host(name).await else { return false };
            let ports: Vec<_> = addresses.map(|address| format!(":{}", address.port())).collect();
            running.iter().any(|url| ports.iter().any(|port| url.ends_with(port)))
        }
    }
}
