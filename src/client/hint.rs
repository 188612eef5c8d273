//! What a person should look at.

use http::StatusCode;

use super::failure::{Failure, Reason};
use crate::packet::PacketType;
use crate::vocabulary::{ErrorContext, Hresult};

impl Failure {
    /// What to look at, where experience has a hint: most failures of this protocol are made by something in between.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        let from_bits = self.reason == Reason::Refused;
        match (self.reason, self.status.map(|status| status.as_u16())?) {
            (Reason::FragmentTooLarge, _) => {
                Some("something in front of the server limits the size of request bodies")
            }
            (Reason::NotAvailable, 404) => Some(
                "the path may be wrong, BITS not enabled there, or IIS's request filtering refuse the name or the size",
            ),
            (Reason::NotAvailable, 405 | 501) => Some(
                "the server or a firewall does not let the method BITS_POST pass: enable BITS there, or try the method override",
            ),
            (Reason::NotBits, 411) => Some("something in between dropped Content-Length"),
            (Reason::NotBits, 413) => Some("IIS's request filtering, or a proxy, limits the size of uploads"),
            (Reason::NotBits, 200..=299) => {
                Some("a login page or a portal may have answered in the server's place")
            }
            (Reason::NotBits, 300..=399) => {
                Some("uploads are not redirected: use the address that it points to")
            }
            (Reason::NotBits, 502..=504) => Some("a gateway could not reach the server"),
            (Reason::Refused, 400) if self.packet == Some(PacketType::Fragment) => {
                Some("something in between may have dropped or changed Content-Range")
            }
            // It has its own reasons.
            (Reason::Refused, _) if self.context == Some(ErrorContext::REMOTE_APPLICATION) => None,
            (Reason::Refused, 403) if self.code.and_then(Hresult::explanation).is_none() => {
                Some("the account may not write there, or the file exists and may not be overwritten")
            }
            (Reason::Refused, 404) => Some("the folder does not exist, or the file vanished from the server"),
            (Reason::Refused, 501) => Some("BITS uploads are not enabled for this directory"),
            (_, 401) if !from_bits => Some("the server wants other credentials"),
            (_, 407) if !from_bits => Some("the proxy wants credentials of its own"),
            _ => None,
        }
    }

    /// Whether a status came from this protocol's server and not from something in between.
    #[must_use]
    pub fn is_from_bits_server(&self) -> bool {
        self.reason == Reason::Refused || self.reason == Reason::SessionNotFound
    }

    /// Whether trying again later, as it is, makes sense: [`Upload::resume`](super::Upload::resume) then may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.reason {
            Reason::Refused | Reason::NotBits | Reason::NotAvailable => {
                self.status.is_some_and(|status: StatusCode| super::verdict::is_transient(status.as_u16()))
            }
            Reason::FragmentTooLarge | Reason::Stalled | Reason::Regressed | Reason::SourceChanged => false,
            _ => true,
        }
    }
}
