//! The verdict on an answer (`protocol.md` section 6).

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};

use super::config::Config;
use super::failure::{Failure, Reason, Violation};
use crate::machine::retry::retry_after;
use crate::packet::{Ack, ErrorAck, FragmentAck, FragmentStatus, PacketType, ResponseHead};
use crate::vocabulary::ProtocolId;
use crate::vocabulary::SessionId;
use crate::vocabulary::{ErrorContext, Hresult};

/// What an answer means for the upload.
#[derive(Debug)]
pub(super) enum Verdict<'h> {
    /// The packet did what it should, or the server says where it stands.
    Accepted(Ack<'h>),
    /// A Cancel-Session was answered 2xx, but not with an Ack, or a Close-Session with an empty one: it is done as far as
    /// anybody knows.
    Unconfirmed,
    /// Something is wrong with the session, and the server does not say what.
    Doubtful(Failure),
    /// The server does not know the session.
    SessionNotFound(Failure),
    /// Credentials are wanted.
    Unauthorized(Failure),
    /// The fragment is too large.
    FragmentTooLarge(Failure),
    /// It may pass.
    Transient(Failure),
    /// It will not.
    Fatal(Failure),
}

/// Judges the answer to a packet of type `packet`.
pub(super) fn judge<'h>(
    head: ResponseHead<'h>,
    packet: PacketType,
    session_id: Option<&SessionId>,
    config: &Config,
) -> Verdict<'h> {
    let failure = |reason| Failure {
        status: Some(head.status),
        retry_after: retry_after(head.headers),
        ..Failure::new(reason, Some(packet))
    };
    let violation = |violation| Verdict::Transient(failure(Reason::Protocol(violation)));
    if !head.status.is_success() && config.says_session_not_found(head) {
        return Verdict::SessionNotFound(failure(Reason::SessionNotFound));
    }
    match Ack::decode(head, packet, config.conformance) {
        Err(error) => violation(Violation::Malformed(error.malformed())),
        Ok(None) => not_bits(failure(Reason::NotBits), head, packet),
        Ok(Some(Ack::Error(ack))) if is_empty_complaint(&ack, packet) && !config.conformance.is_strict() => {
            Verdict::Doubtful(failure(Reason::Refused))
        }
        Ok(Some(Ack::Error(ack))) => refused(failure(Reason::Refused), ack, packet),
        Ok(Some(ack)) => match (&ack, ack.session_id(), session_id) {
            (Ack::CreateSession(created), ..)
                if created.protocol.is_some_and(|id| id != ProtocolId::BITS_1_5) =>
            {
                violation(Violation::OtherProtocol)
            }
            (Ack::CreateSession(_), ..) => Verdict::Accepted(ack),
            (_, Some(named), Some(ours)) if named != *ours => violation(Violation::OtherSession),
            _ => Verdict::Accepted(ack),
        },
    }
}

/// A page of something else. A server may leave the packet type out of its last Ack (Q16); but a login page says 200, too,
/// and whoever took it for the server's word would believe that a file is there that is not.
fn not_bits(failure: Failure, head: ResponseHead<'_>, packet: PacketType) -> Verdict<'static> {
    let status = head.status;
    match packet {
        PacketType::CancelSession if status.is_success() => Verdict::Unconfirmed,
        PacketType::CloseSession if status.is_success() && is_empty(head) => Verdict::Unconfirmed,
        // Out of step, and no Ack says where the server stands (Q17, Q06).
        PacketType::Fragment if status == StatusCode::RANGE_NOT_SATISFIABLE => {
            Verdict::Accepted(Ack::Fragment(FragmentAck {
                status: FragmentStatus::OutOfStep,
                session_id: None,
                received: None,
                reply_url: None,
            }))
        }
        _ if status.is_success() => Verdict::Transient(failure),
        _ if matches!(status.as_u16(), 404 | 405 | 501) => {
            by_status(Failure { reason: Reason::NotAvailable, ..failure }, status, packet)
        }
        _ => by_status(failure, status, packet),
    }
}

/// Whether there is no page, as far as the head tells.
fn is_empty(head: ResponseHead<'_>) -> bool {
    match head.headers.get(CONTENT_LENGTH) {
        _ if head.status == StatusCode::NO_CONTENT => true,
        Some(length) => length == "0",
        None => !head.headers.contains_key(CONTENT_TYPE) && !head.headers.contains_key(TRANSFER_ENCODING),
    }
}

/// 400 with an error code that says "no error" (Q28).
fn is_empty_complaint(ack: &ErrorAck, packet: PacketType) -> bool {
    packet == PacketType::Fragment && ack.status == StatusCode::BAD_REQUEST && ack.code == Some(Hresult::S_OK)
}

fn refused(failure: Failure, ack: ErrorAck, packet: PacketType) -> Verdict<'static> {
    let failure = Failure { code: ack.code, context: ack.context, ..failure };
    match ack.code {
        _ if ack.context == Some(ErrorContext::REMOTE_APPLICATION) => {
            by_application(failure, ack.status, packet)
        }
        Some(Hresult::BG_E_SESSION_NOT_FOUND) => {
            Verdict::SessionNotFound(Failure { reason: Reason::SessionNotFound, ..failure })
        }
        _ if packet == PacketType::CloseSession => by_status(failure, ack.status, packet),
        Some(Hresult::BG_E_TOO_LARGE | Hresult::E_INVALIDARG | Hresult::E_ACCESSDENIED) => {
            Verdict::Fatal(failure)
        }
        // An error on a 2xx (Q12) whose code says nothing about trying again.
        _ if ack.status.is_success() => Verdict::Fatal(failure),
        _ => by_status(failure, ack.status, packet),
    }
}

/// The application's errors count by its status alone (C22): its 401 asks the server for credentials, not the client, and
/// smaller fragments help against none of its.
fn by_application(failure: Failure, status: StatusCode, packet: PacketType) -> Verdict<'static> {
    let transient = match packet {
        // As whatever else answers it (section 3).
        PacketType::CloseSession => (500..=599).contains(&status.as_u16()),
        _ => is_transient(status.as_u16()),
    };
    if transient { Verdict::Transient(failure) } else { Verdict::Fatal(failure) }
}

fn by_status(failure: Failure, status: StatusCode, packet: PacketType) -> Verdict<'static> {
    match (status.as_u16(), packet) {
        (401 | 407, _) => Verdict::Unauthorized(Failure { reason: Reason::Unauthorized, ..failure }),
        (413, PacketType::Fragment) => Verdict::FragmentTooLarge(failure),
        // A Close-Session goes again after 500 to 599, and after nothing else (section 3).
        (status, PacketType::CloseSession) if (500..=599).contains(&status) => Verdict::Transient(failure),
        (_, PacketType::CloseSession) => Verdict::Fatal(failure),
        (status, _) if is_transient(status) => Verdict::Transient(failure),
        _ => Verdict::Fatal(failure),
    }
}

/// The statuses after which trying again makes sense (C22); whatever is no status of HTTP at all is one.
pub(crate) const fn is_transient(status: u16) -> bool {
    match status {
        300..=305 | 307 | 501 | 505 => false,
        300..=399 | 408 | 409 | 500..=599 => true,
        100..=599 => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c22_the_table_of_transient_statuses() {
        for status in [306, 308, 399, 408, 409, 500, 502, 503, 504, 599, 600, 999] {
            assert!(is_transient(status), "{status}");
        }
        for status in
            [100, 199, 300, 301, 302, 303, 304, 305, 307, 400, 403, 404, 410, 411, 416, 499, 501, 505]
        {
            assert!(!is_transient(status), "{status}");
        }
    }
}
