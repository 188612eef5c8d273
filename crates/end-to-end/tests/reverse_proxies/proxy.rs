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

pub(crate) const CADDY: Kind =
    Kind { name: "Caddy", program: "/usr/bin/caddy", package: "caddy", lines: &[], command: caddy };

/// Caddy with a limit, of 1,000,000 bytes, that the README warns of.
pub(crate) const CADDY_WITH_LIMIT: Kind = Kind { lines: &["request_body max_size"], ..CADDY };

pub(crate) const TRAFFIC_SERVER: Kind = Kind {
    name: "Traffic Server",
    program: "/usr/bin/traffic_server",
    package: "trafficserver",
    lines: &[
        "proxy.config.http.transaction_no_activity_timeout_in INT 360",
        "proxy.config.http.transaction_no_activity_timeout_out INT 360",
    ],
    command: traffic_server,
};

/// Those that let `BITS_POST` pass.
pub(crate) const ALL: [Kind; 6] = [APACHE, HAPROXY, VARNISH, SQUID, CADDY, TRAFFIC_SERVER];

const LIGHTTPD: Kind = Kind {
    name: "lighttpd",
    program: "/usr/sbin/lighttpd",
    package: "lighttpd",
    lines: &["--allow-method-override"],
    command: lighttpd,
};

const NGHTTPX: Kind = Kind {
    name: "lighttpd, nghttpx",
    program: "/usr/sbin/nghttpx",
    package: "nghttp2-proxy",
    lines: &["--allow-method-override"],
    command: nghttpx,
};

/// Those that do not.
pub(crate) const REFUSING: [Kind; 2] = [LIGHTTPD, NGHTTPX];

/// Apache with ModSecurity and its core rules, and what the README says of it.
pub(crate) const MODSECURITY: Kind = Kind {
    name: "Apache",
    program: "/usr/lib/apache2/modules/mod_security2.so",
    package: "libapache2-mod-security2 modsecurity-crs",
    lines: &[],
    command: |_, place| modsecurity(place, &blocks("apache").concat()),
};

/// The same without.
pub(crate) const MODSECURITY_ALONE: Kind = Kind { command: |_, place| modsecurity(place, ""), ..MODSECURITY };

/// The blocks of the README in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    README.split(&*begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

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
    apache_with(&["mpm_event", "authz_core", "proxy", "proxy_http"], &kind.lines.join("\n"), place)
}

fn modsecurity(place: &Place, rule: &str) -> Command {
    let folder = place.folder.path().display();
    let lines = format!(
        "SecRuleEngine On\nSecDataDir {folder}\nSecTmpDir {folder}\n{rule}\n\
         Include /etc/modsecurity/crs/crs-setup.conf\nInclude /usr/share/modsecurity-crs/rules/*.conf\n"
    );
    apache_with(&["mpm_event", "authz_core", "proxy", "proxy_http", "unique_id", "security2"], &lines, place)
}

fn apache_with(modules: &[&str], lines: &str, place: &Place) -> Command {
    let modules: String = modules
        .iter()
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let (front, back) = (place.front.address, place.back);
    let conf = place.configured(&format!(
        "ServerRoot {root}\nServerName localhost\nListen {front}\nPidFile pid\nErrorLog error\nMutex file:{root}\n\
         User www-data\nGroup www-data\n{modules}\n{lines}\nProxyPass / http://{back}/\n",
        root = place.folder.path().display(),
    ));
    let mut command = Command::new(APACHE.program);
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

fn caddy(kind: &Kind, place: &Place) -> Command {
    let (front, back) = (place.front.address, place.back);
    let limit = if kind.lines.is_empty() { "" } else { "request_body {\nmax_size 1MB\n}\n" };
    // A site with a name would answer requests to that name alone.
    let conf = place.configured(&format!(
        "{{\nadmin off\nauto_https off\n}}\nhttp://:{port} {{\nbind {host}\n{limit}reverse_proxy {back}\n}}\n",
        host = front.ip(),
        port = front.port(),
    ));
    let mut command = Command::new(kind.program);
    command.args(["run", "--adapter", "caddyfile", "--config", &conf]);
    command.env("HOME", place.folder.path()).env("XDG_DATA_HOME", place.folder.path());
    command
}

fn traffic_server(kind: &Kind, place: &Place) -> Command {
    let (front, back) = (place.front.address, place.back);
    // It knows no paths for single files: all of its folders are this one.
    let here = place.folder.path().display();
    let folders = ["prefix", "sysconfdir", "datadir", "localstatedir", "runtimedir", "logdir", "cachedir"];
    let ours: String = folders.iter().map(|folder| format!("{folder}: {here}\n")).collect();
    let layout =
        place.configured(&format!("{ours}bindir: /usr/bin\nlibexecdir: /usr/lib/trafficserver/modules\n"));
    let lines: String = kind.lines.iter().map(|line| format!("CONFIG {line}\n")).collect();
    let records = format!(
        "CONFIG proxy.config.http.server_ports STRING {}:ipv4:ip-in={}\n\
         CONFIG proxy.config.admin.user_id STRING nobody\nCONFIG proxy.config.http.cache.http INT 0\n\
         CONFIG proxy.config.crash_log_helper STRING NULL\n{lines}",
        front.port(),
        front.ip(),
    );
    let open = "ip_allow:\n  - { apply: in, ip_addrs: 127.0.0.0/8, action: allow, methods: ALL }\n";
    let remap = format!("map / http://{back}/\n");
    for (name, text) in [
        ("records.config", &*records),
        ("remap.config", &*remap),
        ("ip_allow.yaml", open),
        ("storage.config", ""),
    ] {
        fs::write(place.path(name), text).unwrap();
    }
    let mut command = Command::new(kind.program);
    command.arg(format!("--run-root={layout}"));
    command
}

fn lighttpd(kind: &Kind, place: &Place) -> Command {
    let (front, host, port) = (place.front.address, place.back.ip(), place.back.port());
    let conf = place.configured(&format!(
        "server.document-root = \"{root}\"\nserver.bind = \"{front_host}\"\nserver.port = {front_port}\n\
         server.modules = (\"mod_proxy\")\n\
         proxy.server = (\"\" => ((\"host\" => \"{host}\", \"port\" => {port})))\n",
        root = place.folder.path().display(),
        front_host = front.ip(),
        front_port = front.port(),
    ));
    let mut command = Command::new(kind.program);
    command.args(["-D", "-f", &conf]);
    command
}

fn nghttpx(kind: &Kind, place: &Place) -> Command {
    let (front, back) = (place.front.address, place.back);
    let conf = place.configured("");
    let mut command = Command::new(kind.program);
    command.arg(format!("--conf={conf}"));
    command.arg(format!("--frontend={},{};no-tls", front.ip(), front.port()));
    command.arg(format!("--backend={},{}", back.ip(), back.port()));
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
            for log in ["output", "error", "cache.log", "diags.log"] {
                let text = fs::read_to_string(self.place.folder.path().join(log)).unwrap_or_default();
                println!("{}: {text}", self.kind.name);
            }
        }
    }
}
