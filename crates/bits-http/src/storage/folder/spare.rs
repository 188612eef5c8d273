//! Room in reserve: with it, the end of an upload can be noted on a disk that is full.
//!
//! A record is replaced by a new file, which takes room. The mark of the state folder has room already. It is written, and then changes
//! places with the record, whose old file is the mark from then on: only its name counts. So a Cancel on a full disk is answered at
//! once, and makes room.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{self, FallocateFlags, Mode, OFlags, RenameFlags};

use super::tree::MARKER;

/// How many bytes the mark has room for: more than records of usual names have.
const ROOM: u64 = 64 * 1024;

/// The room of a state folder.
#[derive(Debug, Default)]
pub(super) struct Spare(Mutex<()>);

impl Spare {
    /// Takes the room, where there is some.
    pub(super) fn reserve(&self, state: impl AsFd) {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _at_the_next_start = room(state);
    }

    /// Replaces the record `name`, which must be there, by means of the mark.
    pub(super) fn replace(&self, state: impl AsFd, name: &str, record: &[u8]) -> io::Result<()> {
        let _one_at_a_time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = open(&state)?;
        file.write_all(record)?;
        file.set_len(record.len() as u64)?;
        file.sync_all()?;
        fs::renameat_with(&state, MARKER, &state, name, RenameFlags::EXCHANGE)?;
        fs::fsync(&state)?;
        let _at_the_next_start = room(&state);
        Ok(())
    }
}

/// Gives the mark all of its room. Whatever is written in it stays: nobody reads it.
fn room(state: impl AsFd) -> io::Result<()> {
    let file = open(state)?;
    match fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, ROOM) {
        Ok(()) => file.sync_all(),
        Err(error) => Err(error.into()),
    }
}

fn open(state: impl AsFd) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(fs::openat(state, MARKER, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("the mark is no file")) }
}
