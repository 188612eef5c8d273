//! The records of sessions, as files of the state folder.

use std::io::{self, Read};
use std::os::fd::AsFd;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use rustix::fs::{self, Mode, OFlags};

use super::upload::internal;
use super::{Durability, Folder, Shared, blocking, disk, fail_point, parse_name, tree};
use crate::storage::{Failure, Keep, Kept, Listed, Record, Records};

/// The largest record. A session's is a few hundred bytes, with long names a few thousand.
const MAX_RECORD: u64 = 1024 * 1024;

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
        let (new, name) = (format!("{id}.new"), format!("{id}.json"));
        let saved = self.write(&state.folder, &new, record).and_then(|()| {
            fail_point::reach("the new record is written");
            disk::rename(&state.folder, &new, &state.folder, &name)?;
            fail_point::reach("the record is replaced");
            self.sync(&state.folder)
        });
        saved.or_else(|error| {
            let _it_takes_room = tree::remove(&state.folder, &new);
            match Failure::from(io::Error::from(error.kind())).refusal() {
                Refusal::DiskFull => {
                    self.spare.replace(&state.folder, &name, record).map_err(|_| Failure::from(error))
                }
                _ => Err(internal(&error)),
            }
        })
    }

    fn write(&self, state: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<()> {
        let file = disk::create(state, name, OFlags::TRUNC, Mode::RUSR | Mode::WUSR)?;
        disk::write(&file, bytes, 0).1?;
        if self.durability == Durability::Never { Ok(()) } else { disk::sync(&file) }
    }

    fn list(&self) -> Result<Listed, Failure> {
        let (_, state) = self.opened()?;
        let mut listed = Listed::default();
        for entry in fs::Dir::read_from(&state.folder).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((id, "json")) = parse_name(&name) else { continue };
            match read(&state.folder, &name) {
                Ok((session, age)) => {
                    listed.kept.push(Kept { id, record: Record { session, place: Vec::new() }, age });
                }
                Err(error) => listed.unreadable.push((id, error.to_string())),
            }
        }
        Ok(listed)
    }
}

fn read(state: impl AsFd, name: &str) -> io::Result<(Vec<u8>, std::time::Duration)> {
    // A pipe does not keep the server, nor does a link lead anywhere.
    let file = tree::read(state, name).map_err(|_| io::Error::other("it is no plain file"))?;
    // A clock that was set back must not keep anything for ever; the table knows what to do with one that is fast.
    let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    let mut bytes = Vec::new();
    file.take(MAX_RECORD + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_RECORD {
        true => Err(io::Error::other("it is too long for a record")),
        false => Ok((bytes, age)),
    }
}
