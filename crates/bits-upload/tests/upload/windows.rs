//! Windows authentication, at an acceptor that nobody here wrote: Apache with mod_auth_gssapi and gss-ntlmssp, as a proxy before
//! the server.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Desk, Server};

const PROGRAM: &str = "/usr/sbin/apache2";
const MODULES: &str = "/usr/lib/apache2/modules";

/// Apache at work in the foreground. Dropped, it ends.
struct Apache {
    child: Child,
    port: u16,
}

impl Apache {
    fn start(folder: &Path, before: &Server, mechanism: &str, environment: &[(&str, &Path)]) -> Self {
        for needed in [PROGRAM, &format!("{MODULES}/mod_auth_gssapi.so"), "/etc/gss/mech.d"] {
            assert!(
                Path::new(needed).exists(),
                "{needed} is missing: apt-get install apache2 libapache2-mod-auth-gssapi gss-ntlmssp"
            );
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let modules =
            ["mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi", "proxy", "proxy_http"];
        let modules: String = modules
            .iter()
            .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
            .collect();
        let (dir, bits) = (folder.display(), before.address.port());
        let configuration = format!(
            "ServerRoot {dir}\nPidFile {dir}/httpd.pid\nServerName localhost\nListen 127.0.0.1:{port}\n{modules}\
             ErrorLog {dir}/error.log\n<Location />\nAuthType GSSAPI\nAuthName \"windows\"\n{mechanism}\n\
             GssapiConnectionBound On\nRequire valid-user\nProxyPass http://127.0.0.1:{bits}/\n</Location>\n"
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

    fn url(&self, path: &str) -> String {
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

/// A folder that Apache's account may enter.
fn folder(desk: &Desk) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let folder = desk.path("apache");
    fs::create_dir(&folder).unwrap();
    for path in [desk.path("."), folder.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn ntlm(desk: &Desk, server: &Server) -> Apache {
    let folder = folder(desk);
    let users = folder.join("users.txt");
    fs::write(&users, "EXAMPLE:backup:open sesame\n").unwrap();
    let log = folder.join("ntlm.log");
    Apache::start(
        &folder,
        server,
        "GssapiAllowedMech ntlmssp",
        &[("NTLM_USER_FILE", &users), ("GSSNTLMSSP_DEBUG", &log)],
    )
}

#[test]
fn an_acceptor_of_ntlm_lets_an_upload_pass() {
    for auth in ["ntlm", "negotiate", "auto"] {
        let (server, desk) = (Server::start(), Desk::with_size(300_000));
        let apache = ntlm(&desk, &server);
        let options = ["--user", "EXAMPLE\\backup:open sesame", "--auth", auth, "--fragment-size", "64KiB"];
        let ended = desk.run(&options, &apache.url("/a"));
        let log = fs::read_to_string(desk.path("apache/error.log")).unwrap_or_default();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{auth}: {ended:?}\n{log}");
        assert!(server.published("/a") == Some(desk.bytes.clone()), "{auth}");
    }
}

#[test]
fn a_wrong_password_is_refused_and_said_once() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let apache = ntlm(&desk, &server);
    for auth in ["ntlm", "negotiate"] {
        let options = ["--user", "EXAMPLE\\backup:open barley", "--auth", auth];
        desk.run(&options, &apache.url("/a")).failed(1, &["does not accept", "EXAMPLE\\backup", "--user"]);
    }
    desk.run(&[], &apache.url("/a")).failed(1, &["wants a name and a password", "--user"]);
    assert!(server.seen().is_empty());
}

#[test]
fn check_says_how_the_server_was_convinced() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let apache = ntlm(&desk, &server);
    let options = ["--user", "EXAMPLE\\backup:open sesame", "--check"];
    let ended = desk.run(&options, &apache.url("/a"));
    ended.succeeded();
    assert!(ended.stdout.contains("an upload can begin") && ended.stdout.contains("Negotiate"), "{ended:?}");
    assert_eq!((server.count("Ping"), server.count("Create-Session")), (1, 0));
}

/// MIT's key distribution centre with a realm of the test's own.
struct Realm {
    kdc: Child,
    configuration: std::path::PathBuf,
    keytab: std::path::PathBuf,
}

impl Realm {
    fn start(folder: &Path) -> Self {
        for needed in ["/usr/sbin/krb5kdc", "/usr/sbin/kadmin.local", "/usr/sbin/kdb5_util"] {
            assert!(
                Path::new(needed).exists(),
                "{needed} is missing: apt-get install krb5-kdc krb5-admin-server krb5-user"
            );
        }
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
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
}

impl Drop for Realm {
    fn drop(&mut self) {
        let _ended = self.kdc.kill();
        let _reaped = self.kdc.wait();
    }
}

#[test]
fn kerberos_with_a_password_lets_an_upload_pass() {
    let (server, desk) = (Server::start(), Desk::with_size(100_000));
    let folder = folder(&desk);
    let realm = Realm::start(&folder);
    let mechanism = format!(
        "GssapiAllowedMech krb5\nGssapiCredStore keytab:{}\nGssapiAcceptorName HTTP@localhost",
        realm.keytab.display()
    );
    let apache = Apache::start(&folder, &server, &mechanism, &[("KRB5_CONFIG", &realm.configuration)]);
    let options =
        ["--user", "EXAMPLE.TEST\\backup:sesame", "--auth", "negotiate", "--fragment-size", "64KiB"];
    let mut command = desk.command(&options, &apache.url("/a"));
    let mut child = command.env("KRB5_CONFIG", &realm.configuration).spawn().unwrap();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{out}{err}\n{log}");
    assert!(server.published("/a") == Some(desk.bytes));
}
