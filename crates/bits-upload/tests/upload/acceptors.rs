//! Acceptors that nobody here wrote: Apache with mod_auth_gssapi and gss-ntlmssp, or with mod_auth_digest, and MIT's key
//! distribution centre.

use std::fs;
#[cfg(feature = "gssapi")]
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testing::machine::free_address;

use crate::common::{Desk, Server};

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// What every guarded place has.
const GUARD: &str = "AuthType GSSAPI\nAuthName \"windows\"\nGssapiConnectionBound On\nRequire valid-user\n";

/// Apache at work in the foreground. Dropped, it ends.
pub(crate) struct Apache {
    child: Child,
    pub(crate) port: u16,
}

impl Apache {
    /// Before a server, for whoever this mechanism lets pass.
    pub(crate) fn before(
        server: &Server,
        folder: &Path,
        mechanism: &str,
        environment: &[(&str, &Path)],
    ) -> Self {
        let bits = server.address.port();
        let place =
            format!("<Location />\n{mechanism}\nProxyPass http://127.0.0.1:{bits}/\n{GUARD}</Location>\n");
        Self::start(folder, &["proxy", "proxy_http"], &place, environment)
    }

    /// A proxy for everybody whom this mechanism lets pass: as it is, and by tunnels.
    pub(crate) fn proxy(
        folder: &Path,
        tunnels_to: u16,
        mechanism: &str,
        environment: &[(&str, &Path)],
    ) -> Self {
        let place = format!(
            "ProxyRequests On\nAllowCONNECT {tunnels_to}\n<Proxy \"*\">\n{mechanism}\n{GUARD}</Proxy>\n"
        );
        Self::start(folder, &["proxy", "proxy_http", "proxy_connect"], &place, environment)
    }

    /// Before a server, for whoever answers by a digest. Its challenges hold for so many seconds.
    pub(crate) fn digest_before(server: &Server, folder: &Path, seconds: u32) -> Self {
        let (guard, bits) = (digest_guard(folder, seconds), server.address.port());
        let place = format!("<Location />\n{guard}ProxyPass http://127.0.0.1:{bits}/\n</Location>\n");
        Self::start(folder, &["proxy", "proxy_http", "auth_digest", "authn_file"], &place, &[])
    }

    /// A proxy for whoever answers by a digest: as it is, and by tunnels.
    pub(crate) fn digest_proxy(folder: &Path, tunnels_to: u16) -> Self {
        let guard = digest_guard(folder, 300);
        let place = format!("ProxyRequests On\nAllowCONNECT {tunnels_to}\n<Proxy \"*\">\n{guard}</Proxy>\n");
        let modules = ["proxy", "proxy_http", "proxy_connect", "auth_digest", "authn_file"];
        Self::start(folder, &modules, &place, &[])
    }

    fn start(folder: &Path, more: &[&str], place: &str, environment: &[(&str, &Path)]) -> Self {
        for needed in [PROGRAM, &format!("{MODULES}/mod_auth_gssapi.so"), "/etc/gss/mech.d"] {
            assert!(
                Path::new(needed).exists(),
                "{needed} is missing: apt-get install apache2 libapache2-mod-auth-gssapi gss-ntlmssp"
            );
        }
        let port = free_address().port();
        let modules = ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi"];
        let modules: String = modules
            .iter()
            .chain(more)
            .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
            .collect();
        let dir = folder.display();
        let configuration = format!(
            "ServerRoot {dir}\nPidFile {dir}/httpd.pid\nServerName localhost\nListen 127.0.0.1:{port}\n{modules}\
             ErrorLog {dir}/error.log\n{place}"
        );
        fs::write(folder.join("httpd.conf"), configuration).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("-f").arg(folder.join("httpd.conf")).args(["-k", "start", "-DFOREGROUND"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        for (name, value) in environment {
            command.env(name, value);
        }
        let apache = Self { child: command.spawn().unwrap(), port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(folder.join("error.log")).unwrap_or_default();
            assert!(begin.elapsed() < Duration::from_secs(20), "it does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        apache
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // It ends its own children.
        let _status = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ended = self.child.wait();
    }
}

/// Lets the user `backup` pass, whose password is `open sesame`.
fn digest_guard(folder: &Path, seconds: u32) -> String {
    use md5::{Digest, Md5};
    let hash: String =
        Md5::digest("backup:the files:open sesame").iter().map(|byte| format!("{byte:02x}")).collect();
    let users = folder.join("htdigest");
    fs::write(&users, format!("backup:the files:{hash}\n")).unwrap();
    format!(
        "AuthType Digest\nAuthName \"the files\"\nAuthDigestProvider file\nAuthUserFile {}\n\
         AuthDigestNonceLifetime {seconds}\nRequire valid-user\n",
        users.display()
    )
}

/// A folder that Apache's account may enter.
pub(crate) fn folder(desk: &Desk) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = desk.path("apache");
    fs::create_dir(&folder).unwrap();
    for path in [desk.path("."), folder.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// MIT's key distribution centre with a realm of the test's own.
pub(crate) struct Realm {
    kdc: Child,
    pub(crate) configuration: PathBuf,
    pub(crate) keytab: PathBuf,
}

impl Realm {
    pub(crate) fn start(folder: &Path) -> Self {
        for needed in ["/usr/sbin/krb5kdc", "/usr/sbin/kadmin.local", "/usr/sbin/kdb5_util"] {
            assert!(
                Path::new(needed).exists(),
                "{needed} is missing: apt-get install krb5-kdc krb5-admin-server krb5-user"
            );
        }
        let port = free_address().port();
        let dir = folder.display();
        let configuration = folder.join("krb5.conf");
        fs::write(
            &configuration,
            format!(
                "[libdefaults]\ndefault_realm = EXAMPLE.TEST\ndns_lookup_kdc = false\nrdns = false\ndns_canonicalize_hostname = false\n\
                 [realms]\nEXAMPLE.TEST = {{\n  kdc = 127.0.0.1:{port}\n}}\n[domain_realm]\nlocalhost = EXAMPLE.TEST\n"
            ),
        )
        .unwrap();
        fs::write(
            folder.join("kdc.conf"),
            format!(
                "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\nEXAMPLE.TEST = {{\n\
                 database_name = {dir}/principal\nkey_stash_file = {dir}/stash\nacl_file = {dir}/acl\n}}\n"
            ),
        )
        .unwrap();
        let profile = folder.join("kdc.conf");
        let run = |program: &str, words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).env("KRB5_CONFIG", &configuration).env("KRB5_KDC_PROFILE", &profile);
            let output = command.stdin(Stdio::null()).output().unwrap();
            assert!(output.status.success(), "{program} {words:?}: {output:?}");
        };
        run("/usr/sbin/kdb5_util", &["create", "-s", "-r", "EXAMPLE.TEST", "-P", "master"]);
        let keytab = folder.join("http.keytab");
        run("/usr/sbin/kadmin.local", &["-q", "addprinc +requires_preauth -pw sesame backup"]);
        run("/usr/sbin/kadmin.local", &["-q", "addprinc -randkey HTTP/localhost"]);
        run("/usr/sbin/kadmin.local", &["-q", &format!("ktadd -k {} HTTP/localhost", keytab.display())]);
        let mut permissions = fs::metadata(&keytab).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        fs::set_permissions(&keytab, permissions).unwrap();
        let mut kdc = Command::new("/usr/sbin/krb5kdc");
        kdc.arg("-n").env("KRB5_CONFIG", &configuration).env("KRB5_KDC_PROFILE", &profile);
        let kdc = kdc.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the KDC does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { kdc, configuration, keytab }
    }

    /// A cache with the ticket of the user `backup`, which holds for so many seconds.
    #[cfg(feature = "gssapi")]
    pub(crate) fn ticket(&self, cache: &Path, seconds: u32) {
        let mut command = Command::new("kinit");
        command.args(["-l", &format!("{seconds}s"), "-c"]).arg(cache).arg("backup");
        command.env("KRB5_CONFIG", &self.configuration).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut kinit = command.spawn().unwrap();
        kinit.stdin.take().unwrap().write_all(b"sesame\n").unwrap();
        assert!(kinit.wait().unwrap().success());
    }

    /// Ends the key distribution centre.
    #[cfg(feature = "gssapi")]
    pub(crate) fn stop(&mut self) {
        self.kdc.kill().unwrap();
        self.kdc.wait().unwrap();
    }

    /// The guard of a place that takes tickets alone.
    pub(crate) fn guard(&self) -> String {
        format!(
            "GssapiAllowedMech krb5\nGssapiCredStore keytab:{}\nGssapiAcceptorName HTTP@localhost",
            self.keytab.display()
        )
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ended = self.kdc.kill();
        let _reaped = self.kdc.wait();
    }
}
