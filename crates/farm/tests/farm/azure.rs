//! Nodes that share a container of Azure Blob Storage, as Azurite speaks it.

use bits_http::storage::Objects;
use bits_proto::server::{Directory, Keep};
use farm::{Azurite, Database, Node, Part, Upload};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt};

use crate::harness::{LEASE, contents};

const PART: usize = 256 * 1024;

/// A database and a container, and the nodes' configuration.
struct Farm {
    database: Database,
    azurite: Azurite,
    directory: Directory,
}

impl Farm {
    fn start(overwrites: bool) -> Option<Self> {
        let azurite = Azurite::start()?;
        let _installed_already = rustls::crypto::ring::default_provider().install_default();
        let directory = Directory::builder().sessions_per_owner(usize::MAX).keep(Keep::Records);
        let directory = directory.allow_overwrites(overwrites).build().unwrap();
        Some(Self { database: Database::start(), azurite, directory })
    }

    async fn node(&self) -> Node {
        let options = ClientOptions::new().with_allow_http(true);
        let storage = Objects::azure(self.azurite.container(), options).unwrap();
        let storage = storage.prefix("files").unwrap().part_size(PART as u64).build();
        let (config, directory) = (self.database.config(), self.directory.clone());
        Node::start(Part { config, storage, directory, lease: LEASE, quota: None }).await
    }

    fn store(&self) -> impl ObjectStore + use<> {
        self.azurite.container().with_allow_http(true).build().unwrap()
    }

    async fn names(&self) -> Vec<String> {
        let found: Vec<_> = self.store().list(None).try_collect().await.unwrap();
        found.into_iter().map(|found| found.location.to_string()).collect()
    }

    async fn read(&self, name: &str) -> bytes::Bytes {
        self.store().get(&Path::from(name)).await.unwrap().bytes().await.unwrap()
    }
}

async fn send(nodes: &[&Node], upload: &Upload, bytes: &[u8], fragment: usize) {
    for (number, piece) in bytes.chunks(fragment).enumerate() {
        let node = nodes[number % nodes.len()];
        let answer = node.send(upload.fragment(piece, number * fragment, bytes.len())).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.received()),
            (200, Some((number * fragment + piece.len()) as u64))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_all_sizes_go_into_a_container_once_and_overwrite_nothing() {
    let Some(farm) = Farm::start(false) else { return };
    let (one, two) = (farm.node().await, farm.node().await);
    for (name, size) in [("empty", 0), ("small", 1000), ("a part", PART), ("large", 5 * PART / 2)] {
        let (bytes, path) = (contents(size), format!("/{}", name.replace(' ', "%20")));
        let upload = Upload::create(&one, &path).await;
        send(&[&one, &two], &upload, &bytes, PART * 2 / 3).await;
        assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200, "{name}");
        assert_eq!(farm.read(&format!("files/{name}")).await, bytes);
        assert_eq!(one.send(upload.packet("Close-Session")).await.unwrap().status, 200, "a repeat");
        assert_eq!(Upload::ask(&two, &path).await.status, 403, "it exists");
    }
    // Two that are under way to the same name, each of several parts: the first one wins.
    let bytes = [contents(2 * PART + 1), contents(2 * PART + 2)];
    let first = [Upload::create(&one, "/same").await, Upload::create(&two, "/same").await];
    for (upload, bytes) in first.iter().zip(&bytes) {
        send(&[&one, &two], upload, bytes, PART).await;
    }
    assert_eq!(one.send(first[0].packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(two.send(first[1].packet("Close-Session")).await.unwrap().status, 403);
    assert_eq!(farm.read("files/same").await, bytes[0]);
    assert_eq!(one.send(first[1].packet("Cancel-Session")).await.unwrap().status, 200);
    assert_eq!(
        farm.names().await,
        ["files/a part", "files/empty", "files/large", "files/same", "files/small"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_uploads_of_a_node_that_dies_replace_what_is_in_the_container() {
    let Some(farm) = Farm::start(true) else { return };
    let store = farm.store();
    for (path, size) in [("small", 1000), ("large", 5 * PART / 2)] {
        let name = Path::from(format!("files/{path}"));
        store.put(&name, "theirs".into()).await.unwrap();
        let (one, two) = (farm.node().await, farm.node().await);
        let (bytes, upload) = (contents(size), Upload::create(&one, &format!("/{path}")).await);
        send(&[&one], &upload, &bytes, size / 3 + 1).await;
        let closing = one.begin(upload.packet("Close-Session"));
        drop(one);
        let _died_or_not = closing.await;
        assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
        assert_eq!(farm.read(name.as_ref()).await, bytes);
    }
    assert_eq!(farm.names().await, ["files/large", "files/small"]);
}
