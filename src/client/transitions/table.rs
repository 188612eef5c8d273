//! The table.

use super::place::Place;
use super::sight::{Setting, Sight};
use super::stimulus::Stimulus;
use crate::machine::ApiMisuse;
use crate::machine::transition::{Transition, impossible, sights as reaction, transitions};
use crate::packet::PacketType;

transitions! {
    /// What an upload does in every [`Place`], whatever it meets (§3.1.5.1).
    ///
    /// *Under* is empty where a row holds for every setting. *Then* is where the upload stands afterwards: – is where it stood,
    /// *as before* where it stood before it was to be suspended, and *as is due* where that leads which is due: the packet
    /// that waited; after a suspension or a failure a Ping, if there is a session, or the packet that gives the session up.
    /// *Answer* is what the caller [sees](Sight), in this order.
    pub const TRANSITIONS: Transition<Place, Stimulus, Setting, &[Sight]>;

    // Every packet did what it should.
    (PingingFirst) (Success) [] => Creating, Send(CreateSession);
    (Creating) (Success) [] => Sending, SessionCreated Send(Fragment);
    (Creating) (SuccessNamingHost) [] => Pinging, SessionCreated HostChanged Send(Ping);
    (Pinging) (Success) [] => Due, Due;
    (Sending) (Success | SuccessNamingReply) [] => SendingLast, Progress Send(Fragment);
    (Sending) (SuccessAndMore) [] => Sending, Progress Send(Fragment);
    (Pinging) (SuccessPaced) [] => Pacing, Nothing;
    (Sending) (SuccessPaced) [] => Pacing, Progress;
    (SendingLast) (Success) [ReplyIgnored] => Closing, Progress Send(CloseSession);
    (SendingLast) (Success) [ReplyOptional] => Closing, Progress Send(CloseSession);
    (SendingLast) (Success) [ReplyRequired] => Failed, Progress Failed;
    (SendingLast) (SuccessNamingReply) [ReplyIgnored] => Closing, Progress Send(CloseSession);
    (SendingLast) (SuccessNamingReply) [ReplyOptional] => NeedsReply, Progress ReplyReady;
    (SendingLast) (SuccessNamingReply) [ReplyRequired] => NeedsReply, Progress ReplyReady;
    (Closing | ClosingAgain | LeavingClose | LeavingCloseAgain) (Success) [] => Completed, Completed;
    (Closing | ClosingAgain) (EmptyNoAck) [] => Completed, Unconfirmed;
    (LeavingClose | LeavingCloseAgain) (EmptyNoAck) [] => Leaving, Send(CancelSession);
    (Leaving) (Success | NoAck | EmptyNoAck) [ForCancel] => Cancelled, Cancelled;
    (Leaving) (Success | NoAck | EmptyNoAck) [ForChange] => Withdrawn, Failed;
    (LeavingCreate) (Success) [] => Leaving, SessionCreated Send(CancelSession);
    (LeavingCreate) (SuccessNamingHost) [] => Leaving, SessionCreated HostChanged Send(CancelSession);
    (StartingOver) (Success | NoAck | EmptyNoAck) [] => Creating, Send(CreateSession);

    // The server stands elsewhere, or wants less at once.
    (PingingInDoubt) (Success) [] => StartingOver, Restarted Send(CancelSession);
    (Sending | SendingLast) (OutOfStep) [] => Sending, Resynchronised Send(Fragment);
    (Sending | SendingLast) (OutOfStepBlind) [] => WaitingInDoubt, Waiting;
    (Sending | SendingLast) (FragmentTooLarge) [] => Sending, FragmentShrunk Send(Fragment);
    (Sending | SendingLast) (FragmentTooLargeAtFloor) [] => Failed, Failed;

    // The server does not know the session.
    (PingingFirst | Pinging | PingingInDoubt | Creating | Sending | SendingLast | Closing) (SessionNotFound) []
        => Creating, Restarted Send(CreateSession);
    (ClosingAgain | LeavingCloseAgain) (SessionNotFound) [] => Completed, Unconfirmed;
    (Leaving | LeavingCreate | LeavingClose) (SessionNotFound) [ForCancel] => Cancelled, Cancelled;
    (Leaving | LeavingCreate | LeavingClose) (SessionNotFound) [ForChange] => Withdrawn, Failed;
    (StartingOver) (SessionNotFound) [] => Creating, Send(CreateSession);

    // Other errors.
    (all UNDER_WAY but Suspending) (Unauthorized) [] => NeedsCredentials, CredentialsWanted;
    (PingingFirst | Creating) (Transient | NoAck | EmptyNoAck) [] => Waiting, Waiting;
    (Sending | SendingLast) (Transient) [] => Waiting, Waiting;
    (Sending | SendingLast) (NoAck | EmptyNoAck) [Resend] => Waiting, Waiting;
    (Sending | SendingLast) (NoAck | EmptyNoAck) [Restart] => StartingOver, Restarted Send(CancelSession);
    (Closing | ClosingAgain | Leaving | LeavingClose | LeavingCloseAgain | StartingOver) (Transient) [] => Waiting, Waiting;
    (Closing | ClosingAgain | LeavingClose | LeavingCloseAgain) (NoAck) [] => Waiting, Waiting;
    (Pinging) (Transient | NoAck | EmptyNoAck) [] => WaitingToPing, Waiting;
    (PingingInDoubt) (Transient | NoAck | EmptyNoAck) [] => WaitingInDoubt, Waiting;
    (PingingFirst) (all REFUSALS) [] => Waiting, Waiting;
    (Pinging) (all REFUSALS) [] => WaitingToPing, Waiting;
    (PingingInDoubt) (all REFUSALS) [] => WaitingInDoubt, Waiting;
    (LeavingCreate) (Transient | NoAck | EmptyNoAck) [ForCancel] => Cancelled, Cancelled;
    (LeavingCreate) (Transient | NoAck | EmptyNoAck) [ForChange] => Withdrawn, Failed;
    (Sending | SendingLast) (Fatal) [] => Failed, Failed;
    (Creating | Closing) (all REFUSALS) [] => Failed, Failed;
    (ClosingAgain | LeavingCloseAgain) (all REFUSALS) [] => Completed, Unconfirmed;
    (Leaving | LeavingCreate) (all REFUSALS) [ForCancel] => Cancelled, Cancelled;
    (Leaving | LeavingCreate) (all REFUSALS) [ForChange] => Withdrawn, Failed;
    (LeavingClose) (all REFUSALS) [] => Leaving, Send(CancelSession);
    (StartingOver) (all REFUSALS) [] => Creating, Send(CreateSession);

    // No answer.
    (PingingFirst | Creating | Leaving | LeavingClose | LeavingCloseAgain | StartingOver) (Unsent | Interrupted) []
        => Waiting, Waiting;
    (PingingFirst | Creating | Leaving | LeavingClose | LeavingCloseAgain | StartingOver) (RequestTimer | ResponseTimer) []
        => Waiting, Abort Waiting;
    (Pinging | Closing | ClosingAgain) (Unsent | Interrupted) [] => WaitingToPing, Waiting;
    (Pinging | Closing | ClosingAgain) (RequestTimer | ResponseTimer) [] => WaitingToPing, Abort Waiting;
    (PingingInDoubt) (Unsent | Interrupted) [] => WaitingInDoubt, Waiting;
    (PingingInDoubt) (RequestTimer | ResponseTimer) [] => WaitingInDoubt, Abort Waiting;
    (Sending | SendingLast) (Unsent) [] => WaitingToPing, Waiting;
    (Sending | SendingLast) (Interrupted) [Resend] => WaitingToPing, Waiting;
    (Sending | SendingLast) (RequestTimer | ResponseTimer) [Resend] => WaitingToPing, Abort Waiting;
    (Sending | SendingLast) (Interrupted) [Restart] => StartingOver, Restarted Send(CancelSession);
    (Sending | SendingLast) (RequestTimer | ResponseTimer) [Restart] => StartingOver, Abort Restarted Send(CancelSession);
    (LeavingCreate) (Unsent | Interrupted) [ForCancel] => Cancelled, Cancelled;
    (LeavingCreate) (Unsent | Interrupted) [ForChange] => Withdrawn, Failed;
    (LeavingCreate) (RequestTimer | ResponseTimer) [ForCancel] => Cancelled, Abort Cancelled;
    (LeavingCreate) (RequestTimer | ResponseTimer) [ForChange] => Withdrawn, Abort Failed;

    // The other timers.
    (Waiting) (RetryTimer) [] => Due, Due;
    (WaitingToPing) (RetryTimer) [] => Pinging, Send(Ping);
    (WaitingInDoubt) (RetryTimer) [] => PingingInDoubt, Send(Ping);
    (Pacing) (PaceTimer) [] => Due, Due;
    (Pinging | PingingInDoubt | Sending | SendingLast | Closing | ClosingAgain) (HostFallbackTimer) [] => Same, HostAbandoned;
    (Leaving | LeavingClose | LeavingCloseAgain | StartingOver | Suspending) (HostFallbackTimer) [] => Same, HostAbandoned;
    (Waiting | WaitingToPing | WaitingInDoubt | NeedsCredentials | NeedsReply | Suspended | Failed) (HostFallbackTimer) []
        => Same, HostAbandoned;
    (PingingFirst | Pinging | PingingInDoubt | Creating | Sending | SendingLast | Closing | ClosingAgain | StartingOver) (GiveUpTimer) []
        => Failed, Abort Failed;
    (Leaving | LeavingCreate | LeavingClose | LeavingCloseAgain) (GiveUpTimer) [ForCancel] => Cancelled, Abort Cancelled;
    (Leaving | LeavingCreate | LeavingClose | LeavingCloseAgain) (GiveUpTimer) [ForChange] => Withdrawn, Abort Failed;
    (WaitingToPing | WaitingInDoubt | Pacing) (GiveUpTimer) [] => Failed, Failed;
    (Waiting) (GiveUpTimer) [Staying] => Failed, Failed;
    (Waiting) (GiveUpTimer) [ForCancel] => Cancelled, Cancelled;
    (Waiting) (GiveUpTimer) [ForChange] => Withdrawn, Failed;

    // Suspend and resume.
    (all UNDER_WAY but Suspending) (SuspendGracefully) [] => Suspending, Nothing;
    (Suspending) (SuspendGracefully) [] => Same, Nothing;
    (all UNDER_WAY but Suspending) (SuspendAtOnce) [] => Suspended, Abort Suspended;
    (all RESTING but Suspended) (SuspendGracefully | SuspendAtOnce) [] => Suspended, Suspended;
    (Suspended) (SuspendGracefully | SuspendAtOnce) [] => Same, Nothing;
    (Suspended | Failed) (Resume) [] => Due, Due;
    (Withdrawn) (Resume) [] => Same, Misuse(SourceChanged);
    (all UNDER_WAY but Suspending) (Resume) [] => Same, Misuse(NotSuspended);
    (all RESTING but Suspended | Failed | Withdrawn) (Resume) [] => Same, Misuse(NotSuspended);

    // A packet is on its way, and then the upload is suspended.
    (Suspending) (all OF_PACKET but SuccessPaced | Sent) [] => Due, Rest;
    (Suspending) (GiveUpTimer) [] => Due, Rest;
    (Suspending) (SuspendAtOnce | Cancel | SourceChanged) [] => Due, Due;
    (Suspending) (Resume) [] => Before, Nothing;

    // Cancel, and a source that is not what it was.
    (Creating) (Cancel | SourceChanged) [] => LeavingCreate, Nothing;
    (Closing) (Cancel | SourceChanged) [] => LeavingClose, Nothing;
    (ClosingAgain) (Cancel | SourceChanged) [] => LeavingCloseAgain, Nothing;
    (Pinging | PingingInDoubt | Sending | SendingLast | StartingOver) (Cancel | SourceChanged) []
        => Leaving, Abort Send(CancelSession);
    (PingingFirst) (Cancel) [] => Cancelled, Abort Cancelled;
    (PingingFirst) (SourceChanged) [] => Withdrawn, Abort Failed;
    (LeavingCreate | LeavingClose | LeavingCloseAgain) (Cancel | SourceChanged) [] => Same, Nothing;
    (Leaving) (Cancel) [ForCancel] => Same, Nothing;
    (Leaving) (SourceChanged) [ForCancel] => Same, Abort Send(CancelSession);
    (Leaving) (Cancel) [ForChange] => Same, Abort Send(CancelSession);
    (Leaving) (SourceChanged) [ForChange] => Same, Nothing;
    (all RESTING) (Cancel | SourceChanged) [Session] => Leaving, Send(CancelSession);
    (all RESTING) (Cancel) [NoSession] => Cancelled, Cancelled;
    (all RESTING) (SourceChanged) [NoSession] => Withdrawn, Failed;

    // The other commands.
    (NeedsCredentials) (Authenticate) [] => Due, Due;
    (NeedsCredentials) (AuthenticateNone) [Staying] => Failed, Failed;
    (NeedsCredentials) (AuthenticateNone) [ForCancel] => Cancelled, Cancelled;
    (NeedsCredentials) (AuthenticateNone) [ForChange] => Withdrawn, Failed;
    (all UNDER_WAY) (Authenticate | AuthenticateNone) [] => Same, Nothing;
    (all RESTING but NeedsCredentials) (Authenticate | AuthenticateNone) [] => Same, Nothing;
    (NeedsReply) (ReplyFetched) [] => Closing, Send(CloseSession);
    (NeedsReply) (ReplyFailed) [] => Failed, Failed;
    (all UNDER_WAY) (ReplyFetched | ReplyFailed) [] => Same, Misuse(NoReplyWanted);
    (all RESTING but NeedsReply) (ReplyFetched | ReplyFailed) [] => Same, Misuse(NoReplyWanted);
    (Pacing) (SetRate) [] => Due, Due;
    (all ALL but Pacing) (SetRate) [] => Same, Nothing;
    (all OVER) (all COMMANDS) [] => Same, Misuse(Ended);

    // What changes nothing.
    (all UNDER_WAY) (Sent) [] => Same, Nothing;
    (all ALL) (Stale) [] => Same, Nothing;
}

impossible! {
    /// The pairs that never meet. Rows of [`TRANSITIONS`] that name a group pass over them.
    pub const IMPOSSIBLE;

    (all RESTING) (all OF_PACKET) => "nothing is on its way";
    (all OVER) (all OF_PACKET) => "nothing is on its way";
    (all UNDER_WAY but Creating | LeavingCreate | Suspending) (SuccessNamingHost) => "Create-Session alone is answered so";
    (all UNDER_WAY but Sending | Suspending) (SuccessAndMore) => "no Fragment, or none with so much after it, is on its way";
    (all UNDER_WAY but Sending | SendingLast | Suspending) (SuccessNamingReply) => "a Fragment alone is answered so";
    (all UNDER_WAY but Sending | Pinging) (SuccessPaced) => "no Fragment that could wait comes next";
    (all ALL but Waiting | WaitingToPing | WaitingInDoubt) (RetryTimer) => "it waits for something else, if for anything";
    (all ALL but Pacing) (PaceTimer) => "it waits for something else, if for anything";
    (PingingFirst | Creating | LeavingCreate) (HostFallbackTimer) => "there is no session, and so no host of its own";
    (Pacing) (HostFallbackTimer) => "a fragment that makes progress stops the timer, and the pace waits less than the timer";
    (Suspended | Failed) (GiveUpTimer) => "the upload waits for its caller, however long that takes";
    (Withdrawn | Completed | Cancelled) (HostFallbackTimer | GiveUpTimer) => "no timer runs";
    (NeedsCredentials | NeedsReply) (GiveUpTimer) => "the upload waits for its caller, however long that takes";
}
