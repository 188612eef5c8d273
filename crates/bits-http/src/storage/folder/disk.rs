//! The steps that change a disk. None of them lasts before it is synced.
//!
//! In tests each step is recorded, so that a disk can be made that lost what a power cut may take.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags, XattrFlags};
use rustix::io::{Errno, Result};

#[cfg(test)]
use super::tests::recorded::{Change, record};

/// Makes a file, or opens the one that is there, for writing.
pub(super) fn create(folder: impl AsFd, name: &str, flags: OFlags, mode: Mode) -> Result<File> {
    let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(&folder, name, flags, mode)?;
    #[cfg(test)]
    record(|| Change::created(&folder, name, &file, flags.contains(OFlags::TRUNC)));
    Ok(file.into())
}

pub(super) fn make_folder(folder: impl AsFd, name: &str, mode: Mode) -> Result<()> {
    fs::mkdirat(&folder, name, mode)?;
    #[cfg(test)]
    record(|| Change::made_folder(&folder, name));
    Ok(())
}

/// Makes a symbolic link.
pub(super) fn link(target: &str, folder: impl AsFd, name: &str) -> Result<()> {
    fs::symlinkat(target, &folder, name)?;
    #[cfg(test)]
    record(|| Change::linked(&folder, name, target));
    Ok(())
}

pub(super) fn rename(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Result<()> {
    fs::renameat(&from, old, &to, new)?;
    #[cfg(test)]
    record(|| Change::renamed(&from, old, &to, new));
    Ok(())
}

/// Renames where nothing has the new name, in one step. File systems that cannot (some in user space, old network file systems)
/// get a second name and lose the first: then watchers see the file made, and not moved.
pub(super) fn rename_to_nothing(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Result<()> {
    match fs::renameat_with(&from, old, &to, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(error),
        Ok(()) => {
            #[cfg(test)]
            record(|| Change::renamed(&from, old, &to, new));
            return Ok(());
        }
    }
    fs::linkat(&from, old, &to, new, AtFlags::empty())?;
    fs::unlinkat(&from, old, AtFlags::empty())
}

/// Deletes a file.
pub(super) fn remove(folder: impl AsFd, name: &str) -> Result<()> {
    fs::unlinkat(&folder, name, AtFlags::empty())?;
    #[cfg(test)]
    record(|| Change::removed(&folder, name));
    Ok(())
}

/// Deletes an empty folder.
pub(super) fn remove_folder(folder: impl AsFd, name: &str) -> Result<()> {
    fs::unlinkat(&folder, name, AtFlags::REMOVEDIR)?;
    #[cfg(test)]
    record(|| Change::removed(&folder, name));
    Ok(())
}

/// Writes all of it. Returns how many bytes were written before an error.
pub(super) fn write(file: &File, bytes: &[u8], at: u64) -> (usize, io::Result<()>) {
    let mut written = 0;
    let mut rest = bytes;
    let done = loop {
        if rest.is_empty() {
            break Ok(());
        }
        match file.write_at(rest, at + written as u64) {
            Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => {
                written += more;
                rest = rest.get(more..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    #[cfg(test)]
    record(|| Change::written(file, bytes.get(..written).unwrap_or_default(), at));
    (written, done)
}

/// Cuts a file to a length.
pub(super) fn cut(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    #[cfg(test)]
    record(|| Change::cut(file, length));
    Ok(())
}

/// Gives a file an extended attribute.
pub(super) fn set_attribute(file: &File, name: &str, value: &[u8]) -> Result<()> {
    fs::fsetxattr(file, name, value, XattrFlags::empty())?;
    #[cfg(test)]
    record(|| Change::attribute(file, Some(value)));
    Ok(())
}

pub(super) fn remove_attribute(file: &File, name: &str) -> Result<()> {
    fs::fremovexattr(file, name)?;
    #[cfg(test)]
    record(|| Change::attribute(file, None));
    Ok(())
}

/// Makes the bytes and the attributes of a file last.
pub(super) fn sync(file: &File) -> io::Result<()> {
    file.sync_all()?;
    #[cfg(test)]
    record(|| Change::synced(file));
    Ok(())
}

/// Makes the bytes of a file last.
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()?;
    #[cfg(test)]
    record(|| Change::synced(file));
    Ok(())
}

/// Makes everything on the file system of a file or a folder last.
pub(super) fn sync_file_system(of: impl AsFd) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fs::syncfs(of)?;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _all_of_them = of;
        fs::sync();
    }
    #[cfg(test)]
    record(|| Change::SyncedAll);
    Ok(())
}

/// Makes the names in a folder last.
pub(super) fn sync_folder(folder: &OwnedFd) -> Result<()> {
    // Before: what is done on another thread meanwhile is not covered.
    #[cfg(test)]
    record(|| Change::synced(folder));
    fs::fsync(folder)
}
