//! What is found in the state folder: of an earlier process, and of uploads that were closed long ago.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use bits_proto::Guid;

use super::{Storage, remove};

/// A saved session, and what storage has of it.
pub(crate) struct Saved {
    pub(crate) id: Guid,
    pub(crate) json: Vec<u8>,
    /// How long ago it was saved.
    pub(crate) age: Duration,
    /// How many bytes are there; `None` once it is published.
    pub(crate) stored: Option<u64>,
}

impl Storage {
    /// What an earlier process left. What belongs to no session is deleted.
    pub(crate) fn saved(&self) -> io::Result<Vec<Saved>> {
        let mut saved = Vec::new();
        for entry in fs::read_dir(&self.state)? {
            let path = entry?.path();
            let Some((id, extension)) = parse_file(&path) else { continue };
            let closed = extension == "closed";
            match &*extension {
                "json" | "closed" => {
                    let stored = match fs::metadata(self.file(id, "part")) {
                        _ if closed => None,
                        Ok(part) => Some(part.len()),
                        Err(_) => Some(0),
                    };
                    // A clock that was set back must not keep anything for ever; one that is fast must not delete it.
                    let age = fs::metadata(&path)?.modified()?.elapsed().unwrap_or_default();
                    saved.push(Saved { id, json: fs::read(&path)?, age, stored });
                }
                "part" | "reply" if self.file(id, "json").exists() => {}
                _ => remove(&path)?,
            }
        }
        Ok(saved)
    }

    /// Cuts off what was never acknowledged; the place of an upload that has lost all is made anew.
    pub(crate) fn truncate(&self, saved: &Saved, length: u64) -> io::Result<()> {
        match saved.stored {
            Some(0) => {
                OpenOptions::new().create(true).append(true).open(self.file(saved.id, "part")).map(drop)
            }
            Some(stored) if stored > length => {
                let part = self.part(saved.id)?;
                part.set_len(length)?;
                part.sync_all()
            }
            _ => Ok(()),
        }
    }

    /// The sessions that were closed longer than `age` ago.
    pub(crate) fn closed_before(&self, age: Duration) -> io::Result<Vec<Guid>> {
        let mut old = Vec::new();
        for entry in fs::read_dir(&self.state)? {
            let entry = entry?;
            if let Some((id, "closed")) = parse_file(&entry.path()).as_ref().map(|(id, kind)| (*id, &**kind))
            {
                // It may have been deleted meanwhile.
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                if modified.is_ok_and(|at| at.elapsed().unwrap_or_default() >= age) {
                    old.push(id);
                }
            }
        }
        Ok(old)
    }
}

/// The session and the kind of a file of the state folder; whatever else lies there is not ours.
fn parse_file(path: &Path) -> Option<(Guid, String)> {
    let extension = path.extension()?.to_str()?;
    let ours = ["part", "json", "closed", "reply", "new", "link"].contains(&extension);
    let id = path.file_stem()?.to_str()?.parse().ok()?;
    ours.then(|| (id, extension.to_owned()))
}
