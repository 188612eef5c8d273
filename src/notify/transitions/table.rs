//! The table.

use super::place::Place;
use super::sight::{Setting, Sight};
use super::stimulus::Stimulus;
use crate::machine::transition::{Transition, impossible, sights as reaction, transitions};
use crate::notify::state::Timer;

transitions! {
    /// What a notification does in every [`Place`], whatever it meets (§3.3.5.2).
    ///
    /// *Under* is empty where a row holds for every setting. *Then* is where the notification stands afterwards: – is where it
    /// stood. *Answer* is what the caller [sees](Sight), in this order.
    pub const TRANSITIONS: Transition<Place, Stimulus, Setting, &[Sight]>;

    // The request. What nobody took is not answered, and never sent once it is over.
    (New) (Poll) [] => Sending, Transmit;
    (Sending) (Sent) [] => Awaiting, Nothing;
    (New) (Sent) [] => Same, Nothing;
    (New) (all HEADS) [] => Same, Nothing;

    // The application did not take the entity, or nobody knows.
    (Sending | Awaiting) (Refused) [] => Done, Discard Refused;
    (Sending | Awaiting) (Malformed) [] => Done, Discard Malformed;
    (all EXCHANGING) (TransportError) [] => Done, Transport;

    // The application took it. A URL of its own wins (C44).
    (Sending | Awaiting) (StaticUrl) [] => Done, Discard TakenWithUrl;
    (Sending | Awaiting) (StaticUrlEmpty) [] => Done, TakenWithUrl;
    (Sending | Awaiting) (Success | SuccessEncoded | SuccessTooLarge) [NoPlace] => Done, Discard Taken;
    (Sending | Awaiting) (SuccessEmpty) [NoPlace] => Done, Taken;
    (Sending | Awaiting) (Success) [ByReference] => Looking, FindResponseFile;
    (Sending | Awaiting) (SuccessEmpty) [ByReference] => LookingNone, FindResponseFile;
    (Sending | Awaiting) (SuccessEncoded) [ByReference] => LookingEncoded, FindResponseFile;
    (Sending | Awaiting) (SuccessTooLarge) [ByReference] => LookingTooLarge, FindResponseFile;
    (Sending | Awaiting) (Success) [ByValue] => Receiving, StoreBody;
    (Sending | Awaiting) (Success) [Expecting] => Receiving, StoreBody;
    (Sending | Awaiting) (SuccessEmpty) [ByValue] => Done, Taken;
    (Sending | Awaiting) (SuccessEmpty) [Expecting] => Done, StoreBody TakenWithBody;
    (Sending | Awaiting) (SuccessEncoded) [ByValue] => Done, Discard Malformed;
    (Sending | Awaiting) (SuccessEncoded) [Expecting] => Done, Discard Malformed;
    (Sending | Awaiting) (SuccessTooLarge) [ByValue] => Done, Abort ReplyTooLarge;
    (Sending | Awaiting) (SuccessTooLarge) [Expecting] => Done, Abort ReplyTooLarge;

    // The response file is the reply (C43). Without it the body is, but for strict.
    (all LOOKING) (FileThere) [] => Done, Discard TakenWithFile;
    (all LOOKING_ALONE) (FileThere) [] => Done, TakenWithFile;
    (all LOOKING) (NoFile) [Strict] => Done, Discard Taken;
    (all LOOKING_ALONE) (NoFile) [Strict] => Done, Taken;
    (Looking) (NoFile) [Interop] => Receiving, StoreBody;
    (LookingSome) (NoFile) [Interop] => ReceivingSome, StoreBody;
    (LookingEncoded | LookingSomeEncoded) (NoFile) [Interop] => Done, Discard Malformed;
    (LookingTooLarge) (NoFile) [Interop] => Done, Abort ReplyTooLarge;
    (LookingNone) (NoFile) [Interop] => Done, Taken;
    (LookingWhole) (NoFile) [Interop] => Done, StoreBody TakenWithBody;
    (LookingWholeEncoded) (NoFile) [Interop] => Done, Malformed;
    (LookingWholeTooLarge) (NoFile) [Interop] => Done, ReplyTooLarge;
    (LookingCut) (NoFile) [Interop] => Done, Transport;

    // A body that comes before the file was looked for.
    (Looking | LookingSome) (Body) [] => LookingSome, Nothing;
    (Looking | LookingSome) (BodyTooLarge) [] => LookingTooLarge, Nothing;
    (LookingEncoded | LookingSomeEncoded) (Body | BodyTooLarge) [] => LookingSomeEncoded, Nothing;
    (LookingTooLarge) (Body | BodyTooLarge) [] => Same, Nothing;
    (Looking | LookingEncoded) (BodyEnd) [] => LookingNone, Nothing;
    (LookingSome) (BodyEnd) [] => LookingWhole, Nothing;
    (LookingSomeEncoded) (BodyEnd) [] => LookingWholeEncoded, Nothing;
    (LookingTooLarge) (BodyEnd) [] => LookingWholeTooLarge, Nothing;
    (all LOOKING) (BodyCut | TransportError) [] => LookingCut, Nothing;

    // The body, which may be the reply.
    (all RECEIVING) (Body) [] => ReceivingSome, Nothing;
    (all RECEIVING) (BodyTooLarge) [] => Done, Abort ReplyTooLarge;
    (Receiving) (BodyEnd) [ByReference] => Done, Taken;
    (Receiving) (BodyEnd) [ByValue] => Done, Taken;
    (Receiving) (BodyEnd) [Expecting] => Done, TakenWithBody;
    (ReceivingSome) (BodyEnd) [] => Done, TakenWithBody;
    (all RECEIVING) (BodyCut | TransportError) [] => Done, Transport;

    // This server fails.
    (New) (Failure) [] => Done, Server;
    (Sending | Awaiting) (Failure) [] => Done, Abort Server;
    (all LOOKING) (Failure) [] => Done, Abort Server;
    (all LOOKING_ALONE) (Failure) [] => Done, Server;
    (all RECEIVING) (Failure) [] => Done, Abort Server;

    // The timers (§3.3.6).
    (New) (SendTimer) [] => Done, Timeout(Send);
    (Sending) (SendTimer) [] => Done, Abort Timeout(Send);
    (Awaiting) (HeadTimer) [] => Done, Abort Timeout(Head);
    (Awaiting) (ResponseTimer) [] => Done, Abort Timeout(Response);
    (all LOOKING) (ResponseTimer) [] => Done, Abort Timeout(Response);
    (all RECEIVING) (ResponseTimer) [] => Done, Abort Timeout(Response);

    // What changes nothing.
    (all EXCHANGING) (all OF_FILE) [] => Same, Nothing;
    (all EXCHANGING) (all OF_BODY) [] => Same, Nothing;
    (all LOOKING) (all HEADS) [] => Same, Nothing;
    (all LOOKING_ALONE) (all HEADS) [] => Same, Nothing;
    (all LOOKING_ALONE) (all OF_BODY) [] => Same, Nothing;
    (all LOOKING_ALONE) (TransportError) [] => Same, Nothing;
    (all RECEIVING) (all HEADS) [] => Same, Nothing;
    (all RECEIVING) (all OF_FILE) [] => Same, Nothing;
    (all ALL but New) (Poll) [] => Same, Nothing;
    (all ALL but New | Sending) (Sent) [] => Same, Nothing;
    (all ALL) (NoTimer) [] => Same, Nothing;
    (Done) (all HEADS) [] => Same, Nothing;
    (Done) (all OF_FILE) [] => Same, Nothing;
    (Done) (all OF_BODY) [] => Same, Nothing;
    (Done) (TransportError | Failure) [] => Same, Nothing;
}

impossible! {
    /// The pairs that never meet. Rows of [`TRANSITIONS`] that name a group pass over them.
    pub const IMPOSSIBLE;

    (all ALL but New | Sending) (SendTimer) => "the request was sent, or it is over";
    (New | Sending) (HeadTimer | ResponseTimer) => "their time begins once the request was sent";
    (all LOOKING) (HeadTimer) => "the head has come";
    (all RECEIVING) (HeadTimer) => "the head has come";
    (all LOOKING_ALONE) (HeadTimer | ResponseTimer) => "all that comes of the answer has come";
    (Done) (HeadTimer | ResponseTimer) => "no timer runs";
}
