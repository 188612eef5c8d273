//! A record of what a folder does to its disk, and the disks that a power cut may leave of it.
//!
//! What a disk keeps of changes that were not synced is what journaling file systems promise, and no more:
//!
//! - names and attributes that were not synced last in their order: each of them, or none from one of them on. A sync of a folder or of a file
//!   has its own last, and need not have others last;
//! - the bytes of a file that were not synced may be there, or not, or zeros in their place, or half of them. A new length is
//!   there at the earliest when the changes before it are.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::Path;

use bits_proto::Guid;
use rustix::fs::{AtFlags, XattrFlags, fstat, setxattr, statat};

use super::super::fail_point;
use super::client::Client;
use crate::storage::Record;

/// Something that happened.
#[derive(Clone, Debug)]
pub(in super::super) enum Recorded {
    Changed(Change),
    /// What the client knows from now on.
    Acknowledged(Client),
    /// The records that another machine keeps from now on.
    Kept(BTreeMap<Guid, Record>),
}

type Inode = u64;

/// A change of the disk.
#[derive(Clone, Debug)]
pub(in super::super) enum Change {
    Created { folder: Inode, name: String, file: Inode, truncated: bool },
    MadeFolder { folder: Inode, name: String, made: Inode },
    Linked { folder: Inode, name: String, target: String },
    Renamed { from: Inode, old: String, to: Inode, new: String },
    Removed { folder: Inode, name: String },
    Written { file: Inode, at: usize, bytes: Vec<u8> },
    Cut { file: Inode, length: usize },
    Attribute { file: Inode, value: Option<Vec<u8>> },
    Synced(Inode),
    SyncedAll,
}

/// Notes a change, if a plan is followed.
pub(in super::super) fn record(change: impl FnOnce() -> Change) {
    if let Some(plan) = fail_point::current() {
        plan.record(Recorded::Changed(change()));
    }
}

pub(super) fn inode(of: impl AsFd) -> Inode {
    fstat(of).unwrap().st_ino
}

impl Change {
    pub(in super::super) fn created(folder: impl AsFd, name: &str, file: impl AsFd, truncated: bool) -> Self {
        Self::Created { folder: inode(folder), name: name.to_owned(), file: inode(file), truncated }
    }

    pub(in super::super) fn made_folder(folder: impl AsFd, name: &str) -> Self {
        let made = statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).unwrap().st_ino;
        Self::MadeFolder { folder: inode(folder), name: name.to_owned(), made }
    }

    pub(in super::super) fn linked(folder: impl AsFd, name: &str, target: &str) -> Self {
        Self::Linked { folder: inode(folder), name: name.to_owned(), target: target.to_owned() }
    }

    pub(in super::super) fn renamed(from: impl AsFd, old: &str, to: impl AsFd, new: &str) -> Self {
        Self::Renamed { from: inode(from), old: old.to_owned(), to: inode(to), new: new.to_owned() }
    }

    pub(in super::super) fn removed(folder: impl AsFd, name: &str) -> Self {
        Self::Removed { folder: inode(folder), name: name.to_owned() }
    }

    pub(in super::super) fn written(file: impl AsFd, bytes: &[u8], at: u64) -> Self {
        Self::Written { file: inode(file), at: at as usize, bytes: bytes.to_vec() }
    }

    pub(in super::super) fn cut(file: impl AsFd, length: u64) -> Self {
        Self::Cut { file: inode(file), length: length as usize }
    }

    pub(in super::super) fn attribute(file: impl AsFd, value: Option<&[u8]>) -> Self {
        Self::Attribute { file: inode(file), value: value.map(<[u8]>::to_vec) }
    }

    pub(in super::super) fn synced(of: impl AsFd) -> Self {
        Self::Synced(inode(of))
    }

    /// Whether a sync of this makes the change last.
    fn is_of(&self, inode: Inode) -> bool {
        match self {
            Self::Created { folder, .. }
            | Self::MadeFolder { folder, .. }
            | Self::Linked { folder, .. }
            | Self::Removed { folder, .. } => *folder == inode,
            Self::Renamed { from, to, .. } => *from == inode || *to == inode,
            Self::Written { file, .. } | Self::Cut { file, .. } | Self::Attribute { file, .. } => {
                *file == inode
            }
            Self::Synced(_) | Self::SyncedAll => false,
        }
    }

    fn is_sync(&self) -> bool {
        matches!(self, Self::Synced(_) | Self::SyncedAll)
    }

    /// The file whose bytes it changes.
    const fn written_file(&self) -> Option<Inode> {
        match self {
            Self::Written { file, .. } | Self::Cut { file, .. } => Some(*file),
            _ => None,
        }
    }
}

/// What is left of bytes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    All,
    /// The length, and zeros.
    Length,
    Half,
}

const LEFT: [Left; 4] = [Left::Nothing, Left::All, Left::Length, Left::Half];

/// What a power cut spared.
#[derive(Clone, Debug)]
pub(super) struct Cut<'c> {
    changes: &'c [Change],
    /// How many changes last in their order, without a sync.
    pub(super) kept: usize,
    pub(super) left: Left,
}

/// All that a power cut after these changes can leave.
pub(super) fn cuts(changes: &[Change]) -> Vec<Cut<'_>> {
    let pending = |number: &usize| !changes[*number].is_sync() && !is_synced(changes, *number);
    let mut kept = vec![0];
    kept.extend((0..changes.len()).filter(pending).map(|number| number + 1));
    let kept = kept.into_iter();
    kept.flat_map(|kept| LEFT.map(|left| Cut { changes, kept, left })).collect()
}

fn is_synced(changes: &[Change], number: usize) -> bool {
    changes[number..].iter().any(|later| match later {
        Change::Synced(inode) => changes[number].is_of(*inode),
        Change::SyncedAll => true,
        _ => false,
    })
}

#[derive(Clone, Debug)]
enum Node {
    Folder(BTreeMap<String, usize>),
    File { bytes: Vec<u8>, attribute: Option<Vec<u8>> },
    Link(String),
}

/// A disk, as it is after the power is back.
struct Disk {
    nodes: Vec<Node>,
    of: HashMap<Inode, usize>,
}

impl Disk {
    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn names(&mut self, folder: Inode) -> &mut BTreeMap<String, usize> {
        match &mut self.nodes[self.of[&folder]] {
            Node::Folder(names) => names,
            _ => unreachable!("it is a folder"),
        }
    }

    fn file(&mut self, file: Inode) -> (&mut Vec<u8>, &mut Option<Vec<u8>>) {
        match &mut self.nodes[self.of[&file]] {
            Node::File { bytes, attribute } => (bytes, attribute),
            _ => unreachable!("it is a file"),
        }
    }
}

impl Cut<'_> {
    /// Makes a root and its state folder, which are there already, look so. They are known by their inodes of then.
    pub(super) fn restore(&self, (root, state): (Inode, Inode), at: &Path) {
        let folders = vec![Node::Folder(BTreeMap::new()), Node::Folder(BTreeMap::new())];
        let mut disk = Disk { nodes: folders, of: HashMap::from([(root, 0), (state, 1)]) };
        for (number, change) in self.changes.iter().enumerate() {
            self.replay(&mut disk, number, change);
        }
        let write = |folder: usize, at: &Path| write(&disk.nodes, folder, at);
        write(0, at);
        write(1, &at.join(".bits"));
    }

    fn replay(&self, disk: &mut Disk, number: usize, change: &Change) {
        let is_synced = is_synced(self.changes, number);
        let lasts = is_synced || number < self.kept;
        match change.clone() {
            // The file itself is there while it is open, whatever becomes of its name.
            Change::Created { folder, name, file, truncated } => {
                let there = disk.names(folder).get(&name).copied();
                let is_there = there.is_some() && there == disk.of.get(&file).copied();
                if !is_there {
                    let node = disk.add(Node::File { bytes: Vec::new(), attribute: None });
                    disk.of.insert(file, node);
                    if lasts {
                        disk.names(folder).insert(name, node);
                    }
                } else if truncated {
                    disk.file(file).0.clear();
                }
            }
            Change::MadeFolder { folder, name, made } => {
                let node = disk.add(Node::Folder(BTreeMap::new()));
                disk.of.insert(made, node);
                if lasts {
                    disk.names(folder).insert(name, node);
                }
            }
            Change::Linked { folder, name, target } if lasts => {
                let node = disk.add(Node::Link(target));
                disk.names(folder).insert(name, node);
            }
            Change::Renamed { from, old, to, new } if lasts => {
                if let Some(node) = disk.names(from).remove(&old) {
                    disk.names(to).insert(new, node);
                }
            }
            Change::Removed { folder, name } if lasts => drop(disk.names(folder).remove(&name)),
            Change::Attribute { file, value } if lasts => *disk.file(file).1 = value,
            Change::Written { file, at, mut bytes } if lasts => {
                match self.left {
                    _ if is_synced => {}
                    Left::Nothing => return,
                    Left::All => {}
                    Left::Length => bytes.fill(0),
                    Left::Half => bytes.truncate(bytes.len() / 2),
                }
                let there = disk.file(file).0;
                there.resize(there.len().max(at + bytes.len()), 0);
                there[at..at + bytes.len()].copy_from_slice(&bytes);
            }
            Change::Cut { file, length } if lasts && (is_synced || self.left != Left::Nothing) => {
                disk.file(file).0.resize(length, 0);
            }
            _ => {}
        }
    }

    /// Whether other kinds of loss would make another disk.
    pub(super) fn has_lost_bytes(&self) -> bool {
        let changes = self.changes.iter().enumerate();
        changes
            .take(self.kept)
            .any(|(number, change)| change.written_file().is_some() && !is_synced(self.changes, number))
    }
}

fn write(nodes: &[Node], folder: usize, at: &Path) {
    let Node::Folder(names) = &nodes[folder] else { unreachable!("it is a folder") };
    for (name, node) in names {
        let at = at.join(name);
        match &nodes[*node] {
            Node::Folder(_) => {
                fs::DirBuilder::new().mode(0o700).create(&at).unwrap();
                write(nodes, *node, &at);
            }
            Node::File { bytes, attribute } => {
                fs::write(&at, bytes).unwrap();
                if let Some(value) = attribute {
                    setxattr(&at, "user.bits-synced", value, XattrFlags::empty()).unwrap();
                }
            }
            Node::Link(target) => symlink(target, &at).unwrap(),
        }
    }
}
