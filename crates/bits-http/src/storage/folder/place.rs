//! The hidden folder in which the bytes of an upload are, and the note that says where it is.
//!
//! The bytes are in a hidden folder *of the destination's folder* from Create on: `a/b/.bits-1A2B3C4D/name` for `a/b/name`.
//!
//! - One rename publishes them, however large they are, and whatever is mounted where.
//! - They have the owner, group, mode and other attributes of a file that is made in `a/b` by hand, because the hidden folder
//!   inherits what `a/b` gives to its children (the group of a setgid folder, a default ACL, a project quota) and hands it on.
//! - A name that the file system does not take is found out at once, since the part has the destination's name already.
//! - Nobody else reads them meanwhile: the hidden folder is its owner's alone.
//!
//! `ID.place` in the state folder says where. It is a symbolic link, since a link is made in one step, and nobody follows it.
//! It is made before the hidden folder, so that no folder is orphaned, and becomes `ID.gone` before the hidden folder is
//! deleted: so a hidden folder that is missing under an `ID.place` was not deleted by us. Then its disk is not mounted.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use bits_proto::Guid;
use bits_proto::server::Refusal;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::anchor::{FOLDER, Opened};
use super::path::FilePath;
use super::tree::{self, Below};
use super::{Shared, disk, fail_point, synced, take_over};
use crate::storage::Failure;

/// How many hidden folders with the same beginning of their ids a folder may have.
const TRIES: u32 = 64;

/// Where the bytes of an upload are, below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The file system, by which a folder that was deleted is told from a disk that is not mounted.
    device: u64,
    folders: Vec<String>,
    hidden: String,
    name: String,
}

/// What was found at a place.
#[derive(Debug)]
pub(super) enum Found {
    /// The hidden folder, with the part in it.
    Part(Part),
    /// The bytes are not there: published, discarded, or deleted by somebody.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Part {
    /// The folder of the hidden folder.
    pub(super) outer: OwnedFd,
    pub(super) hidden: OwnedFd,
    pub(super) place: Place,
    /// The name of the bytes in the hidden folder, and the number of the claim that gave it.
    pub(super) name: String,
    pub(super) fence: u64,
}

impl Place {
    fn target(&self) -> String {
        let folders: String = self.folders.iter().flat_map(|folder| [folder, "/"]).collect();
        format!("{:x}:{folders}{}/{}", self.device, self.hidden, self.name)
    }

    fn parse(target: &str) -> Option<Self> {
        let (device, path) = target.split_once(':')?;
        let device = u64::from_str_radix(device, 16).ok()?;
        let mut folders: Vec<String> = path.split('/').map(str::to_owned).collect();
        let (name, hidden) = (folders.pop()?, folders.pop()?);
        let plain = |name: &String| !name.is_empty() && name != "." && name != "..";
        let is_sound = folders.iter().chain([&name, &hidden]).all(plain) && hidden.starts_with(".bits-");
        is_sound.then_some(Self { device, folders, hidden, name })
    }

    /// Where the bytes belong, as far as its folders existed at the beginning.
    pub(super) fn destination(&self) -> FilePath {
        FilePath { folders: self.folders.clone(), name: self.name.clone() }
    }

    /// The path of the part, below the root.
    pub(super) fn path(&self) -> String {
        self.target().split_once(':').map(|(_, path)| path.to_owned()).unwrap_or_default()
    }
}

impl Part {
    /// Opens the bytes.
    pub(super) fn open(&self, flags: OFlags) -> io::Result<Option<File>> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&self.hidden, &*self.name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(File::from(file))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether whoever comes with this fence may touch the bytes.
    pub(super) fn allows(&self, fence: u64) -> Result<(), Failure> {
        match fence < self.fence {
            true => Err(Failure::new(Refusal::Busy, "another process has taken over")),
            false => Ok(()),
        }
    }
}

/// Makes an empty place for an upload.
pub(super) fn make(
    shared: &Shared,
    root: &Opened,
    state: &Opened,
    id: Guid,
    path: &FilePath,
    below: &Below,
) -> Result<(), Failure> {
    let device = device(root, &below.folder)?;
    let folders = path.folders.iter().take(below.depth).cloned().collect();
    let mut place = Place { device, folders, hidden: String::new(), name: path.name.clone() };
    let beginning: String = id.to_string().trim_start_matches('{').chars().take(8).collect();
    for number in 0..TRIES {
        place.hidden = match number {
            0 => format!(".bits-{beginning}"),
            number => format!(".bits-{beginning}-{number}"),
        };
        note(state, id, &place)?;
        fail_point::reach("the place is noted");
        match disk::make_folder(&below.folder, &place.hidden, Mode::RWXU) {
            Ok(()) => {
                fail_point::reach("the hidden folder is made");
                return create(shared, state, &below.folder, &place).inspect_err(|_| {
                    // The client is told no, so nothing must be left. What cannot be deleted goes at the next start.
                    let part = format!("{}/{}", place.hidden, place.name);
                    let _at_the_next_start = tree::remove(&below.folder, &part)
                        .and_then(|()| clean(state, id, &below.folder, &place));
                });
            }
            Err(Errno::EXIST) => tree::remove(&state.folder, &note_name(id))?,
            Err(error) => {
                tree::remove(&state.folder, &note_name(id))?;
                return Err(told(error.into(), "no file can be made in the folder"));
            }
        }
    }
    Err(Failure::internal("too many hidden folders of earlier uploads are in the folder"))
}

fn create(shared: &Shared, state: &Opened, outer: &OwnedFd, place: &Place) -> Result<(), Failure> {
    let hidden = fs::openat(outer, &*place.hidden, FOLDER, Mode::empty()).map_err(io::Error::from)?;
    // Other modes than these are taken away by the umask, or by what the folder's ACL says instead.
    let mode = Mode::from_raw_mode(0o666);
    let file = disk::create(&hidden, &place.name, OFlags::EXCL, mode)
        .map_err(|error| told(error.into(), "a file of that name cannot be made"))?;
    fail_point::reach("the part is made");
    if state.shared {
        shared.sync(&hidden)?;
        shared.sync(outer)?;
        shared.sync(&state.folder)?;
        return Ok(());
    }
    synced::mark_all(&file, 0)?;
    // The names are made to last with the first thing that must: bytes, or a record.
    if fs::fstat(outer).map_err(io::Error::from)?.st_dev != state.identity.device {
        // The journals of two file systems keep no order, and nobody would find a hidden folder without its note.
        shared.sync(&state.folder)?;
    }
    Ok(())
}

/// A name that is too long, or of characters that the file system does not take, is the client's affair.
fn told(error: io::Error, what: &str) -> Failure {
    let refusal = match Failure::from(io::Error::from(error.kind())).refusal() {
        Refusal::Internal | Refusal::DestinationExists | Refusal::NoSuchFolder if is_name(&error) => {
            Refusal::AccessDenied
        }
        refusal => refusal,
    };
    Failure::new(refusal, format!("{what}: {error}"))
}

fn is_name(error: &io::Error) -> bool {
    let codes = [Errno::NAMETOOLONG, Errno::INVAL, Errno::ILSEQ].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn note_name(id: Guid) -> String {
    format!("{id}.place")
}

fn gone_name(id: Guid) -> String {
    format!("{id}.gone")
}

fn note(state: &Opened, id: Guid, place: &Place) -> Result<(), Failure> {
    disk::link(&place.target(), &state.folder, &note_name(id))
        .map_err(|error| Failure::internal(format!("a note cannot be made in the state folder: {error}")))
        .map_err(|failure| match fs::fstatvfs(&state.folder) {
            Ok(found) if found.f_bavail == 0 => Failure::new(Refusal::DiskFull, failure.to_string()),
            _ => failure,
        })
}

fn noted(state: &Opened, name: &str) -> io::Result<Option<Place>> {
    match fs::readlinkat(&state.folder, name, Vec::new()) {
        Ok(target) => match target.to_str().ok().and_then(Place::parse) {
            Some(place) => Ok(Some(place)),
            None => Err(io::Error::other(format!("{name} in the state folder is none of ours"))),
        },
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Finds the bytes of an upload.
///
/// # Errors
/// The hidden folder is not there, and nobody deleted it: its disk is not mounted, or somebody has put another there.
pub(super) fn find(root: &Opened, state: &Opened, id: Guid) -> io::Result<Found> {
    let Some(place) = noted(state, &note_name(id))? else { return Ok(Found::Nothing) };
    let below = tree::descend(&root.folder, state.identity, &place.folders)?;
    let hidden = match below.depth == place.folders.len() {
        true => fs::openat(&below.folder, &*place.hidden, FOLDER, Mode::empty()),
        false => Err(Errno::NOENT),
    };
    let hidden = match hidden {
        Ok(hidden) => hidden,
        Err(Errno::NOENT) => {
            let device = device(root, &below.folder)?;
            return match device == place.device {
                true => Ok(Found::Nothing),
                false => Err(io::Error::other(format!("{} is gone: is a disk not mounted?", place.path()))),
            };
        }
        Err(error) => return Err(error.into()),
    };
    let stat = fs::fstat(&hidden)?;
    if stat.st_uid != geteuid().as_raw() || stat.st_mode & 0o077 != 0 {
        return Err(io::Error::other(format!("{} is not the server's own folder any more", place.path())));
    }
    let (name, fence) = match tree::existing(&hidden, &place.name)? {
        tree::Existing::File => (place.name.clone(), 0),
        _ => match take_over::taken(&hidden)? {
            Some(taken) => taken,
            None => return Ok(Found::Nothing),
        },
    };
    Ok(Found::Part(Part { outer: below.folder, hidden, place, name, fence }))
}

/// The file system of a folder. Machines that share it number their file systems as they like: then it only says whether it is another one
/// than the root's.
fn device(root: &Opened, folder: &OwnedFd) -> io::Result<u64> {
    let device = fs::fstat(folder)?.st_dev;
    Ok(if root.shared { u64::from(device != root.identity.device) } else { device })
}

/// Where the bytes of an upload are, below the root, as noted.
pub(super) fn path(state: &Opened, id: Guid) -> io::Result<Option<String>> {
    Ok(noted(state, &note_name(id))?.map(|place| place.path()))
}

/// Deletes the hidden folder of an upload whose bytes are published or deleted already, and the note of it. Whatever of it fails
/// is done at the next start.
pub(super) fn clean(state: &Opened, id: Guid, outer: impl AsFd, place: &Place) -> io::Result<()> {
    disk::rename(&state.folder, &note_name(id), &state.folder, &gone_name(id))?;
    if fs::fstat(&outer)?.st_dev != state.identity.device {
        // The journals of two file systems keep no order.
        disk::sync_folder(&state.folder)?;
    }
    fail_point::reach("the note is taken back");
    finish(state, id, outer, place)
}

fn finish(state: &Opened, id: Guid, outer: impl AsFd, place: &Place) -> io::Result<()> {
    match disk::remove_folder(outer, &place.hidden) {
        // Somebody put something of their own there: it is left alone.
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    fail_point::reach("the hidden folder is gone");
    tree::remove(&state.folder, &gone_name(id))
}

/// Deletes what is left of an upload, of which no bytes are left.
pub(super) fn clean_up(root: &Opened, state: &Opened, id: Guid) -> io::Result<()> {
    if let Some(place) = noted(state, &gone_name(id))? {
        let below = tree::descend(&root.folder, state.identity, &place.folders)?;
        match below.depth == place.folders.len() {
            true => finish(state, id, &below.folder, &place)?,
            false => tree::remove(&state.folder, &gone_name(id))?,
        }
    }
    match noted(state, &note_name(id))? {
        Some(place) => {
            let below = tree::descend(&root.folder, state.identity, &place.folders)?;
            match below.depth == place.folders.len() {
                true => clean(state, id, &below.folder, &place),
                false => tree::remove(&state.folder, &note_name(id)),
            }
        }
        None => Ok(()),
    }
}
