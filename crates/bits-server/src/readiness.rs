//! Tells systemd, or whoever else started the server, that it is ready, and that it stops: `sd_notify(3)`.

use std::env;
use std::ffi::OsString;
use std::io;

use sd_notify::NotifyState;

const VARIABLE: &str = "NOTIFY_SOCKET";

/// Tells it, if anybody wants to know.
///
/// # Errors
/// The socket cannot be reached.
pub(crate) fn tell(state: NotifyState<'_>) -> io::Result<()> {
    match env::var_os(VARIABLE) {
        Some(name) if is_abstract(&name) => tell_abstract(&name, &format!("{state}\n")),
        _ => sd_notify::notify(&[state]),
    }
}

/// A name that is in no file system is written with an `@` before it.
fn is_abstract(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b"@")
}

#[cfg(target_os = "linux")]
fn tell_abstract(name: &OsString, message: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    let name = name.as_encoded_bytes().get(1..).unwrap_or_default();
    let address = SocketAddr::from_abstract_name(name)?;
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

#[cfg(not(target_os = "linux"))]
fn tell_abstract(_name: &OsString, _message: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
