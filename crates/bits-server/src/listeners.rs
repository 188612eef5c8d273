//! The addresses, names, Unix sockets, and sockets of systemd on which the server listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream as Connection;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use listenfd::ListenFd;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream, lookup_host};
use tokio_util::either::Either;

use crate::check;
use crate::peer::Peer;

/// How many connections wait to be accepted.
const BACKLOG: i32 = 1024;

/// What an operator names to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `ADDR:PORT` or `NAME:PORT`.
    Address(String),
    /// `unix:PATH`, or an absolute path.
    Path(PathBuf),
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = "an address or a name and a port are wanted, such as 0.0.0.0:8080, or unix:PATH";
        let path = text.strip_prefix("unix:").or_else(|| Some(text).filter(|text| text.starts_with('/')));
        if let Some(path) = path {
            return if path.is_empty() { Err(wanted) } else { Ok(Self::Path(path.into())) };
        }
        if text.parse::<SocketAddr>().is_ok() {
            return Ok(Self::Address(text.to_owned()));
        }
        let (name, port) = text.rsplit_once(':').ok_or(wanted)?;
        let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            && !name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match is_port && port.parse::<u16>().is_ok() && is_name {
            true => Ok(Self::Address(text.to_owned())),
            false => Err(wanted),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address),
            Self::Path(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _name: Option<SocketFile> },
}

/// A stream of either kind.
pub(crate) type Stream = Either<TcpStream, UnixStream>;

/// The name of a Unix socket, which goes with it, unless somebody else has taken the name.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _gone_already = fs::remove_file(&self.path);
        }
    }
}

/// Listens on everything that a place names: a name may have several addresses.
pub(crate) async fn bind(place: &Place) -> Result<Vec<Listener>, String> {
    let told = |error: &dyn fmt::Display| format!("{place} cannot be listened on: {error}");
    match place {
        Place::Path(path) => Ok(vec![bind_path(path).map_err(|error| told(&error))?]),
        Place::Address(name) => {
            let mut addresses: Vec<SocketAddr> =
                lookup_host(name).await.map_err(|error| told(&error))?.collect();
            addresses.dedup();
            let bound = addresses.iter().map(|address| bind_address(*address));
            let (bound, failed): (Vec<_>, Vec<_>) = bound.partition(Result::is_ok);
            let bound: Vec<_> = bound.into_iter().flatten().collect();
            // A machine without IPv6 has names with such addresses nevertheless.
            let fatal = failed
                .into_iter()
                .filter_map(Result::err)
                .find(|error| bound.is_empty() || error.kind() != io::ErrorKind::AddrNotAvailable);
            match fatal {
                Some(error) => Err(told(&error)),
                None if bound.is_empty() => Err(told(&"the name has no address")),
                None => Ok(bound),
            }
        }
    }
}

/// Whether a server could listen at a place, which nobody is told: what is bound holds its address as long as it is kept, and a Unix socket is
/// not made, since its name could be that of a server.
///
/// # Errors
/// As [`bind`] has them.
pub(crate) async fn try_out(place: &Place) -> Result<Vec<Listener>, String> {
    match place {
        Place::Address(_) => bind(place).await,
        Place::Path(path) => match can_have(path) {
            Ok(()) => Ok(Vec::new()),
            Err(error) => Err(format!("{place} cannot be listened on: {error}")),
        },
    }
}

fn can_have(path: &Path) -> io::Result<()> {
    std::os::unix::net::SocketAddr::from_pathname(path)?;
    match fs::symlink_metadata(path) {
        Ok(_) if !is_left_over(path) => return Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    check::writable(folder.unwrap_or(Path::new(".")))
}

fn bind_address(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into()).map(Listener::Tcp)
}

/// A socket of a server that was killed is in the way, and is removed. Nothing else is.
fn bind_path(path: &Path) -> io::Result<Listener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            if !is_left_over(path) {
                return Err(error);
            }
            fs::remove_file(path)?;
            named(UnixListener::bind(path)?, path)
        }
        bound => named(bound?, path),
    }
}

/// Whether a socket is there on which nobody listens.
fn is_left_over(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let refused =
        || Connection::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    is_socket && refused()
}

fn named(listener: UnixListener, path: &Path) -> io::Result<Listener> {
    let inode = fs::symlink_metadata(path)?.ino();
    let _name = Some(SocketFile { path: path.to_owned(), inode });
    Ok(Listener::Unix { listener, _name })
}

/// The sockets that systemd, or another that knows its protocol (`LISTEN_FDS`), hands over.
pub(crate) fn inherited() -> Result<Vec<Listener>, String> {
    let mut handed = ListenFd::from_env();
    (0..handed.len())
        .map(|index| {
            let told = |error: io::Error| format!("a socket that was handed over cannot be used: {error}");
            if let Ok(Some(listener)) = handed.take_unix_listener(index) {
                listens(&listener).map_err(told)?;
                listener.set_nonblocking(true).map_err(told)?;
                let listener = UnixListener::from_std(listener).map_err(told)?;
                return Ok(Listener::Unix { listener, _name: None });
            }
            let listener = handed.take_tcp_listener(index).map_err(told)?;
            let listener =
                listener.ok_or_else(|| "a socket that was handed over is there twice".to_owned())?;
            listens(&listener).map_err(told)?;
            listener.set_nonblocking(true).map_err(told)?;
            TcpListener::from_std(listener).map(Listener::Tcp).map_err(told)
        })
        .collect()
}

/// A socket of a connection, say, is of the same kind, and never accepts one.
fn listens(socket: &impl AsFd) -> io::Result<()> {
    match rustix::net::sockopt::socket_acceptconn(socket)? {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it does not listen")),
    }
}

impl Listener {
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.accept().await?;
                // Acks are small, and awaited.
                let _slower_without = stream.set_nodelay(true);
                Ok((Either::Left(stream), client.ip().into()))
            }
            Self::Unix { listener, .. } => Ok((Either::Right(listener.accept().await?.0), Peer::Local)),
        }
    }

    /// Whether TLS is spoken there, where the server has a certificate: who is on this machine needs none.
    pub(crate) const fn is_remote(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// The address, or nothing for a Unix socket.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    /// Where it listens, for whoever started the program.
    pub(crate) fn url(&self, scheme: &str) -> String {
        match self {
            Self::Tcp(_) => {
                self.address().map_or_else(String::new, |address| format!("{scheme}://{address}"))
            }
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                format!("unix:{}", path.unwrap_or(Path::new("")).display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_can_listen() {
        let address = |text: &str| Ok(Place::Address(text.to_owned()));
        for text in ["127.0.0.1:0", "[::1]:80", "[fe80::1%2]:80", "localhost:8080", "files.example.org:443"] {
            assert_eq!(text.parse::<Place>(), address(text), "{text}");
        }
        for (text, path) in
            [("unix:/run/bits", "/run/bits"), ("unix:bits", "bits"), ("/run/bits", "/run/bits")]
        {
            assert_eq!(text.parse::<Place>(), Ok(Place::Path(path.into())), "{text}");
        }
        for text in [
            "",
            "unix:",
            "8080",
            ":8080",
            "localhost",
            "localhost:",
            "localhost:http",
            "a:99999",
            "1.2.3:80",
            "::1:80",
            "a b:80",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up() {
        let bound = bind(&"localhost:0".parse().unwrap()).await.unwrap();
        assert!(!bound.is_empty() && bound.iter().all(|one| one.address().unwrap().ip().is_loopback()));
        let unknown = bind(&"no-such-host.invalid:80".parse().unwrap()).await.unwrap_err();
        assert!(unknown.starts_with("no-such-host.invalid:80 cannot be listened on: "), "{unknown}");
    }

    #[tokio::test]
    async fn a_socket_that_nobody_listens_on_is_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let place = Place::Path(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = bind(&place).await.unwrap();
        assert!(bind(&place).await.unwrap_err().contains("cannot be listened on"), "somebody listens");
        drop(first);
        assert!(!path.exists());
        fs::write(&path, "a file").unwrap();
        assert!(bind(&place).await.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }
}
