//! Files that stand beside another, and are written so that no link is followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The file beside this one whose name is longer by a suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// A new file for this account alone, in place of what is there under this name. A link there is removed and not followed,
/// so that nobody who may write into the folder can have another file overwritten.
pub(super) fn create_anew(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Replaces a file: the whole of it or nothing, whenever the program or the machine dies.
pub(super) fn replace(path: &Path, aside: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = create_anew(aside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    let replaced = written.and_then(|()| fs::rename(aside, path));
    if replaced.is_err() {
        let _none_was_made = fs::remove_file(aside);
    }
    replaced
}

/// Refuses whatever is there that is no plain file, links included.
pub(super) fn expect_plain(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => Err(io::Error::other("it is not a plain file")),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
