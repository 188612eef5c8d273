//! Something to upload: a file of random bytes in a temporary folder; and whether it arrived whole.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{env, process};

/// A folder that is gone with its content when the program ends.
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    pub(crate) fn create() -> io::Result<Self> {
        let name = format!("bits-proto-{}-{:016x}", process::id(), random_number());
        let path = env::temp_dir().join(name);
        let mut builder = DirBuilder::new();
        // A copy of the user's file will stand in it.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _left_behind = fs::remove_dir_all(&self.0);
    }
}

/// The standard library has no generator, but the keys of its hash maps come from the operating system's.
pub(crate) fn random_number() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Makes a file of random bytes.
pub(crate) fn random(path: PathBuf, size: u64) -> io::Result<PathBuf> {
    let mut file = BufWriter::new(File::create_new(&path)?);
    let mut word = random_number() | 1;
    for _ in 0..size / 8 {
        // Xorshift (Marsaglia 2003).
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        file.write_all(&word.to_le_bytes())?;
    }
    file.flush()?;
    Ok(path)
}

/// The size of a file that can be read.
pub(crate) fn size(path: &Path) -> io::Result<u64> {
    let metadata = open(path)?.metadata()?;
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(io::Error::other(format!("{} is not a file", path.display())))
    }
}

/// Whether two files have the same bytes.
pub(crate) fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (BufReader::new(open(one)?), BufReader::new(open(other)?));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(length);
        other.consume(length);
    }
}

/// An error that names the file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
