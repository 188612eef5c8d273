//! A PostgreSQL of a test's own, in a temporary directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testing::machine::free_address;
use tokio_postgres::{Client, Config, NoTls};

/// How long it may take to start. The machine may be busy with much else.
const DEADLINE: Duration = Duration::from_secs(60);

/// A PostgreSQL that ends with the test.
#[derive(Debug)]
pub struct Database {
    server: Child,
    port: u16,
    _folder: TempDir,
}

impl Database {
    /// Starts one. What it stores does not last, so that tests are quick.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&["fsync=off", "full_page_writes=off", "synchronous_commit=off"])
    }

    /// Starts one that takes connections over TLS with a password, and with this certificate.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_with_tls(certificate: &end_to_end::Certificate) -> Self {
        let [chain, key] = [certificate.chain(), certificate.key()].map(|file| fs::read(file).unwrap());
        Self::launch(&["fsync=off", "ssl=on", "password_encryption=scram-sha-256"], |data| {
            fs::write(data.join("server.crt"), chain).unwrap();
            fs::write(data.join("server.key"), key).unwrap();
            fs::set_permissions(data.join("server.key"), Permissions::from_mode(0o600)).unwrap();
            let rules = "hostssl all secure 127.0.0.1/32 scram-sha-256\nhost all bits 127.0.0.1/32 trust\n";
            fs::write(data.join("pg_hba.conf"), rules).unwrap();
            ["server.crt", "server.key", "pg_hba.conf"].map(|name| data.join(name)).to_vec()
        })
        .with_user("secure", "secret")
    }

    fn with_user(self, name: &str, password: &str) -> Self {
        self.within(async {
            let client = self.client().await;
            let make = format!("CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{password}'");
            client.batch_execute(&make).await.unwrap();
        });
        self
    }

    /// The URL of a user with a password, who needs TLS.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("postgres://secure:secret@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts one that is a standby, whose primary is gone: it can be read, and nothing can be changed.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_standby() -> Self {
        Self::launch(&["fsync=off"], |data| {
            let signal = data.join("standby.signal");
            fs::write(&signal, "").unwrap();
            vec![signal]
        })
    }

    /// Starts one with these settings.
    #[must_use]
    pub fn start_with(settings: &[&str]) -> Self {
        Self::launch(settings, |_| Vec::new())
    }

    /// `prepare` writes more files into the folder of its data.
    fn launch(settings: &[&str], prepare: impl FnOnce(&Path) -> Vec<PathBuf>) -> Self {
        let programs = programs();
        let folder = TempDir::new().unwrap();
        let user = unprivileged_user();
        if let Some((user, group)) = user {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let data = folder.path().join("data");
        let mut initdb = as_user(&programs.join("initdb"), user);
        initdb.args(["--no-sync", "-A", "trust", "-U", "bits", "-E", "UTF8", "--locale=C", "-D"]).arg(&data);
        let done = initdb.output().unwrap();
        assert!(done.status.success(), "initdb: {}", String::from_utf8_lossy(&done.stderr));
        for file in prepare(&data) {
            if let Some((user, group)) = user {
                chown(file, Some(user), Some(group)).unwrap();
            }
        }
        let port = free_address().port();
        let mut postgres = as_user(&programs.join("postgres"), user);
        postgres.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-k", "", "-p", &port.to_string()]);
        for setting in settings.iter().chain(&["max_connections=200"]) {
            postgres.args(["-c", setting]);
        }
        let server = postgres.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let database = Self { server, port, _folder: folder };
        database.wait();
        database
    }

    fn wait(&self) {
        let deadline = Instant::now() + DEADLINE;
        self.within(async {
            while self.config().connect(NoTls).await.is_err() {
                assert!(Instant::now() < deadline, "PostgreSQL does not start");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }

    /// Runs something, not within the runtime of the test.
    fn within(&self, what: impl Future<Output = ()> + Send) {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(what);
            });
        });
    }

    /// How to connect to it.
    #[must_use]
    pub fn config(&self) -> Config {
        self.url().parse().unwrap()
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://bits@127.0.0.1:{}/postgres", self.port)
    }

    /// The port that it listens on, of 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// A connection, for looking at tables.
    pub async fn client(&self) -> Client {
        let (client, connection) = self.config().connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Cuts all connections but one's own.
    pub async fn cut_connections(&self) {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        self.client().await.query(cut, &[]).await.unwrap();
    }

    /// Runs a query that returns one number.
    pub async fn number(&self, query: &str) -> i64 {
        self.client().await.query_one(query, &[]).await.unwrap().get(0)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // An immediate shutdown, which ends its children as well.
        let _dead_already = Command::new("kill").args(["-QUIT", &self.server.id().to_string()]).status();
        let _reaped_already = self.server.wait();
    }
}

/// The folder of the programs: Debian has one for each version, and the last one is the newest.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.retain(|folder| folder.join("initdb").exists());
    folders.sort();
    folders.pop().unwrap_or_else(|| panic!("PostgreSQL is missing: apt-get install postgresql"))
}

/// Runs a program as somebody who is not root, for PostgreSQL refuses root.
fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = user {
        command.uid(user).gid(group).current_dir("/");
    }
    command
}

/// The user and the group of PostgreSQL where this test runs as root.
fn unprivileged_user() -> Option<(u32, u32)> {
    let mine = fs::metadata("/proc/self").map(|found| std::os::unix::fs::MetadataExt::uid(&found)).unwrap();
    if mine != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(of("postgres").or_else(|| of("nobody")).expect("a user who is not root"))
}
