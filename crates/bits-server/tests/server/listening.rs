//! The places where the server listens, and the messages that it is ready.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{DEADLINE, Server, entity, eventually, free_address};
use crate::http1::{Session, connect, read_response, request, request_on, send_head};

const PING: [(&str, &str); 1] = [("BITS-Packet-Type", "Ping")];

fn ping_unix(path: &Path) -> u16 {
    request_on(UnixStream::connect(path).unwrap(), "BITS_POST", "/a", &PING, b"").status
}

#[test]
fn it_listens_in_several_places_at_once() {
    let folder = TempDir::new().unwrap();
    let (socket, other) = (folder.path().join("socket"), free_address());
    let places = format!("unix:{},localhost:{}", socket.display(), other.port());
    let mut server = Server::start(&["--listen", &places]);
    assert_eq!(ping_unix(&socket), 200);
    assert_eq!(request(other, "BITS_POST", "/a", &PING, b"").status, 200);
    let session = Session::create(server.address, "/a");
    let elsewhere = Session { address: other, ..session.clone() };
    assert_eq!(elsewhere.fragment(b"x", 0, 1).status, 200);
    assert_eq!(session.close().status, 200);
    assert_eq!(server.terminate().code(), Some(0));
    assert!(!socket.exists(), "the name goes with the server");
    let told = server.rest_of_output();
    assert!(told.contains(&format!("listening on unix:{}\n", socket.display())), "{told}");
    assert!(told.contains(&format!("listening on http://{other}\n")), "{told}");
    // A socket of a server that was killed is in nobody's way.
    server.restart();
    server.kill();
    assert!(socket.exists());
    server.restart();
    assert_eq!(ping_unix(&socket), 200);
}

#[test]
fn metrics_and_health_are_answered_when_the_server_is_full() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("metrics");
    let place = format!("unix:{}", socket.display());
    let server = Server::start(&[
        "--metrics",
        &place,
        "--max-connections",
        "2",
        "--connections-per-address",
        "2",
        "--threads",
        "1",
    ]);
    let sessions = ["/a", "/b"].map(|path| Session::create(server.address, path));
    let _busy = sessions.map(|session| session.begin_fragment(&entity(1000), 0, 1000, 10));
    eventually("both places are taken", || {
        let metrics = request_on(UnixStream::connect(&socket).unwrap(), "GET", "/metrics", &[], b"").body;
        String::from_utf8(metrics).unwrap().contains("\nbits_connections_open 2\n")
    });
    let mut waits = connect(server.address);
    send_head(&mut waits, "BITS_POST", "/b", &PING);
    // Those who look at it are silent as well.
    let _silent: Vec<_> = (0..20).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let get = |path| request_on(UnixStream::connect(&socket).unwrap(), "GET", path, &[], b"");
    let health = get("/healthz");
    assert_eq!((health.status, &*health.body), (200, &b"ok\n"[..]));
    let metrics = String::from_utf8(get("/metrics").body).unwrap();
    assert!(metrics.contains("\nbits_connections_open 2\n"), "{metrics}");
    assert!(metrics.contains("\nbits_connections_max 2\n"), "{metrics}");
    // A root that is gone is no health.
    std::fs::rename(server.root(), server.outside().join("away")).unwrap();
    assert_eq!(get("/healthz").status, 503);
    std::fs::rename(server.outside().join("away"), server.root()).unwrap();
    assert_eq!(get("/healthz").status, 200);
}

/// The program with a listening socket as its descriptor 3, as systemd starts it.
fn activated(root: &Path, set: impl FnOnce(&mut Command)) -> Child {
    // The shell becomes the program, and knows its own number.
    let script = "exec env LISTEN_PID=$$ LISTEN_FDS=1 \"$0\" \"$@\" 3<&0 0</dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_bits-server"), "--root"]).arg(root);
    command.stdout(Stdio::piped());
    set(&mut command);
    command.spawn().unwrap()
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_socket_that_is_handed_over_is_used_in_place_of_the_default() {
    for is_unix in [false, true] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("socket");
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = tcp.local_addr().unwrap();
        let root = TempDir::new().unwrap();
        let mut child = activated(root.path(), |command| {
            let socket: std::os::fd::OwnedFd = match is_unix {
                true => UnixListener::bind(&path).unwrap().into(),
                false => tcp.into(),
            };
            command.stdin(Stdio::from(socket));
        });
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        match is_unix {
            true => {
                assert_eq!(line, format!("listening on unix:{}\n", path.display()));
                assert_eq!(ping_unix(&path), 200);
            }
            false => {
                assert_eq!(line, format!("listening on http://{address}\n"));
                assert_eq!(request(address, "BITS_POST", "/a", &PING, b"").status, 200);
            }
        }
        end(child);
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        assert_eq!(
            (rest.as_str(), is_unix && !path.exists()),
            ("", false),
            "the socket is systemd's, and stays"
        );
    }
}

#[test]
fn a_socket_for_another_process_is_left_alone() {
    let (root, tcp) = (TempDir::new().unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let mut child = Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .args(["--listen", "127.0.0.1:0", "--root"])
        .arg(root.path())
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDS", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.contains(&tcp.local_addr().unwrap().to_string()), "{line}");
    end(child);
}

#[test]
fn whoever_started_it_is_told_when_it_is_ready_and_when_it_stops() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let next = || {
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let root = TempDir::new().unwrap();
    let told = folder.path().join("told");
    let mut child = Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .args(["--listen", "127.0.0.1:0", "--on-upload"])
        .arg(format!("echo \"x$NOTIFY_SOCKET$BITS_SERVER_USER\" > {}", told.display()))
        .arg("--root")
        .arg(root.path())
        .env("NOTIFY_SOCKET", &path)
        .env("BITS_SERVER_USER", "Aladdin:open sesame")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(next().contains("READY=1"));
    // It serves by then, and what it runs is told none of this.
    let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    let aladdin = ("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let session = Session::try_create(address, "/a", &[aladdin]).ok().unwrap();
    assert_eq!(session.close().status, 200);
    eventually("the command is run", || std::fs::read_to_string(&told).is_ok_and(|told| told == "x\n"));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert!(next().contains("STOPPING=1"));
    child.wait().unwrap();
}

/// The names of older releases of systemd, and of containers, are in no file system.
#[cfg(target_os = "linux")]
#[test]
fn whoever_started_it_may_listen_under_an_abstract_name() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("bits-server/{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let root = TempDir::new().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_bits-server"))
        .args(["--listen", "127.0.0.1:0", "--root"])
        .arg(root.path())
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut bytes = [0; 256];
    for told in ["READY=1", "STOPPING=1"] {
        let length = socket.recv(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes[..length]).trim_end(), told);
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
    child.wait().unwrap();
}

#[test]
fn what_is_handed_over_and_cannot_be_listened_on_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let handed: [std::os::fd::OwnedFd; 4] = [
        connected.into(),
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into(),
        UnixStream::pair().unwrap().0.into(),
        std::fs::File::open("/dev/null").unwrap().into(),
    ];
    for socket in handed {
        let (root, shown) = (TempDir::new().unwrap(), format!("{socket:?}"));
        let child = activated(root.path(), |command| {
            command.stdin(Stdio::from(socket)).stderr(Stdio::piped());
        });
        let mut child = Ended(child);
        eventually("it ends", || child.0.try_wait().unwrap().is_some());
        let mut told = String::new();
        child.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(child.0.wait().unwrap().code(), Some(1), "{shown}: {told}");
        assert!(told.contains("a socket that was handed over cannot be used"), "{shown}: {told}");
    }
}

/// A program that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped_already = self.0.wait();
    }
}

#[test]
fn requests_that_are_half_closed_are_answered() {
    let server = Server::start(&["--metrics", "127.0.0.1:0"]);
    let headers = [("BITS-Packet-Type", "Ping"), ("Content-Length", "0")];
    for (method, target, expected) in [("BITS_POST", "/a", 200), ("GET", "/a", 404), ("PUT", "/a", 405)] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        send_head(&mut stream, method, target, &headers);
        stream.flush().unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_response(&stream, method).status, expected, "{method}");
    }
}
