//! The table.

use std::convert::Infallible;

use super::place::Place;
use super::sight::Sight;
use super::stimulus::Stimulus;
use crate::machine::ApiMisuse;
use crate::machine::transition::{Transition, impossible, sights as reaction, transitions};

transitions! {
    /// What a download does in every [`Place`], whatever it meets (§3.6.5.2).
    ///
    /// *Under* is empty: every row holds for all settings. *Then* is where the download stands afterwards: – is where it stood,
    /// and *as is due* where that leads which is due: the end, if every byte that is wanted is here; a failure, if the length of
    /// the entity does not suit; a HEAD, if it is wanted and was not answered; or a GET for what is missing, at once or when the
    /// pace lets it go. *Answer* is what the caller [sees](Sight), in this order.
    pub const TRANSITIONS: Transition<Place, Stimulus, Infallible, &[Sight]>;

    // What was asked for.
    (Measuring) (Success) [] => Due, SizeKnown Due;
    (Measuring) (SuccessWithoutLength | HeadNotKnown) [] => Due, Due;
    (Asking) (Success) [] => Receiving, SizeKnown Receive;
    (AskingSeveral) (Success) [] => ReceivingSeveral, Receive;
    (Measuring | Asking) (Empty) [] => Completed, SizeKnown Completed;
    (all ANSWERED) (StoredSome) [] => Same, Nothing;
    (Receiving | ReceivingSeveral) (Stored) [] => Due, Progress Due;
    (Receiving | ReceivingSeveral) (StoredLast) [] => Completed, Progress Completed;

    // Something else.
    (Asking | AskingSeveral) (Changed) [] => Due, Abort Restarted Due;
    (Measuring | AskingSeveral) (UnsuitableLength) [] => Failed, SizeKnown Failed;
    (Asking) (UnsuitableLength) [] => Failed, SizeKnown Abort Failed;
    (AskingSeveral) (all VIOLATIONS) [] => Due, Abort SingleRangesOnly Due;
    (AskingSeveral) (NotSatisfiable) [] => Due, SingleRangesOnly Due;
    (ReceivingSeveral) (BodyError) [] => Due, Abort SingleRangesOnly Due;
    (Measuring | Asking | SuspendingMeasuring | SuspendingAsking) (all VIOLATIONS) [] => Failed, Abort Failed;
    (Measuring | Asking | SuspendingMeasuring | SuspendingAsking) (NotSatisfiable) [] => Failed, Failed;
    (Receiving | SuspendingReceiving) (BodyError) [] => Failed, Abort Failed;

    // Other errors, and no answer.
    (all UNDER_WAY) (Unauthorized) [] => NeedsCredentials, CredentialsWanted;
    (all UNDER_WAY) (Transient | Interrupted | BodyEnd) [] => Waiting, Waiting;
    (all UNDER_WAY) (RequestTimer | ResponseTimer) [] => Waiting, Abort Waiting;
    (all UNANSWERED) (Fatal) [] => Failed, Failed;

    // The download is suspended instead of what would come next.
    (SuspendingMeasuring) (Success | Empty | UnsuitableLength) [] => Suspended, SizeKnown Suspended;
    (SuspendingMeasuring) (SuccessWithoutLength | HeadNotKnown) [] => Suspended, Suspended;
    (SuspendingAsking) (Success) [] => SuspendingReceiving, SizeKnown Receive;
    (SuspendingAskingSeveral) (Success) [] => SuspendingReceivingSeveral, Receive;
    (SuspendingAsking) (Empty) [] => Suspended, SizeKnown Suspended;
    (SuspendingAsking) (UnsuitableLength) [] => Suspended, SizeKnown Abort Suspended;
    (SuspendingAskingSeveral) (UnsuitableLength) [] => Suspended, SizeKnown Suspended;
    (SuspendingAsking | SuspendingAskingSeveral) (Changed) [] => Suspended, Abort Restarted Suspended;
    (SuspendingAskingSeveral) (all VIOLATIONS) [] => Suspended, Abort SingleRangesOnly Suspended;
    (SuspendingAskingSeveral) (NotSatisfiable) [] => Suspended, SingleRangesOnly Suspended;
    (SuspendingReceivingSeveral) (BodyError) [] => Suspended, Abort SingleRangesOnly Suspended;
    (SuspendingReceiving | SuspendingReceivingSeveral) (Stored | StoredLast) [] => Suspended, Progress Suspended;
    (all SUSPENDING) (Unauthorized | Transient | Interrupted | BodyEnd) [] => Suspended, Suspended;
    (all SUSPENDING) (RequestTimer | ResponseTimer) [] => Suspended, Abort Suspended;

    // The other timers.
    (Waiting) (RetryTimer) [] => Due, Due;
    (Pacing) (PaceTimer) [] => Due, Due;
    (all UNDER_WAY) (GiveUpTimer) [] => Failed, Abort Failed;
    (all SUSPENDING) (GiveUpTimer) [] => Failed, Abort Failed;
    (Waiting | Pacing) (GiveUpTimer) [] => Failed, Failed;

    // Suspend and resume.
    (Measuring) (SuspendGracefully) [] => SuspendingMeasuring, Nothing;
    (Asking) (SuspendGracefully) [] => SuspendingAsking, Nothing;
    (AskingSeveral) (SuspendGracefully) [] => SuspendingAskingSeveral, Nothing;
    (Receiving) (SuspendGracefully) [] => SuspendingReceiving, Nothing;
    (ReceivingSeveral) (SuspendGracefully) [] => SuspendingReceivingSeveral, Nothing;
    (all SUSPENDING) (SuspendGracefully) [] => Same, Nothing;
    (all UNDER_WAY) (SuspendAtOnce) [] => Suspended, Abort Suspended;
    (all SUSPENDING) (SuspendAtOnce) [] => Suspended, Abort Suspended;
    (all RESTING but Suspended) (SuspendGracefully | SuspendAtOnce) [] => Suspended, Suspended;
    (Suspended) (SuspendGracefully | SuspendAtOnce) [] => Same, Nothing;
    (SuspendingMeasuring) (Resume) [] => Measuring, Nothing;
    (SuspendingAsking) (Resume) [] => Asking, Nothing;
    (SuspendingAskingSeveral) (Resume) [] => AskingSeveral, Nothing;
    (SuspendingReceiving) (Resume) [] => Receiving, Nothing;
    (SuspendingReceivingSeveral) (Resume) [] => ReceivingSeveral, Nothing;
    (Suspended | Failed) (Resume) [] => Due, Due;
    (all UNDER_WAY) (Resume) [] => Same, Misuse(NotSuspended);
    (all RESTING but Suspended | Failed) (Resume) [] => Same, Misuse(NotSuspended);

    // The other commands.
    (all UNDER_WAY) (Cancel) [] => Cancelled, Abort Cancelled;
    (all SUSPENDING) (Cancel) [] => Cancelled, Abort Cancelled;
    (all RESTING) (Cancel) [] => Cancelled, Cancelled;
    (NeedsCredentials) (Authenticate) [] => Due, Due;
    (NeedsCredentials) (AuthenticateNone) [] => Failed, Failed;
    (all UNDER_WAY) (Authenticate | AuthenticateNone) [] => Same, Nothing;
    (all SUSPENDING) (Authenticate | AuthenticateNone) [] => Same, Nothing;
    (all RESTING but NeedsCredentials) (Authenticate | AuthenticateNone) [] => Same, Nothing;
    (all OVER) (all COMMANDS) [] => Same, Misuse(Ended);
    (Pacing) (SetRate) [] => Due, Due;
    (all ALL but Pacing) (SetRate) [] => Same, Nothing;
    (all UNDER_WAY but Measuring) (SlowDown) [] => Asking, Abort SendGet;
    (all SUSPENDING but SuspendingMeasuring) (SlowDown) [] => Suspended, Abort Suspended;
    (Measuring | SuspendingMeasuring) (SlowDown) [] => Same, Nothing;
    (all RESTING) (SlowDown) [] => Same, Nothing;
    (all OVER) (SlowDown) [] => Same, Nothing;

    // What changes nothing.
    (all UNANSWERED) (Sent | Interim) [] => Same, Nothing;
    (all ANSWERED) (Sent) [] => Same, Nothing;
    (all ALL) (Stale) [] => Same, Nothing;
}

impossible! {
    /// The pairs that never meet. Rows of [`TRANSITIONS`] that name a group pass over them.
    pub const IMPOSSIBLE;

    (all RESTING) (all HEADS) => "nothing is on its way";
    (all RESTING) (all OF_BODY) => "nothing is on its way";
    (all RESTING) (all OF_EXCHANGE) => "nothing is on its way";
    (all OVER) (all HEADS) => "nothing is on its way";
    (all OVER) (all OF_BODY) => "nothing is on its way";
    (all OVER) (all OF_EXCHANGE) => "nothing is on its way";
    (all ANSWERED) (all HEADS) => "the head of the answer is here; a second one is stale";
    (all ANSWERED) (RequestTimer) => "an answer has begun, so the timer of its request has stopped";
    (all UNANSWERED) (all OF_BODY) => "the head of the answer is still to come";
    (all UNANSWERED but Measuring | SuspendingMeasuring) (SuccessWithoutLength | HeadNotKnown) => "HEAD alone is answered so";
    (Measuring | SuspendingMeasuring) (Changed | LengthChanged) => "HEAD is the first request: nothing is known of the entity";
    (Measuring | SuspendingMeasuring) (WholeInstead) => "no part was asked for";
    (AskingSeveral | SuspendingAskingSeveral) (Empty) => "several ranges are wanted: that there are none is unsuitable";
    (all ALL but Waiting) (RetryTimer) => "it waits for something else, if for anything";
    (all ALL but Pacing) (PaceTimer) => "it waits for something else, if for anything";
    (NeedsCredentials | Suspended | Failed) (GiveUpTimer) => "the download waits for its caller, however long that takes";
    (all OVER) (GiveUpTimer) => "no timer runs";
}
