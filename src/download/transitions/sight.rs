//! The outputs and events that the caller of a download sees.

use crate::machine::ApiMisuse;

/// What the caller of a download gets to see: the kind of an [`Output`](crate::download::Output), or an error.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Sight {
    /// [`Output::Transmit`](crate::download::Output::Transmit) of a HEAD.
    SendHead,
    /// `Output::Transmit` of a GET.
    SendGet,
    /// [`Output::Receive`](crate::download::Output::Receive).
    Receive,
    /// [`Output::Abort`](crate::download::Output::Abort) of the exchange under way.
    Abort,
    /// [`Event::SizeKnown`](crate::download::Event::SizeKnown); not where the length was known before.
    SizeKnown,
    /// [`Event::Progress`](crate::download::Event::Progress).
    Progress,
    /// [`Event::SingleRangesOnly`](crate::download::Event::SingleRangesOnly).
    SingleRangesOnly,
    /// [`Event::Restarted`](crate::download::Event::Restarted).
    Restarted,
    /// [`Event::Waiting`](crate::download::Event::Waiting).
    Waiting,
    /// [`Event::CredentialsWanted`](crate::download::Event::CredentialsWanted).
    CredentialsWanted,
    /// [`Event::Suspended`](crate::download::Event::Suspended).
    Suspended,
    /// [`Event::Completed`](crate::download::Event::Completed).
    Completed,
    /// [`Event::Cancelled`](crate::download::Event::Cancelled).
    Cancelled,
    /// [`Event::Failed`](crate::download::Event::Failed).
    Failed,
    /// This error.
    Misuse(ApiMisuse),
    /// Whatever belongs to what is due: the next request, the end, a failure; or nothing, while the pace holds the request.
    Due,
}
