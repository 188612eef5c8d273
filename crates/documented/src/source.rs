//! The file that is uploaded.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

use bits_proto::client::Entity;

#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    version: (u64, SystemTime),
}

impl Source {
    /// # Errors
    /// It cannot be read.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let version = version(&File::open(&path)?)?;
        Ok(Self { path, version })
    }

    pub(crate) fn entity(&self) -> io::Result<Entity> {
        let (size, _) = self.version;
        let entity = Entity::new(size).map_err(io::Error::other)?;
        // The name is a courtesy to the server. Where it is none that may be sent, the file goes without.
        let name = self
            .path
            .file_name()
            .and_then(OsStr::to_str)
            .unwrap_or_default();
        Ok(entity.clone().named(name).unwrap_or(entity))
    }

    /// The file, to be read from this offset on: each exchange has a place of its own in it. An error if it is not what
    /// it was: what arrives must not be a mixture.
    pub(crate) fn open_at(&self, offset: u64) -> io::Result<File> {
        let mut file = File::open(&self.path)?;
        if version(&file)? != self.version {
            return Err(io::Error::other("the file has changed"));
        }
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }
}

fn version(file: &File) -> io::Result<(u64, SystemTime)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified()?))
}
