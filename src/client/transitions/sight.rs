//! The outputs and events that the caller of an upload sees.

use crate::machine::ApiMisuse;
use crate::packet::PacketType;

/// The setting, or the circumstance, for which a row holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// [`Recovery::Resend`](crate::client::Recovery::Resend).
    Resend,
    /// [`Recovery::Restart`](crate::client::Recovery::Restart).
    Restart,
    /// [`ReplyMode::Ignored`](crate::client::ReplyMode::Ignored).
    ReplyIgnored,
    /// [`ReplyMode::Optional`](crate::client::ReplyMode::Optional).
    ReplyOptional,
    /// [`ReplyMode::Required`](crate::client::ReplyMode::Required).
    ReplyRequired,
    /// There is a session.
    Session,
    /// There is none.
    NoSession,
    /// The session is not given up.
    Staying,
    /// The session is given up because the upload was cancelled.
    ForCancel,
    /// The session is given up because the source has changed.
    ForChange,
}

/// What the caller of an upload gets to see: the kind of an [`Output`](crate::client::Output), or an error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Sight {
    /// [`Output::Transmit`](crate::client::Output::Transmit) of this packet.
    Send(PacketType),
    /// [`Output::Abort`](crate::client::Output::Abort) of the exchange under way.
    Abort,
    /// [`Event::SessionCreated`](crate::client::Event::SessionCreated).
    SessionCreated,
    /// [`Event::HostChanged`](crate::client::Event::HostChanged).
    HostChanged,
    /// [`Event::HostAbandoned`](crate::client::Event::HostAbandoned).
    HostAbandoned,
    /// [`Event::Progress`](crate::client::Event::Progress); not where ground is covered again that was lost.
    Progress,
    /// [`Event::Resynchronised`](crate::client::Event::Resynchronised).
    Resynchronised,
    /// [`Event::FragmentShrunk`](crate::client::Event::FragmentShrunk).
    FragmentShrunk,
    /// [`Event::Restarted`](crate::client::Event::Restarted).
    Restarted,
    /// [`Event::Waiting`](crate::client::Event::Waiting).
    Waiting,
    /// [`Event::CredentialsWanted`](crate::client::Event::CredentialsWanted).
    CredentialsWanted,
    /// [`Event::ReplyReady`](crate::client::Event::ReplyReady).
    ReplyReady,
    /// [`Event::Suspended`](crate::client::Event::Suspended).
    Suspended,
    /// [`Event::Completed`](crate::client::Event::Completed), confirmed.
    Completed,
    /// `Event::Completed`, unconfirmed.
    Unconfirmed,
    /// [`Event::Cancelled`](crate::client::Event::Cancelled).
    Cancelled,
    /// [`Event::Failed`](crate::client::Event::Failed).
    Failed,
    /// This error.
    Misuse(ApiMisuse),
    /// Whatever belongs to what is due: the packet that waited, a Ping where there is a session, or the end.
    Due,
    /// Whatever the place before would have brought, but for what would come next: a packet, a wait, a question to the
    /// caller, the failure for want of a reply. In its stead the upload is suspended; unless it is over, or has failed.
    Rest,
}
