//! The records of sessions, as files of the state folder.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;

use super::anchor::Opened;
use super::entry::{self, Entry};
use super::upload::internal;
use super::{Durability, Folder, Shared, blocking, disk, fail_point, tree};
use crate::storage::{Failure, Keep, Kept, Listed, Record, Records};

/// The largest file of a record. A session's record is a few hundred bytes, with long names a few thousand.
const MAX_RECORD: u64 = 1024 * 1024;

/// How long the file of a record may grow. Most have three or four entries.
const LONGEST: u64 = 64 * 1024;

impl Records for Folder {
    fn keep(&self) -> Keep {
        Keep::RecordsWithoutOffset
    }

    async fn save(&self, id: Guid, record: Record) -> Result<(), Failure> {
        let shared = self.shared();
        blocking(move || shared.save(id, &record.session)).await
    }

    async fn forget(&self, id: Guid) -> Result<(), Failure> {
        let shared = self.shared();
        blocking(move || {
            let (_, state) = shared.opened()?;
            Ok(tree::remove(&state.folder, &format!("{id}.json"))?)
        })
        .await
    }

    async fn list(&self) -> Result<Listed, Failure> {
        let shared = self.shared();
        blocking(move || shared.list()).await
    }
}

impl Shared {
    /// The record that was saved before stays until this one is whole.
    pub(super) fn save(&self, id: Guid, record: &[u8]) -> Result<(), Failure> {
        let (_, state) = self.opened()?;
        let (name, entry) = (format!("{id}.json"), entry::of(record));
        let saved = match open(&state.folder, &name) {
            Ok(None) => self.begin(&state, id, &name, &entry),
            Ok(Some((file, length))) if length + entry.len() as u64 <= LONGEST => {
                self.append(&state, id, &file, length, &entry)
            }
            Ok(Some(_)) => self.replace(&state, id, &name, &entry),
            Err(error) => Err(error),
        };
        saved.or_else(|error| match Failure::from(io::Error::from(error.kind())).refusal() {
            Refusal::DiskFull => {
                self.spare.replace(&state.folder, &name, &entry).map_err(|_| Failure::from(error))
            }
            _ => Err(internal(&error)),
        })
    }

    /// The record of a Create is not made to last: nothing is lost with a session of which no Fragment was acknowledged, since its client
    /// begins anew. So a Create syncs nothing, and whatever is saved next makes all of it last.
    fn begin(&self, state: &Opened, id: Guid, name: &str, entry: &[u8]) -> io::Result<()> {
        let file = disk::create(&state.folder, name, OFlags::EXCL, Mode::RUSR | Mode::WUSR)?;
        let begun = disk::write(&file, entry, 0).1.and_then(|()| {
            fail_point::reach("the record is begun");
            // Somebody has deleted it.
            if self.lasting.is_settled(id) { self.make_last(state, id, &file) } else { Ok(()) }
        });
        begun.inspect_err(|_| {
            let _it_takes_room = tree::remove(&state.folder, name);
        })
    }

    fn append(&self, state: &Opened, id: Guid, file: &File, length: u64, entry: &[u8]) -> io::Result<()> {
        let appended = disk::write(file, entry, length).1.and_then(|()| {
            fail_point::reach("the record is appended");
            self.make_last(state, id, file)
        });
        fail_point::reach("the record lasts");
        appended.inspect_err(|_| {
            let _next_to_nothing = disk::cut(file, length);
        })
    }

    /// Writes a file aside, for one that has grown long.
    fn replace(&self, state: &Opened, id: Guid, name: &str, entry: &[u8]) -> io::Result<()> {
        let new = format!("{id}.new");
        let file = disk::create(&state.folder, &new, OFlags::TRUNC, Mode::RUSR | Mode::WUSR)?;
        let replaced = disk::write(&file, entry, 0).1.and_then(|()| {
            self.make_last(state, id, &file)?;
            fail_point::reach("the new record is written");
            disk::rename(&state.folder, &new, &state.folder, name)?;
            fail_point::reach("the record is replaced");
            self.sync(&state.folder)
        });
        replaced.inspect_err(|_| {
            let _it_takes_room = tree::remove(&state.folder, &new);
        })
    }

    /// Makes a record last, and that it is found.
    fn make_last(&self, state: &Opened, id: Guid, record: &File) -> io::Result<()> {
        if self.durability == Durability::Never {
            return Ok(());
        }
        disk::sync_data(record)?;
        self.settle(state, id)
    }

    fn list(&self) -> Result<Listed, Failure> {
        let (_, state) = self.opened()?;
        let mut listed = Listed::default();
        for entry in fs::Dir::read_from(&state.folder).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((id, "json")) = parse_name(&name) else { continue };
            match read(&state.folder, &name) {
                Ok(Some((session, age))) => {
                    listed.kept.push(Kept { id, record: Record { session, place: Vec::new() }, age });
                }
                // The sweep deletes it.
                Ok(None) => {}
                Err(error) => listed.unreadable.push((id, error.to_string())),
            }
        }
        if !listed.kept.is_empty() && self.durability != Durability::Never {
            // An earlier process may have died before it synced what is read here.
            self.lasting.sync_all(&state.folder)?;
        }
        Ok(listed)
    }

    /// Whether the file of a record holds nothing that was ever acknowledged.
    pub(super) fn never_was(&self, state: &Opened, name: &str) -> bool {
        matches!(read(&state.folder, name), Ok(None))
    }
}

/// Opens the file of a record for appending. Returns its length, too.
fn open(state: impl AsFd, name: &str) -> io::Result<Option<(File, u64)>> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match fs::openat(state, name, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            let found = file.metadata()?;
            if found.is_file() { Ok(Some((file, found.len()))) } else { Err(no_file()) }
        }
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => Err(no_file()),
        Err(error) => Err(error.into()),
    }
}

fn no_file() -> io::Error {
    io::Error::other("it is no plain file")
}

/// Reads a record. `None`: it never came to the disk.
fn read(state: impl AsFd, name: &str) -> io::Result<Option<(Vec<u8>, Duration)>> {
    // A pipe does not keep the server, nor does a link lead anywhere.
    let file = tree::read(state, name).map_err(|_| no_file())?;
    // A clock that was set back must not keep anything for ever; the table knows what to do with one that is fast.
    let found = file.metadata()?;
    let age = found.modified()?.elapsed().unwrap_or_default();
    // With room for one more, so that the end is seen without another buffer.
    let length = usize::try_from(found.len().min(MAX_RECORD)).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_RECORD {
        return Err(io::Error::other("it is too long for a record"));
    }
    match entry::last(&bytes) {
        Entry::Sound(record) => Ok(Some((record.to_vec(), age))),
        Entry::NeverWhole => Ok(None),
        Entry::Damaged => {
            Err(io::Error::other("it is damaged: no record in it has the sum that it should have"))
        }
    }
}

/// Reads the name of a file of the state folder: whose it is, and what. Other names are not ours.
pub(super) fn parse_name(name: &str) -> Option<(Guid, &str)> {
    let (id, kind) = name.rsplit_once('.')?;
    let ours = ["json", "place", "gone", "reply", "new"].contains(&kind);
    ours.then(|| id.parse().ok()).flatten().map(|id| (id, kind))
}
