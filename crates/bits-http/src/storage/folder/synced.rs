//! The mark on an upload's bytes that says which of them last.
//!
//! A file that is written has its new length at once. After a power cut the length may be there without the bytes: then zeros are read
//! in their place. So before each sync a mark is put on the file, an extended attribute: the Fragment from `start` to `end` has this
//! sum. What is before `start` was synced before. After a power cut, the file counts up to `end` if the sum is right, and else
//! up to `start`. A sync writes the attribute with the bytes, so that the mark costs no sync of its own.
//!
//! While the machine runs on, the length counts, whatever becomes of the process.

use std::fmt;
use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs;
use rustix::io::Errno;
use twox_hash::xxhash3_64;

use super::disk;

const NAME: &str = "user.bits-synced";

/// How many bytes are read at a time.
const READ_SIZE: usize = 256 * 1024;

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    start: u64,
    end: u64,
    sum: u64,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(' ').map(|number| u64::from_str_radix(number, 16));
        let mut next = || numbers.next()?.ok();
        Some(Self { start: next()?, end: next()?, sum: next()? })
    }
}

/// Marks that the bytes from `start` to `end` are synced next. Returns whether the file system can.
pub(super) fn mark(file: &File, start: u64, end: u64, sum: &Sum) -> io::Result<bool> {
    let text = format!("{start:x} {end:x} {:x}", sum.value());
    can(disk::set_attribute(file, NAME, text.as_bytes()))
}

/// Marks that all bytes up to here are synced.
pub(super) fn mark_all(file: &File, end: u64) -> io::Result<bool> {
    mark(file, end, end, &Sum::default())
}

/// Takes the mark away: nobody shall see it on a published file. Then all bytes count, so they must be synced before.
pub(super) fn unmark(file: &File) -> io::Result<()> {
    can(disk::remove_attribute(file, NAME)).map(drop)
}

/// Up to where the mark is, if there is one.
pub(super) fn marked(file: &File) -> io::Result<Option<u64>> {
    Ok(read(file)?.map(|mark| mark.end))
}

/// How many bytes of a file count after a power cut.
pub(super) fn lasting(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let Some(mark) = read(file)? else { return Ok(length) };
    let is_whole = mark.end <= length && sum(file, mark.start, mark.end)? == mark.sum;
    Ok(if is_whole { mark.end } else { mark.start.min(length) })
}

fn read(file: &File) -> io::Result<Option<Mark>> {
    let mut bytes = [0; 64];
    let length = match fs::fgetxattr(file, NAME, &mut bytes[..]) {
        Ok(length) => length,
        Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    // Somebody else's: nothing is known.
    Ok(Some(text.and_then(Mark::parse).unwrap_or(Mark { start: 0, end: 0, sum: Sum::default().value() })))
}

/// Some file systems have no such attributes, or none for this user, or no room for more.
fn can(done: rustix::io::Result<()>) -> io::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::PERM | Errno::NODATA) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn sum(file: &File, start: u64, end: u64) -> io::Result<u64> {
    let (mut sum, mut at) = (Sum::default(), start);
    let mut buffer = vec![0; READ_SIZE];
    while at < end {
        let size = usize::try_from(end - at).unwrap_or(READ_SIZE).min(READ_SIZE);
        let part = buffer.get_mut(..size).unwrap_or_default();
        file.read_exact_at(part, at)?;
        sum.add(part);
        at += size as u64;
    }
    Ok(sum.value())
}

/// A sum of bytes that come in pieces of any size: fast, and changed by zeros in the place of bytes. It is no protection against somebody
/// who makes bytes for it.
#[derive(Clone, Default)]
pub(super) struct Sum(xxhash3_64::Hasher);

impl fmt::Debug for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sum").field(&self.value()).finish()
    }
}

impl Sum {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> u64 {
        let mut sum = Sum::default();
        pieces.iter().for_each(|piece| sum.add(piece));
        sum.value()
    }

    #[test]
    fn a_sum_does_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..1000).map(|number| (number * 7 % 251) as u8).collect();
        for size in [1, 3, 31, 32, 33, 64, 999] {
            assert_eq!(of(&bytes.chunks(size).collect::<Vec<_>>()), of(&[&bytes]), "{size}");
        }
    }

    #[test]
    fn zeros_in_the_place_of_bytes_change_a_sum() {
        let bytes: Vec<u8> = (0..300).map(|number| (number % 250 + 1) as u8).collect();
        for at in 0..bytes.len() {
            for end in [at + 1, bytes.len()] {
                let mut lost = bytes.clone();
                lost[at..end].fill(0);
                assert_ne!(of(&[&lost]), of(&[&bytes]), "{at} to {end}");
            }
        }
        assert_ne!(of(&[&[0]]), of(&[&[0, 0]]));
    }
}
