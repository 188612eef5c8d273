//! The verdict on an answer (`manual::protocol`, the client's rules): the first rule that fits decides.

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TRANSFER_ENCODING};

use super::config::Config;
use super::failure::{Failure, Reason, Violation};
use crate::machine::retry::retry_after;
use crate::packet::{
    Ack, Conformance, ErrorAck, FragmentAck, FragmentStatus, PacketType, PingAck, ResponseHead,
};
use crate::vocabulary::{ErrorContext, Hresult, ProtocolId, SessionId};

/// How much of a redirection's address is kept.
const MAX_LOCATION: usize = 2048;

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
    /// The Ack breaks the protocol (C25). It may have opened a session all the same.
    Violation(Failure, Option<SessionId>),
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
        location: location(head),
        ..Failure::new(reason, Some(packet))
    };
    let conformance = config.conformance;
    let violation = |violation, created| Verdict::Violation(failure(Reason::Protocol(violation)), created);
    // Strict knows MC-BUP's way alone (Q27).
    if !head.status.is_success() && !conformance.is_strict() && config.says_session_not_found(head) {
        return Verdict::SessionNotFound(failure(Reason::SessionNotFound));
    }
    match Ack::decode(head, packet, conformance) {
        Err(error) => match readable_part(head, packet, conformance) {
            Some(Ack::Error(ack)) => refused(failure(Reason::Refused), ack, packet, conformance),
            Some(ack) => Verdict::Accepted(ack),
            None => violation(Violation::Malformed(error.malformed()), None),
        },
        Ok(None) => not_bits(failure(Reason::NotBits), head, packet, conformance),
        Ok(Some(Ack::Error(ack))) if is_empty_complaint(&ack, packet) && !conformance.is_strict() => {
            Verdict::Doubtful(failure(Reason::Refused))
        }
        Ok(Some(Ack::Error(ack))) => refused(failure(Reason::Refused), ack, packet, conformance),
        Ok(Some(ack)) => match (&ack, ack.session_id(), session_id) {
            (Ack::CreateSession(created), ..)
                if created.protocol.is_some_and(|id| id != ProtocolId::BITS_1_5) =>
            {
                violation(Violation::OtherProtocol, Some(created.session_id))
            }
            (Ack::CreateSession(_), ..) => Verdict::Accepted(ack),
            (_, Some(named), Some(ours)) if named != *ours => violation(Violation::OtherSession, None),
            _ => Verdict::Accepted(ack),
        },
    }
}

/// The part of an Ack that matters although another header of it cannot be read (C73): the error that it is, or that it
/// answers a Ping.
fn readable_part(
    head: ResponseHead<'_>,
    packet: PacketType,
    conformance: Conformance,
) -> Option<Ack<'static>> {
    let status = head.status;
    if status.is_success() {
        return (packet == PacketType::Ping && !conformance.is_strict()).then_some(Ack::Ping(PingAck));
    }
    // Where it stands is what its header would have said.
    let out_of_step = status == StatusCode::RANGE_NOT_SATISFIABLE && packet == PacketType::Fragment;
    (!out_of_step).then(|| Ack::Error(ErrorAck::readable(head, conformance)))
}

/// A page of something else. A server may leave the packet type out of its last Ack (Q16); but a login page says 200, too,
/// and a client that took it for an Ack would report a file that the server does not have.
fn not_bits(
    failure: Failure,
    head: ResponseHead<'_>,
    packet: PacketType,
    conformance: Conformance,
) -> Verdict<'static> {
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
            by_status(Failure { reason: Reason::NotAvailable, ..failure }, status, None, packet, conformance)
        }
        _ => by_status(failure, status, None, packet, conformance),
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

/// The address that a redirection points to, which is never followed (C57, Q37).
fn location(head: ResponseHead<'_>) -> Option<String> {
    let value = head.headers.get(LOCATION).filter(|_| head.status.is_redirection())?.as_bytes();
    let value = value.get(..MAX_LOCATION).unwrap_or(value);
    Some(String::from_utf8_lossy(value).into_owned())
}

/// 400 with an error code that says "no error" (Q28).
fn is_empty_complaint(ack: &ErrorAck, packet: PacketType) -> bool {
    packet == PacketType::Fragment && ack.status == StatusCode::BAD_REQUEST && ack.code == Some(Hresult::S_OK)
}

fn refused(
    failure: Failure,
    ack: ErrorAck,
    packet: PacketType,
    conformance: Conformance,
) -> Verdict<'static> {
    let failure = Failure { code: ack.code, context: ack.context, ..failure };
    match ack.code {
        _ if ack.context == Some(ErrorContext::REMOTE_APPLICATION) => {
            by_application(failure, ack.status, packet, conformance)
        }
        Some(Hresult::BG_E_SESSION_NOT_FOUND) => {
            Verdict::SessionNotFound(Failure { reason: Reason::SessionNotFound, ..failure })
        }
        code => by_status(failure, ack.status, code, packet, conformance),
    }
}

/// The application's errors count by its status alone (C22): its 401 asks the server for credentials, not the client, and
/// smaller fragments help against none of its.
fn by_application(
    failure: Failure,
    status: StatusCode,
    packet: PacketType,
    conformance: Conformance,
) -> Verdict<'static> {
    let transient = match packet {
        PacketType::CloseSession => close_may_pass(status.as_u16(), conformance),
        _ => is_transient(status.as_u16()),
    };
    if transient { Verdict::Transient(failure) } else { Verdict::Fatal(failure) }
}

/// The code counts after 401, 407 and 413, and before every other status. Without one the status says it all (Q31).
fn by_status(
    failure: Failure,
    status: StatusCode,
    code: Option<Hresult>,
    packet: PacketType,
    conformance: Conformance,
) -> Verdict<'static> {
    let hopeless =
        matches!(code, Some(Hresult::BG_E_TOO_LARGE | Hresult::E_INVALIDARG | Hresult::E_ACCESSDENIED));
    let transient = match (status.as_u16(), packet) {
        (401 | 407, _) => {
            return Verdict::Unauthorized(Failure { reason: Reason::Unauthorized, ..failure });
        }
        (413, PacketType::Fragment) => return Verdict::FragmentTooLarge(failure),
        (status, PacketType::CloseSession) => close_may_pass(status, conformance),
        _ if hopeless => false,
        // An error on a 2xx (Q12) whose code says nothing about trying again.
        _ if status.is_success() => false,
        (status, _) => may_pass(status, conformance),
    };
    if transient { Verdict::Transient(failure) } else { Verdict::Fatal(failure) }
}

/// A Close-Session goes again after 500 to 599 (section 3); in interop after every status that may pass as well.
const fn close_may_pass(status: u16, conformance: Conformance) -> bool {
    let interop = !conformance.is_strict();
    (500 <= status && status <= 599) || (interop && may_pass(status, conformance))
}

/// The statuses after which trying again makes sense. Four are younger than MC-BUP's table (C71).
pub(super) const fn may_pass(status: u16, conformance: Conformance) -> bool {
    match status {
        421 | 423 | 425 | 429 => !conformance.is_strict(),
        _ => is_transient(status),
    }
}

/// The statuses after which trying again makes sense (C22); whatever is no status of HTTP at all is one.
pub(crate) const fn is_transient(status: u16) -> bool {
    match status {
        300..=305 | 307 | 308 | 501 | 505 => false,
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
        for status in [306, 309, 399, 408, 409, 500, 502, 503, 504, 599, 600, 999] {
            assert!(is_transient(status), "{status}");
        }
        for status in
            [100, 199, 300, 301, 302, 303, 304, 305, 307, 308, 400, 403, 404, 410, 411, 416, 499, 501, 505]
        {
            assert!(!is_transient(status), "{status}");
        }
    }

    #[test]
    fn c71_younger_statuses_may_pass_in_interop() {
        for status in [421, 423, 425, 429] {
            assert!(
                may_pass(status, Conformance::Interop) && !may_pass(status, Conformance::Strict),
                "{status}"
            );
        }
        for status in [420, 422, 424, 426, 428, 430] {
            assert!(!may_pass(status, Conformance::Interop), "{status}");
        }
    }
}
