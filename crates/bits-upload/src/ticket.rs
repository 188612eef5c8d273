//! Kerberos with a ticket of the user's cache (`kinit`, `KRB5CCNAME`), by the system's library.

use libgssapi::context::{ClientCtx, CtxFlags};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::Error;
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_MECH_SPNEGO, GSS_NT_HOSTBASED_SERVICE, OidSet};

/// What the library says before every error of Kerberos.
const NOTHING: &str = "Unspecified GSS failure.  Minor code may provide more information (";

/// A handshake in the name of the owner of a ticket.
#[derive(Debug)]
pub(crate) struct Ticket {
    context: ClientCtx,
    host: String,
    has_begun: bool,
}

impl Ticket {
    /// A handshake with the server of this host. Nothing is looked up yet.
    pub(crate) fn new(host: &str) -> Result<Self, String> {
        let service = format!("HTTP@{host}");
        let name = Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))
            .map_err(|error| format!("{service} is no name of a service: {}", said(&error)))?;
        // The library chooses the ticket: a cache may hold one for each of several realms.
        let context = ClientCtx::new(None, name, CtxFlags::GSS_C_MUTUAL_FLAG, Some(GSS_MECH_SPNEGO));
        Ok(Self { context, host: host.to_owned(), has_begun: false })
    }

    /// The token that answers this one, which is empty at first.
    pub(crate) fn answer(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        let answered = self.context.step(Some(token).filter(|token| !token.is_empty()), None);
        match answered {
            Ok(Some(answer)) => {
                self.has_begun = true;
                Ok(answer.to_vec())
            }
            Ok(None) => Err("the server asks for more than there is".to_owned()),
            Err(error) if self.has_begun => Err(said(&error)),
            Err(error) => Err(why_none(&self.host, &error)),
        }
    }
}

/// Whether there is a ticket that a server may ask for.
pub(crate) fn is_there() -> bool {
    lookup().is_ok()
}

/// Why there is no ticket for a server, and what to do.
fn why_none(host: &str, error: &Error) -> String {
    match lookup() {
        Ok(()) => format!(
            "there is no ticket for HTTP/{host} ({}): use the name that the server has in its domain, and a KDC of krb5.conf that can be reached",
            said(error)
        ),
        Err(why) => format!("there is no Kerberos ticket to show ({why}): run kinit"),
    }
}

/// Looks for the ticket that all others are got with.
fn lookup() -> Result<(), String> {
    let kerberos = OidSet::singleton(GSS_MECH_KRB5).map_err(|error| said(&error))?;
    let found = Cred::acquire(None, None, CredUsage::Initiate, Some(&kerberos));
    let left = found.and_then(|found| found.lifetime()).map_err(|error| said(&error))?;
    if left.is_zero() { Err("it has expired".to_owned()) } else { Ok(()) }
}

fn said(error: &Error) -> String {
    let text = error.to_string();
    let cause = text.strip_prefix(NOTHING).and_then(|text| text.strip_suffix(')'));
    cause.unwrap_or(&text).to_owned()
}
