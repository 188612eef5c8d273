//! The heads of the wire captures, as raw bytes.

use bits_proto::packet::PacketType::{self, CloseSession, CreateSession, Fragment, Ping};

macro_rules! capture {
    ($path:literal) => {
        ($path, include_bytes!(concat!("../../../tests/data/captures/", $path)))
    };
}

type Capture = (&'static str, &'static [u8]);

/// Every request of the protocol in the captures.
pub const REQUESTS: &[Capture] = &[
    capture!("upload/01-create-session.req"),
    capture!("upload/03-fragment.req"),
    capture!("upload/05-ping.req"),
    capture!("upload/07-close-session.req"),
    capture!("upload-reply/01-create-session.req"),
    capture!("upload-reply/03-ping.req"),
    capture!("upload-reply/05-fragment.req"),
    capture!("upload-reply/11-close-session.req"),
];

/// Every Ack in the captures, with what it answers.
pub const ACKS: &[(Capture, PacketType)] = &[
    (capture!("upload/02-create-session.ack"), CreateSession),
    (capture!("upload/04-fragment.ack"), Fragment),
    (capture!("upload/06-ping.ack"), Ping),
    (capture!("upload/08-close-session.ack"), CloseSession),
    (capture!("upload-reply/02-create-session.ack"), CreateSession),
    (capture!("upload-reply/04-ping.ack"), Ping),
    (capture!("upload-reply/08-fragment.ack"), Fragment),
    (capture!("upload-reply/12-close-session.ack"), CloseSession),
];

/// What else was captured: the notification of the server application and the download of the reply.
pub const OTHERS: &[Capture] = &[
    capture!("upload-reply/06-notification.req"),
    capture!("upload-reply/07-notification.resp"),
    capture!("upload-reply/09-reply-get.req"),
    capture!("upload-reply/10-reply-get.resp"),
];
