//! Proxies of Debian, at work in a folder of their own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use end_to_end::{Port, Server, eventually};
use tempfile::TempDir;

/// The README, whose lines are tested.
const README: &str = include_str!("../../../bits-server/README.md");

/// A kind of proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    name: &'static str,
    program: &'static str,
    package: &'static str,
    /// The lines that the README says are needed.
    lines: &'static [&'static str],
    command: fn(&Kind, &Place) -> Command,
}

/// Where a proxy is, and what is behind it.
pub(crate) struct Place {
    folder: TempDir,
    front: Port,
    back: SocketAddr,
}

pub(crate) const APACHE: Kind = Kind {
    name: "Apache",
    program: "/usr/sbin/apache2",
    package: "apache2",
    lines: &["ProxyTimeout 360"],
    command: apache,
};

pub(crate) const HAPROXY: Kind = Kind {
    name: "HAProxy",
    program: "/usr/sbin/haproxy",
    package: "haproxy",
    lines: &["timeout client 6m", "timeout server 6m", "option forwardfor"],
    command: haproxy,
};

pub(crate) const VARNISH: Kind = Kind {
    name: "Varnish",
    program: "/usr/sbin/varnishd",
    package: "varnish",
    lines: &["-p pipe_timeout=360", "sub vcl_pipe { set bereq.http.Connection = \"close\"; }"],
    command: varnish,
};

pub(crate) const SQUID: Kind =
    Kind { name: "Squid", program: "/usr/sbin/squid", package: "squid", lines: &[], command: squid };

pub(crate) const ALL: [Kind; 4] = [APACHE, HAPROXY, VARNISH, SQUID];

impl Place {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes the configuration, and returns its path.
    fn configured(&self, text: &str) -> String {
        fs::write(self.folder.path().join("conf"), text).unwrap();
        self.path("conf")
    }
}

fn apache(kind: &Kind, place: &Place) -> Command {
    let modules = ["mpm_event", "authz_core", "proxy", "proxy_http"]
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"));
    let (front, back, lines) = (place.front.address, place.back, kind.lines.join("\n"));
    let conf = place.configured(&format!(
        "ServerRoot {root}\nServerName localhost\nListen {front}\nPidFile pid\nErrorLog error\nMutex file:{root}\n\
         User www-data\nGroup www-data\n{modules}\n{lines}\nProxyPass / http://{back}/\n",
        root = place.folder.path().display(),
        modules = modules.concat(),
    ));
    let mut command = Command::new(kind.program);
    command.args(["-f", &conf, "-D", "FOREGROUND"]);
    command
}

fn haproxy(kind: &Kind, place: &Place) -> Command {
    let (front, back, lines) = (place.front.address, place.back, kind.lines.join("\n"));
    let conf = place.configured(&format!(
        "defaults\nmode http\ntimeout connect 5s\n{lines}\nfrontend front\nbind {front}\ndefault_backend back\n\
         backend back\nserver bits {back}\n"
    ));
    let mut command = Command::new(kind.program);
    command.args(["-db", "-f", &conf]);
    command
}

fn varnish(kind: &Kind, place: &Place) -> Command {
    let (host, port) = (place.back.ip(), place.back.port());
    let [timeout, pipe] = kind.lines else { unreachable!() };
    let vcl = format!("vcl 4.1;\nbackend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\n{pipe}\n");
    let conf = place.configured(&vcl);
    let mut command = Command::new(kind.program);
    command.args(["-F", "-j", "none", "-a", &place.front.address.to_string(), "-f", &conf]);
    command.args(["-n", &place.path("work"), "-s", "malloc,32m"]).args(timeout.split(' '));
    command
}

fn squid(kind: &Kind, place: &Place) -> Command {
    let (front, host, port) = (place.front.address, place.back.ip(), place.back.port());
    let log = place.path("cache.log");
    let conf = place.configured(&format!(
        "http_port {front} accel defaultsite=localhost no-vhost\n\
         cache_peer {host} parent {port} 0 no-query originserver\nhttp_access allow all\ncache deny all\n\
         access_log none\ncache_log {log}\npid_filename none\nshutdown_lifetime 0 seconds\n\
         visible_hostname localhost\nnetdb_filename none\n"
    ));
    let mut command = Command::new(kind.program);
    command.args(["-N", "-d", "1", "-f", &conf]);
    command
}

impl Kind {
    /// Starts it in front of a server. `None`, and a note, where it is not installed.
    pub(crate) fn start(self, server: &Server) -> Option<Proxy> {
        if !Path::new(self.program).exists() {
            println!("{} is not here, and is not tested: apt-get install {}", self.name, self.package);
            return None;
        }
        let row = README.lines().find(|line| line.starts_with(&format!("| {}", self.name)));
        let row = row.unwrap_or_else(|| panic!("the README says nothing of {}", self.name));
        for line in self.lines {
            assert!(row.contains(&format!("`{line}`")), "{line} is not in the README: {row}");
        }
        let place =
            Place { folder: tempfile::tempdir().unwrap(), front: Port::reserve(), back: server.address() };
        // Some change their user before they write there.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(place.folder.path(), open).unwrap();
        let output = File::create(place.folder.path().join("output")).unwrap();
        let mut command = (self.command)(&self, &place);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().unwrap();
        let proxy = Proxy { kind: self, place, child };
        eventually(self.name, || TcpStream::connect(proxy.address()).is_ok());
        Some(proxy)
    }
}

/// A proxy at work. Dropped, it ends.
pub(crate) struct Proxy {
    kind: Kind,
    place: Place,
    child: Child,
}

impl Proxy {
    pub(crate) fn address(&self) -> SocketAddr {
        self.place.front.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.kind.name
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It has children of its own, and ends them.
        let _dead_already = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
        if std::thread::panicking() {
            for log in ["output", "error", "cache.log"] {
                let text = fs::read_to_string(self.place.folder.path().join(log)).unwrap_or_default();
                println!("{}: {text}", self.kind.name);
            }
        }
    }
}
