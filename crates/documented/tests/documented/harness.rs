//! A server of either stack in this process, and uploads to it by a client of either stack.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::client::{Config, ConfigBuilder};
use bits_proto::server::DirectoryBuilder;
use documented::folder::Folder;
use documented::server::Server;
use documented::source::Source;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Nothing here takes as long, on a machine with other work to do even.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ServerStack {
    Axum,
    Hyper,
    /// The one on axum that saves its sessions.
    Saving,
    /// The one on axum whose sessions are rows.
    Database,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ClientStack {
    Reqwest,
    Ureq,
}

pub(crate) const SERVERS: [ServerStack; 2] = [ServerStack::Axum, ServerStack::Hyper];
pub(crate) const ALL_SERVERS: [ServerStack; 4] = [
    ServerStack::Axum,
    ServerStack::Hyper,
    ServerStack::Saving,
    ServerStack::Database,
];
pub(crate) const CLIENTS: [ClientStack; 2] = [ClientStack::Reqwest, ClientStack::Ureq];

/// Every server with every client.
pub(crate) fn pairs() -> impl Iterator<Item = (ServerStack, ClientStack)> {
    SERVERS
        .into_iter()
        .flat_map(|server| CLIENTS.map(|client| (server, client)))
}

/// A server that ends with the test's runtime.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    /// Whether it gathers a few hundred kilobytes before it writes.
    gathers: bool,
}

impl Running {
    pub(crate) async fn start(stack: ServerStack, directory: DirectoryBuilder) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let root = folder.path().to_owned();
        if stack == ServerStack::Saving {
            let server =
                documented::saving::Server::open(root, directory.build().unwrap()).unwrap();
            tokio::spawn(server.serve(listener));
            return Self {
                address,
                folder,
                gathers: stack == ServerStack::Database,
            };
        }
        if stack == ServerStack::Database {
            tokio::spawn(documented::database::serve(root, directory, listener));
            return Self {
                address,
                folder,
                gathers: stack == ServerStack::Database,
            };
        }
        let server = Server::new(directory, Folder::open(root).await.unwrap()).unwrap();
        tokio::spawn(async move {
            match stack {
                ServerStack::Hyper => documented::hyper::serve(listener, server).await,
                _ => documented::axum::serve(listener, server).await,
            }
        });
        Self {
            address,
            folder,
            gathers: false,
        }
    }

    /// What was published under this name; `None` if nothing was.
    pub(crate) fn published(&self, name: &str) -> Option<Vec<u8>> {
        // The one over SQLite makes the folders of a path.
        let folder = self.folder.path();
        let found = [folder.join(name), folder.join("uploads").join(name)];
        found.iter().find_map(|path| fs::read(path).ok())
    }

    /// Waits until the one upload under way has so many bytes.
    pub(crate) async fn wait_for_part(&self, bytes: u64) {
        let begin = Instant::now();
        if self.gathers {
            // They are on their way to a buffer, which nobody can see.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return;
        }
        while hidden(self.folder.path()).into_iter().max() < Some(bytes) {
            assert!(begin.elapsed() < DEADLINE, "there never were {bytes} bytes");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The sizes of all files that are hidden, but for those of the database: the bytes of uploads, and records.
pub(crate) fn hidden(root: &Path) -> Vec<u64> {
    let (mut sizes, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let inside = path
                .strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if (inside.starts_with('.') || inside.contains("/."))
                && !name.to_string_lossy().starts_with("sessions.db")
            {
                sizes.extend(entry.metadata().map(|metadata| metadata.len()));
            }
        }
    }
    sizes
}

/// Impatient: the defaults are those of Windows.
pub(crate) fn config() -> ConfigBuilder {
    Config::builder()
        .fragment_size(64 * 1024)
        .retry_delays(Duration::from_millis(20), Duration::from_millis(200))
        .timeouts(DEADLINE, DEADLINE)
        .give_up_after(DEADLINE)
}

/// Uploads a file, and gives back what the client said if it could not.
pub(crate) async fn upload(
    client: ClientStack,
    file: &Path,
    to: SocketAddr,
    name: &str,
    config: ConfigBuilder,
) -> Result<(), String> {
    upload_source(
        client,
        Source::open(file.to_owned()).unwrap(),
        to,
        name,
        config,
    )
    .await
}

pub(crate) async fn upload_source(
    client: ClientStack,
    source: Source,
    to: SocketAddr,
    name: &str,
    config: ConfigBuilder,
) -> Result<(), String> {
    let url = format!("http://{to}/uploads/{name}").parse().unwrap();
    let config = config.build().unwrap();
    let uploading = async {
        match client {
            ClientStack::Reqwest => {
                let _installed_already = rustls::crypto::ring::default_provider().install_default();
                let builder = reqwest::Client::builder().tls_certs_only([]).no_proxy();
                documented::reqwest::upload(builder, &source, url, config).await
            }
            ClientStack::Ureq => {
                let agent = ureq::Agent::config_builder().proxy(None);
                let (told, done) = oneshot::channel();
                // Not a thread of the runtime's: that would wait for one that hangs.
                thread::spawn(move || {
                    told.send(documented::ureq::upload(agent, &source, url, config))
                });
                done.await.unwrap()
            }
        }
    };
    let done = timeout(2 * DEADLINE, uploading)
        .await
        .expect("the upload ends");
    done.map_err(|error| error.to_string())
}

/// A file of so many bytes, no two pieces of which are the same.
pub(crate) fn file(folder: &TempDir, bytes: usize) -> (PathBuf, Vec<u8>) {
    let content = testing::machine::entity(bytes);
    let path = folder.path().join(format!("source-{bytes}"));
    fs::write(&path, &content).unwrap();
    (path, content)
}
