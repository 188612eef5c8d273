//! The sizes of values that programs keep many of, or pass around: growth shows here first.

use std::mem::size_of;

use bits_proto::packet::{Ack, Request};
use bits_proto::server::{Exchange, Output, Session};
use bits_proto::{ContentRange, DecodeError, Guid, Hresult, SessionId};

#[test]
fn values_keep_their_sizes() {
    assert_eq!(size_of::<Hresult>(), 4);
    assert_eq!(size_of::<Guid>(), 16);
    assert_eq!(size_of::<ContentRange>(), 24);
    // A hundred characters and their number: no session id is ever allocated.
    assert_eq!(size_of::<SessionId>(), 101);
    assert_eq!(size_of::<Exchange>(), 24);
    // Errors that are values: small enough to be returned without a box.
    assert!(size_of::<DecodeError>() <= 128);
    assert!(size_of::<Request<'_>>() <= 192 && size_of::<Ack<'_>>() <= 192 && size_of::<Output>() <= 192);
    // A program keeps a million of them.
    assert!(size_of::<Session>() <= 128, "{}", size_of::<Session>());
}
