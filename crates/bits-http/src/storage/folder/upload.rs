//! The steps of an upload, each as one piece of work that may block.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::server::Refusal;
use rustix::fs::{self, AtFlags, OFlags};
use rustix::io::Errno;

use super::Shared;
use super::anchor::{Identity, Opened};
use super::path::FilePath;
use super::place::{self, Found, Part};
use super::tree::{self, Below, Existing, MAX_PATH};
use super::writer::{Ending, FolderWriter};
use super::{Durability, count, disk, fail_point, quota, synced, take_over};
use crate::storage::{Failure, Held, Span};

/// The name of a socket that a program may have beside the sessions.
const CONTROL: &str = "control";

/// How much longer than its destination the path of a part is.
const HIDDEN: usize = 32;

impl Shared {
    /// Decides whether an upload may start, and makes an empty place for its bytes.
    pub(super) fn open(&self, id: Guid, path: &str, overwrites: bool) -> Result<(), Failure> {
        let path = tree::parse(path)?;
        let (root, state) = self.opened()?;
        let length = self.root.path().as_os_str().len() + path.to_string().len() + HIDDEN;
        if length > MAX_PATH {
            return Err(Failure::new(Refusal::AccessDenied, "the path is too long for the operating system"));
        }
        let below = tree::descend(&root.folder, state.identity, &path.folders)?;
        self.allows(&path, &below, overwrites)?;
        self.has_room(&below.folder, 0)?;
        if place::path(&state, id)?.is_some() {
            // An earlier attempt of the same session. Nothing was stored yet.
            self.discard(id, u64::MAX)?;
        }
        place::make(self, &root, &state, id, &path, &below)?;
        // Afterwards, since it is promised to a part. No client has an id of it yet.
        self.admit(id, &path, 0).inspect_err(|_| {
            let _at_the_next_start = self.discard(id, u64::MAX);
        })
    }

    /// Decides whether the quota lets an upload have so many bytes.
    fn admit(&self, id: Guid, path: &FilePath, total: u64) -> Result<(), Failure> {
        let Some(quotas) = &self.quotas else { return Ok(()) };
        let (root, state) = self.opened()?;
        let Found::Part(part) = place::find(&root, &state, id)? else {
            return Err(Refusal::EntityMissing.into());
        };
        let stat =
            fs::statat(&part.hidden, part.name(), AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)?;
        let below = quota::Below { root: &root, state: state.identity };
        let asking = quota::Asking { id, part: &part.place.path(), file: Identity::of(&stat), total };
        quotas.admit(below, &asking, path)
    }

    /// Counts the bytes that are published in a folder right below the root, or in all, where it has no name.
    pub(super) fn count(&self, folder: &str) -> Result<u64, Failure> {
        let (root, state) = self.opened()?;
        let found = count::count(&root.folder, state.identity, folder, &|_| false);
        found.map(|found| found.published).map_err(|error| internal(&error))
    }

    fn allows(&self, path: &FilePath, below: &Below, overwrites: bool) -> Result<(), Failure> {
        if below.depth < path.folders.len() {
            // Made when there is something to publish in it.
            return if self.create_dirs { Ok(()) } else { Err(Refusal::NoSuchFolder.into()) };
        }
        match tree::existing(&below.folder, &path.name) {
            Ok(Existing::Folder) => Err(Refusal::IsDirectory.into()),
            // Told now, a client need not send the whole file to learn it. It is looked at again when it is published.
            Ok(Existing::File) if !overwrites => Err(Refusal::DestinationExists.into()),
            Ok(Existing::File | Existing::Nothing) => Ok(()),
            Err(error) if error.raw_os_error() == Some(Errno::NAMETOOLONG.raw_os_error()) => {
                Err(Failure::new(Refusal::AccessDenied, "the name is too long for the file system"))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn has_room(&self, folder: impl std::os::fd::AsFd, more: u64) -> Result<(), Failure> {
        let free = tree::free(folder)?;
        match more.checked_add(self.keep_free) {
            Some(needed) if needed <= free => Ok(()),
            _ if more == 0 && self.keep_free == 0 => Ok(()),
            _ => Err(Failure::new(Refusal::DiskFull, format!("{free} bytes are free, which is too little"))),
        }
    }

    /// Opens the bytes for writing, and cuts off what nobody counted.
    pub(super) fn writer(self: &Arc<Self>, id: Guid, span: Span) -> Result<FolderWriter, Failure> {
        let part = self.part(id, span.fence)?;
        let file = part.open(OFlags::WRONLY)?.ok_or(Refusal::EntityMissing)?;
        let length = file.metadata()?.len();
        if length < span.start {
            return Err(Failure::new(Refusal::EntityMissing, "fewer bytes are there than were stored"));
        }
        if length > span.start {
            disk::cut(&file, span.start)?;
        }
        fail_point::reach("the part is open for writing");
        // Told now, a client need not send the whole entity to learn it.
        self.has_room(&part.hidden, span.total.saturating_sub(span.start))?;
        self.admit(id, &part.place.destination(), span.total)?;
        if self.boot.was_missed(id) && synced::lasting(&file)? < span.start {
            return Err(Failure::new(Refusal::EntityMissing, "the machine lost bytes that were stored"));
        }
        let ending = self.ending(&file, span)?;
        Ok(FolderWriter::new(file, span.start..span.end, ending).of(id, self))
    }

    /// What makes the bytes of a Fragment last.
    fn ending(&self, file: &File, span: Span) -> io::Result<Ending> {
        Ok(match self.durability {
            _ if self.is_shared => Ending::Synced,
            Durability::Fragment => Ending::Marked,
            Durability::Whole if synced::marked(file)?.is_none() => Ending::Synced,
            // Before it is acknowledged: a client that knows of all its bytes has no way to send them again.
            Durability::Whole if span.end == span.total => Ending::Whole,
            Durability::Whole | Durability::Never => Ending::Nothing,
        })
    }

    /// Makes all last that Create has left in the memory of the machine, with the first thing that must last: the names of the record, of
    /// the note, of the hidden folder and of the part.
    pub(super) fn settle(&self, state: &Opened, id: Guid) -> io::Result<()> {
        if self.is_settled(id) {
            return Ok(());
        }
        // Where there is no part, or none that can be reached now, there is nothing of it to make last.
        if let Ok(Found::Part(part)) = self.root.get().and_then(|root| place::find(&root, state, id)) {
            self.sync(&part.hidden)?;
            self.sync(&part.outer)?;
        }
        self.sync(&state.folder)?;
        self.lasting.settled(id);
        Ok(())
    }

    /// Whether the names of an upload last, or need not.
    pub(super) fn is_settled(&self, id: Guid) -> bool {
        // Servers that share a folder make them last at Create.
        self.is_shared || self.durability == Durability::Never || self.lasting.is_settled(id)
    }

    /// Makes all bytes of an entity last, unless its Fragments were synced already.
    fn sync_entity(&self, file: &File, id: Guid, size: u64) -> io::Result<()> {
        let is_synced = !self.is_shared && self.lasting.is_synced(id, size);
        if is_synced || self.durability == Durability::Never { Ok(()) } else { disk::sync(file) }
    }

    /// Moves the entity to its destination.
    pub(super) fn publish(
        &self,
        id: Guid,
        path: &str,
        overwrites: bool,
        size: u64,
        fence: u64,
    ) -> Result<(), Failure> {
        let path = tree::parse(path)?;
        let (root, state) = self.opened()?;
        // Before the destination: where the bytes are gone, the caller may know that they were published.
        let part = self.part(id, fence)?;
        let file = part.open(OFlags::RDONLY)?.ok_or(Refusal::EntityMissing)?;
        let length = file.metadata()?.len();
        if length < size {
            return Err(Failure::new(Refusal::EntityMissing, "fewer bytes are there than were stored"));
        }
        if length > size {
            return Err(Failure::internal(format!("{length} bytes are there, and not {size}")));
        }
        // Of an upload that an earlier process began, its folder may be known only now.
        self.admit(id, &path, size)?;
        self.sync_entity(&file, id, size)?;
        let folder = if self.create_dirs {
            tree::make(&root.folder, state.identity, &path.folders, |folder| self.sync(folder))?
        } else {
            let below = tree::descend(&root.folder, state.identity, &path.folders)?;
            if below.depth < path.folders.len() {
                return Err(Refusal::NoSuchFolder.into());
            }
            below.folder
        };
        fail_point::reach("the folder of the destination is there");
        match tree::existing(&folder, &path.name)? {
            Existing::Folder => return Err(Refusal::IsDirectory.into()),
            Existing::File if !overwrites => return Err(Refusal::DestinationExists.into()),
            Existing::File | Existing::Nothing => {}
        }
        synced::unmark(&file)?;
        // Else watchers would see it closed under its new name.
        drop(file);
        let moved = match overwrites {
            true => disk::rename(&part.hidden, part.name(), &folder, &path.name),
            false => disk::rename_to_nothing(&part.hidden, part.name(), &folder, &path.name),
        };
        moved.map_err(|error| match error {
            Errno::EXIST => Failure::from(Refusal::DestinationExists),
            Errno::ISDIR => Refusal::IsDirectory.into(),
            Errno::XDEV => Failure::internal("another file system was mounted over the folder meanwhile"),
            error => io::Error::from(error).into(),
        })?;
        fail_point::reach("it is published");
        self.sync(&folder)?;
        fail_point::reach("it is published to last");
        self.ended(id, true);
        // It is published, whatever comes of this.
        let _left_alone = take_over::clean(&part);
        let _at_the_next_start = place::clean(&state, id, &part.outer, &part.place)
            .and_then(|()| tree::remove(&state.folder, &format!("{id}.reply")));
        Ok(())
    }

    /// Deletes the bytes of an upload, and the reply to it.
    pub(super) fn discard(&self, id: Guid, fence: u64) -> Result<(), Failure> {
        self.ended(id, false);
        let (root, state) = self.opened()?;
        if let Found::Part(part) = place::find(&root, &state, id)? {
            part.allows(fence)?;
            tree::remove(&part.hidden, part.name())?;
            take_over::clean(&part)?;
            fail_point::reach("the part is deleted");
        }
        place::clean_up(&root, &state, id)?;
        Ok(tree::remove(&state.folder, &format!("{id}.reply"))?)
    }

    fn ended(&self, id: Guid, published: bool) {
        self.lasting.ended(id);
        if let Some(quotas) = &self.quotas {
            quotas.ended(id, published);
        }
    }

    /// Says what there is of an upload.
    pub(super) fn held(&self, id: Guid, fence: u64) -> Result<Held, Failure> {
        self.opened()
            .and_then(|(root, state)| self.look(&root, &state, id, fence))
            .inspect_err(|_| self.boot.miss(id))
    }

    /// Says it of many, at a start.
    pub(super) fn held_each(&self, ids: &[Guid]) -> Vec<Result<Held, Failure>> {
        let opened = self.opened();
        let look = |id: &Guid| {
            let (root, state) = opened.as_ref().map_err(Clone::clone)?;
            self.look(root, state, *id, 0)
        };
        ids.iter().map(|id| look(id).inspect_err(|_| self.boot.miss(*id))).collect()
    }

    fn look(&self, root: &Opened, state: &Opened, id: Guid, fence: u64) -> Result<Held, Failure> {
        let Found::Part(mut part) = place::find(root, state, id)? else { return Ok(Held::Nothing) };
        if root.shared && fence > 0 && !take_over::take_over(&mut part, fence)? {
            return Ok(Held::Nothing);
        }
        let Some(file) = part.open(OFlags::RDONLY | OFlags::NONBLOCK)? else { return Ok(Held::Nothing) };
        let length = file.metadata()?.len();
        let counted = self.counts(state, &file, length)?;
        if counted < length {
            self.cut_part(id, &part, counted)?;
        }
        Ok(Held::Bytes(counted))
    }

    /// How many bytes of a file count. After a power cut these are not all that are there.
    fn counts(&self, state: &Opened, file: &File, length: u64) -> io::Result<u64> {
        if !self.is_shared && self.boot.has_changed() {
            return synced::lasting(file);
        }
        // What a process wrote and did not sync before it died is synced now, since its client is told of it.
        if length > 0 && !self.is_shared && self.durability == Durability::Fragment {
            self.lasting.sync_all(file)?;
            self.lasting.sync_all(&state.folder)?;
            if synced::marked(file)?.is_some_and(|end| end != length) {
                synced::mark_all(file, length)?;
                disk::sync(file)?;
            }
        }
        Ok(length)
    }

    /// Cuts an upload back.
    pub(super) fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        let (root, state) = self.opened()?;
        let Found::Part(part) = place::find(&root, &state, id)? else { return Ok(()) };
        self.cut_part(id, &part, length)
    }

    fn cut_part(&self, id: Guid, part: &Part, length: u64) -> Result<(), Failure> {
        let Some(file) = part.open(OFlags::WRONLY | OFlags::NONBLOCK)? else { return Ok(()) };
        if file.metadata()?.len() > length {
            self.lasting.forget(id);
            disk::cut(&file, length)?;
            if !self.is_shared && synced::marked(&file)?.is_some() {
                synced::mark_all(&file, length)?;
            }
            disk::sync(&file)?;
        }
        Ok(())
    }

    /// Finds the bytes of an upload that should be there.
    pub(super) fn part(&self, id: Guid, fence: u64) -> Result<Part, Failure> {
        let (root, state) = self.opened()?;
        match place::find(&root, &state, id) {
            Ok(Found::Part(part)) => part.allows(fence).map(|()| part),
            Ok(Found::Nothing) => Err(Refusal::EntityMissing.into()),
            Err(error) => Err(internal(&error)),
        }
    }

    /// Deletes what belongs to no session, and names what is not ours.
    pub(super) fn sweep(&self, known: &BTreeSet<Guid>) -> Result<Vec<String>, Failure> {
        let (_, state) = self.opened()?;
        let mut foreign = Vec::new();
        for entry in fs::Dir::read_from(&state.folder).map_err(io::Error::from)? {
            let entry = entry.map_err(io::Error::from)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match super::records::parse_name(&name) {
                _ if [".", "..", tree::MARKER, CONTROL].contains(&&*name) => {}
                Some((id, "json")) if !known.contains(&id) && self.never_was(&state, &name) => {
                    tree::remove(&state.folder, &name)?;
                }
                Some((_, "json")) => {}
                // A record that was never whole; or something else of that name, which is left alone.
                Some((id, "new")) => {
                    if tree::remove(&state.folder, &format!("{id}.new")).is_err() {
                        foreign.push(name);
                    }
                }
                Some((id, _)) if known.contains(&id) => {}
                Some((id, _)) => {
                    if let Err(failure) = self.discard(id, u64::MAX) {
                        foreign.push(format!("{name} ({failure})"));
                    }
                }
                None => foreign.push(name),
            }
        }
        // From now on, lengths count: what did not last is cut off.
        self.boot.note(&state.folder);
        Ok(foreign)
    }

    pub(super) fn opened(&self) -> Result<(Arc<Opened>, Arc<Opened>), Failure> {
        let root = self.root.get().map_err(|error| internal(&error))?;
        let state = self.state.get().map_err(|error| internal(&error))?;
        Ok((root, state))
    }
}

/// Whatever kind the error is, the client is not to blame for it.
pub(super) fn internal(error: &io::Error) -> Failure {
    Failure::internal(error.to_string())
}
