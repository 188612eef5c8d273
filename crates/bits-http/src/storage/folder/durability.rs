//! The moments at which a folder makes things last.

/// When a [`Folder`](super::Folder) has the operating system write to the disk what it would keep in memory for a while.
///
/// | | when a process dies | when the machine loses power |
/// |---|---|---|
/// | [`Fragment`](Self::Fragment) | nothing is lost | nothing is lost that was acknowledged |
/// | [`Whole`](Self::Whole) | nothing is lost | bytes of uploads whose last Fragment has not come may be lost: their clients send them again. Published files are whole, and there |
/// | [`Never`](Self::Never) | nothing is lost | unfinished uploads, and files that were published in the last minute, may be lost or damaged |
///
/// An upload is made to last with its first Fragment, not with its Create. A client whose session was lost without a byte begins
/// anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Before each Fragment is acknowledged, and all that belongs to a session.
    #[default]
    Fragment,
    /// All that belongs to a session, and the bytes of an upload before its last Fragment is acknowledged. Where the file system has no extended
    /// attributes, each Fragment is synced. A restart of the machine counts as a loss of power.
    Whole,
    /// When the operating system likes to.
    Never,
}
