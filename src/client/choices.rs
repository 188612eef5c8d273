//! The choices that an upload leaves to its caller.

/// On which packets `Content-Name` is sent (C08g).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ContentNamePackets {
    /// On every Fragment, as today's Windows (note `<11>`). The default.
    #[default]
    Fragments,
    /// On Create-Session, Fragment and Close-Session, as the Windows of the captures (note `<5>`).
    All,
    /// Nowhere: the name stays here.
    None,
}

/// Whether a reply to the upload is expected (C40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum ReplyMode {
    /// A reply is not fetched, even if the server has one. The default.
    #[default]
    Ignored,
    /// A reply is fetched if the server has one.
    Optional,
    /// A reply is fetched, and its absence is a failure (§3.1.5.2.4).
    Required,
}

/// What to do when a Fragment was sent and no answer came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Recovery {
    /// Send it again. Right for servers that never overwrite what they stored, as IIS and this library. The default.
    #[default]
    Resend,
    /// Cancel the session and start over. For servers that append whatever comes: there, a repeat corrupts the file.
    Restart,
}

/// What it means that a session is not found when a Close-Session goes again whose answer was lost (C17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum LostClose {
    /// That the server has published the entity: the upload is complete, unconfirmed. The default.
    #[default]
    Completes,
    /// That nobody knows: the upload starts over, as MC-BUP has it (§3.1.5.2.1). The entity may be published twice.
    StartsOver,
}
