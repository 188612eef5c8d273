//! Why a packet was refused, for whoever runs the server: clients are told less.

use bits_proto::packet::{Ack, Request};
use bits_proto::server::Refusal;
use http::StatusCode;

/// The reason of an Ack, if it is an error: what a file was refused for, or what the Ack itself says.
pub(super) fn of(request: &Request<'_>, ack: &Ack<'_>, refusal: Option<Refusal>) -> Option<String> {
    let Ack::Error(error) = ack else { return None };
    let reason = match refusal {
        Some(Refusal::DestinationExists) => "the file exists: --allow-overwrites would let it be replaced",
        Some(Refusal::NoSuchFolder) => "the folder does not exist: --create-dirs would make it",
        Some(Refusal::IsDirectory) => "that is the name of a folder",
        Some(Refusal::AccessDenied) => {
            "nothing may be written there: a name that is not allowed, a symbolic link, or missing permissions"
        }
        Some(Refusal::DiskFull) => "the disk is full, or a quota is used up",
        Some(other) => return Some(format!("{other:?}")),
        None => match (request, error.status) {
            (Request::CreateSession(_), StatusCode::SERVICE_UNAVAILABLE) => {
                "too many unfinished uploads of one user: --sessions-per-owner would allow more"
            }
            _ => error.code?.explanation()?,
        },
    };
    Some(reason.to_owned())
}
