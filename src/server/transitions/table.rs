//! The table.

use super::place::Place;
use super::reaction::{Reaction, Setting, reaction};
use super::stimulus::Stimulus;
use crate::machine::transition::{Transition, impossible, transitions};
use crate::vocabulary::Hresult;

transitions! {
    /// What a session does in every [`Place`], whatever it meets (§3.2.5.1).
    ///
    /// *Under* is empty where a row holds for every setting. *Then* is where the session stands afterwards: – is where it
    /// stood, *as before* where it stood before the Cancel, and *as is due* wherever the request leads whose turn has come.
    /// *Answer* is the [`Reaction`]: what to do, or an Ack; of an error, its status and code.
    pub const TRANSITIONS: Transition<Place, Stimulus, Setting, Reaction>;

    // A client that may not use the session learns nothing else.
    (all ALL) (OtherOwner) [] => Same, Error(403 E_ACCESSDENIED);
    (all ALL) (OtherDestination | Misrouted) [] => Same, Error(400 E_INVALIDARG);

    // Fragments while nobody is at work.
    (Fresh | Unread | Receiving) (Next) [] => Storing, Store;
    (Fresh | Unread | Receiving) (Last) [] => StoringLast, Store;
    (Fresh | Unread) (Unreadable) [] => Unread, Error(400 E_INVALIDARG);
    (all IDLE but Fresh | Unread) (Unreadable) [] => Same, Error(400 E_INVALIDARG);
    (Receiving) (Overlap) [Interop] => Storing, Store;
    (Receiving) (OverlapLast) [Interop] => StoringLast, Store;
    (Receiving) (Repeat) [Interop] => Same, Accepted;
    (Receiving) (Overlap | OverlapLast | Repeat) [Strict] => Same, OutOfStep;
    (Fresh | Unread | Receiving) (Gap) [] => Receiving, OutOfStep;
    (Fresh | Unread | Receiving) (FragmentTooLarge) [] => Receiving, Error(413);
    (Fresh | Unread | Oversized) (EntityTooLarge) [] => Oversized, Error(500 BG_E_TOO_LARGE);
    (Fresh | Unread) (Empty) [NoApplication] => Complete, Accepted;
    (Fresh | Unread) (Empty) [Application] => NotifyingEmpty, Notify;
    (Unnotified) (Repeat | FragmentTooLarge) [] => Notifying, Notify;
    (UnnotifiedEmpty) (Repeat) [] => NotifyingEmpty, Notify;
    (Denied | DeniedEmpty) (Repeat | FragmentTooLarge) [] => Same, Denial;
    (Complete | Kept | Doubtful) (Repeat | FragmentTooLarge) [] => Same, Accepted;
    (all IDLE but Fresh | Unread) (OtherTotal | Empty) [] => Same, Error(400 E_INVALIDARG);
    (all IDLE but Fresh | Unread | Oversized) (EntityTooLarge) [] => Same, Error(400 E_INVALIDARG);

    // Close and Cancel while nobody is at work.
    (Fresh) (Close) [NoApplication] => Publishing, Publish;
    (Fresh) (Close) [Application] => NotifyingOnClose, Notify;
    (UnnotifiedEmpty) (Close) [] => NotifyingOnClose, Notify;
    (DeniedEmpty) (Close) [] => Same, Denial;
    (Unread | Receiving | Oversized | Unnotified | Denied) (Close) [] => Same, Error(400 E_INVALIDARG);
    (Complete) (Close) [] => Publishing, Publish;
    (Doubtful) (Close) [] => Republishing, Publish;
    (Kept) (Close) [] => Discarding, Discard;
    (all IDLE) (Cancel) [] => Cancelling, Discard;

    // Requests once the session is over.
    (all ENDED) (all FRAGMENTS but Unreadable) [] => Same, Error(500 BG_E_SESSION_NOT_FOUND);
    (all ENDED) (Unreadable) [] => Same, Error(400 E_INVALIDARG);
    (Closed) (Close) [Interop] => Same, Closed;
    (Closed | Cancelled) (Cancel) [Interop] => Same, Cancelled;
    (Closed) (Close) [Strict] => Same, Error(500 BG_E_SESSION_NOT_FOUND);
    (Closed | Cancelled) (Cancel) [Strict] => Same, Error(500 BG_E_SESSION_NOT_FOUND);
    (all ENDED but Closed) (Close) [] => Same, Error(500 BG_E_SESSION_NOT_FOUND);
    (all ENDED but Closed | Cancelled) (Cancel) [] => Same, Error(500 BG_E_SESSION_NOT_FOUND);

    // Requests while another exchange is at work.
    (Storing | GivingWay) (all REQUESTS) [] => GivingWay, Stop;
    (StoringLast | GivingWayLast) (all REQUESTS) [] => GivingWayLast, Stop;
    (all WORKING but Storing | StoringLast | GivingWay | GivingWayLast | Expiring) (all REQUESTS) [] => Same, Wait;
    (Expiring) (all REQUESTS but Unreadable) [] => Same, Error(500 BG_E_SESSION_NOT_FOUND);
    (Expiring) (Unreadable) [] => Same, Error(400 E_INVALIDARG);

    // Whether the upload may start.
    (Opening) (Opened) [] => Fresh, Created;
    (Opening) (all FAILURES) [] => Refused, Refusal;
    (Opening) (Abandoned) [] => Unopened, Error(503);

    // What was stored counts, whatever else happened.
    (Storing) (StoredWhole) [] => Receiving, Accepted;
    (StoringLast) (StoredWhole) [NoApplication] => Complete, Accepted;
    (StoringLast) (StoredWhole) [Application] => Notifying, Notify;
    (Storing | StoringLast) (StoredPart) [] => Receiving, Error(400 E_INVALIDARG);
    (GivingWay) (StoredWhole | StoredPart) [] => Receiving, Error(503);
    (GivingWayLast) (StoredWhole) [NoApplication] => Complete, Error(503);
    (GivingWayLast) (StoredWhole) [Application] => Unnotified, Error(503);
    (GivingWayLast) (StoredPart) [] => Receiving, Error(503);
    (Storing | GivingWay) (FailedWhole) [] => Receiving, Refusal;
    (Storing | StoringLast | GivingWay | GivingWayLast) (FailedPart) [] => Receiving, Refusal;
    (Storing | StoringLast | GivingWay | GivingWayLast) (all FAILURES) [] => Receiving, Refusal;
    (StoringLast | GivingWayLast) (FailedWhole) [NoApplication] => Complete, Refusal;
    (StoringLast | GivingWayLast) (FailedWhole) [Application] => Unnotified, Refusal;
    (Storing | StoringLast | GivingWay | GivingWayLast) (Abandoned) [] => Receiving, Error(503);

    // What the server application said.
    (Notifying | NotifyingEmpty) (Taken) [] => Complete, Accepted;
    (Notifying | NotifyingEmpty) (TakenAndKept) [] => Kept, Accepted;
    (NotifyingOnClose) (Taken) [] => Publishing, Publish;
    (NotifyingOnClose) (TakenAndKept) [] => Discarding, Discard;
    (Notifying) (ReplyTooLong) [] => Unnotified, Error(400 E_INVALIDARG);
    (NotifyingEmpty | NotifyingOnClose) (ReplyTooLong) [] => UnnotifiedEmpty, Error(400 E_INVALIDARG);
    (Notifying) (all FAILURES but FailedForbidden) [] => Unnotified, Refusal;
    (NotifyingEmpty | NotifyingOnClose) (all FAILURES but FailedForbidden) [] => UnnotifiedEmpty, Refusal;
    (Notifying) (FailedForbidden) [] => Denied, Refusal;
    (NotifyingEmpty | NotifyingOnClose) (FailedForbidden) [] => DeniedEmpty, Refusal;
    (Notifying) (Abandoned) [] => Unnotified, Error(503);
    (NotifyingEmpty | NotifyingOnClose) (Abandoned) [] => UnnotifiedEmpty, Error(503);

    // How it ends, or does not.
    (Publishing) (Published) [] => Closed, Closed;
    (Publishing) (FailedMissing) [] => DiscardingLost, Discard;
    (Publishing) (all FAILURES but FailedMissing) [] => Complete, Refusal;
    (Discarding) (Discarded) [] => Closed, Closed;
    (DiscardingLost) (Discarded) [] => Lost, Error(404);
    (Republishing) (Published | FailedMissing) [] => Closed, Closed;
    (Republishing) (all FAILURES but FailedMissing) [] => Doubtful, Refusal;
    (Cancelling) (Discarded) [] => Cancelled, Cancelled;
    (Expiring) (Discarded) [] => Expired, Done;
    (Expiring) (Abandoned) [] => Expired, Error(503);
    (Expiring) (all FAILURES) [] => Expired, Done;
    (Discarding) (all FAILURES) [] => Kept, Refusal;
    (DiscardingLost) (all FAILURES) [] => Complete, Refusal;
    (Cancelling) (all FAILURES) [] => Before, Refusal;
    (Publishing | Republishing) (Abandoned) [] => Doubtful, Error(503);
    (DiscardingLost) (Abandoned) [] => Complete, Error(503);
    (Discarding) (Abandoned) [] => Kept, Error(503);
    (Cancelling) (Abandoned) [] => Before, Error(503);

    // Reports that do not belong to the step that was asked for.
    (all WORKING but Opening) (Opened) [] => Same, Again;
    (all WORKING but Storing | StoringLast | GivingWay | GivingWayLast) (StoredWhole | StoredPart | FailedPart | FailedWhole) []
        => Same, Again;
    (all WORKING but Notifying | NotifyingEmpty | NotifyingOnClose) (Taken | TakenAndKept | ReplyTooLong) []
        => Same, Again;
    (all WORKING but Publishing | Republishing) (Published) [] => Same, Again;
    (all WORKING but Discarding | DiscardingLost | Cancelling | Expiring) (Discarded) [] => Same, Again;

    // Whose turn it is.
    (all WORKING) (Poll) [] => Same, Again;
    (all WORKING but Expiring) (WaitingPoll) [] => Same, Wait;
    (all IDLE) (WaitingPoll) [] => Due, Due;
    (all ENDED but Expired) (WaitingPoll) [] => Due, Due;
    (all ALL) (WaitingAbandoned | Stale) [] => Same, Error(503);

    // What no client asked for.
    (Storing | GivingWay) (Evict) [] => GivingWay, Stop;
    (StoringLast | GivingWayLast) (Evict) [] => GivingWayLast, Stop;
    (all WORKING but Storing | StoringLast | GivingWay | GivingWayLast) (Evict) [] => Same, Wait;
    (all IDLE) (Evict | Expire) [] => Expiring, Discard;
    (Unopened | Expired) (Evict | Expire) [] => Expiring, Discard;
    (Refused | Closed | Cancelled | Lost) (Evict | Expire) [] => Same, Done;
}

impossible! {
    /// The pairs that never meet. Rows of [`TRANSITIONS`] that name a group pass over them.
    pub const IMPOSSIBLE;

    (Opening | Fresh | Unread | Unopened | Refused) (Overlap | OverlapLast | Repeat | OtherTotal) => "nothing is stored, and no total known";
    (Oversized) (Next | Last | Overlap | OverlapLast | Repeat | Gap | FragmentTooLarge)
        => "whatever has this entity's total is too large";
    (
        Notifying | NotifyingEmpty | NotifyingOnClose | Unnotified | UnnotifiedEmpty | Denied | DeniedEmpty | Complete
        | Kept | Doubtful | Publishing | Republishing | Discarding | DiscardingLost | Closed | Lost
    ) (Next | Last | Overlap | OverlapLast | Gap) => "no byte is missing";
    (NotifyingEmpty | NotifyingOnClose | UnnotifiedEmpty | DeniedEmpty) (Empty | FragmentTooLarge)
        => "of an empty entity the one is a repeat, and the other has another total";
    (all IDLE) (all AT_WORK) => "nobody is at work";
    (all ENDED) (all AT_WORK) => "nobody is at work";
    (Storing | StoringLast) (WaitingPoll | WaitingAbandoned) => "whoever waits has asked for the end of what is stored";
    (Expiring) (WaitingPoll | WaitingAbandoned) => "a session that is over lets nobody wait";
    (Expired) (WaitingPoll | WaitingAbandoned) => "a session that is over lets nobody wait";
    (all WORKING) (Expire) => "a session on which an exchange works lives on";
}
