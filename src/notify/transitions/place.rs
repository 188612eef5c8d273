//! The places of a notification.

use crate::machine::transition::catalogue;

catalogue! {
    /// Where a notification stands: its [`State`](crate::notify::State), and what is known of the answer's body. In every
    /// place but [`New`](Self::New) its caller has taken all that it wanted.
    pub enum Place {
        /// Nobody has taken the request (`STATE_INIT`).
        New,
        /// The request was taken, and its last byte is not known to have left (`STATE_SEND_HEADERS`, `STATE_SEND_DATA`).
        Sending,
        /// The request was sent (`STATE_RECEIVE_HEADERS`).
        Awaiting,
        /// The caller looks for the response file (no state of MC-BUP, like the next nine). No byte of the body has come.
        Looking,
        /// The same, and bytes of the body have come, no more than a reply may have.
        LookingSome,
        /// The caller looks for the response file. The body is encoded, and no byte of it has come.
        LookingEncoded,
        /// The same, and bytes of the encoded body have come.
        LookingSomeEncoded,
        /// The caller looks for the response file. The body has not ended, and has, or will have, more bytes than a reply may
        /// have.
        LookingTooLarge,
        /// The caller looks for the response file. The answer has no body, or one of no bytes.
        LookingNone,
        /// The caller looks for the response file. The body has ended, and could be the reply.
        LookingWhole,
        /// The same, but that the body is encoded.
        LookingWholeEncoded,
        /// The same, but that the body is larger than a reply may be.
        LookingWholeTooLarge,
        /// The caller looks for the response file. The body was cut off.
        LookingCut,
        /// The caller stores the body, and no byte of it has come (`STATE_RECEIVE_DATA`, like the next).
        Receiving,
        /// The caller stores the body, and bytes of it have come.
        ReceivingSome,
        /// It is over (`STATE_COMPLETE`, `STATE_ERROR`).
        Done,
    }
}

impl Place {
    /// The answer has not come.
    pub const EXCHANGING: &[Self] = &[Self::New, Self::Sending, Self::Awaiting];

    /// The caller looks for the response file, and the body has not ended.
    pub const LOOKING: &[Self] = &[
        Self::Looking,
        Self::LookingSome,
        Self::LookingEncoded,
        Self::LookingSomeEncoded,
        Self::LookingTooLarge,
    ];

    /// The caller looks for the response file, and there will be no more of the body.
    pub const LOOKING_ALONE: &[Self] = &[
        Self::LookingNone,
        Self::LookingWhole,
        Self::LookingWholeEncoded,
        Self::LookingWholeTooLarge,
        Self::LookingCut,
    ];

    /// The caller stores the body.
    pub const RECEIVING: &[Self] = &[Self::Receiving, Self::ReceivingSome];
}
