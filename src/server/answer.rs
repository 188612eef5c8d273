//! The errors that a server sends.

use http::StatusCode;

use super::report::Refusal;
use crate::packet::{Conformance, ErrorAck};
use crate::vocabulary::{ErrorContext, Hresult};

const SERVER: ErrorContext = ErrorContext::REMOTE_FILE;
const APPLICATION: ErrorContext = ErrorContext::REMOTE_APPLICATION;

pub(super) const fn invalid() -> ErrorAck {
    ErrorAck::new(StatusCode::BAD_REQUEST, Hresult::E_INVALIDARG, SERVER)
}

pub(super) const fn access_denied() -> ErrorAck {
    ErrorAck::new(StatusCode::FORBIDDEN, Hresult::E_ACCESSDENIED, SERVER)
}

pub(super) const fn not_enabled() -> ErrorAck {
    ErrorAck::new(StatusCode::NOT_IMPLEMENTED, Hresult::E_ACCESSDENIED, SERVER)
}

pub(super) const fn session_not_found() -> ErrorAck {
    ErrorAck::new(StatusCode::INTERNAL_SERVER_ERROR, Hresult::BG_E_SESSION_NOT_FOUND, SERVER)
}

/// The entity is too large, not the fragment (C16).
pub(super) const fn too_large() -> ErrorAck {
    ErrorAck::new(StatusCode::INTERNAL_SERVER_ERROR, Hresult::BG_E_TOO_LARGE, SERVER)
}

pub(super) const fn fragment_too_large() -> ErrorAck {
    ErrorAck::status_only(StatusCode::PAYLOAD_TOO_LARGE)
}

/// Too many sessions, or a newer exchange has taken this one's place: come back later.
pub(super) const fn busy() -> ErrorAck {
    ErrorAck::status_only(StatusCode::SERVICE_UNAVAILABLE)
}

pub(super) fn refused(refusal: Refusal, conformance: Conformance) -> ErrorAck {
    match refusal {
        Refusal::AccessDenied | Refusal::DestinationExists => access_denied(),
        Refusal::IsDirectory | Refusal::BadBody => invalid(),
        Refusal::NoSuchFolder | Refusal::EntityMissing => ErrorAck::status_only(StatusCode::NOT_FOUND),
        Refusal::Busy => busy(),
        Refusal::DiskFull => {
            ErrorAck::new(StatusCode::INTERNAL_SERVER_ERROR, Hresult::ERROR_DISK_FULL, SERVER)
        }
        Refusal::TooLarge => too_large(),
        Refusal::Internal => ErrorAck::status_only(StatusCode::INTERNAL_SERVER_ERROR),
        Refusal::Application { status, code } if is_error(status) => {
            let code = code.filter(|code| code.is_failure());
            ErrorAck::new(status, code.unwrap_or_else(|| Hresult::from_http_status(status)), APPLICATION)
        }
        // Its status is none of an error. Its code says what is wrong; without one it broke the rules (C21).
        Refusal::Application { code, .. } => {
            let code = code.filter(|code| code.is_failure()).unwrap_or(Hresult::E_INVALIDARG);
            ErrorAck::new(StatusCode::INTERNAL_SERVER_ERROR, code, APPLICATION)
        }
        Refusal::ApplicationTimeout => {
            let code = match conformance {
                Conformance::Interop => Hresult::ERROR_TIMEOUT,
                Conformance::Strict => Hresult::ERROR_DISK_FULL_AS_PRINTED,
            };
            ErrorAck::new(StatusCode::REQUEST_TIMEOUT, code, APPLICATION)
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    (300..600).contains(&status.as_u16())
}
