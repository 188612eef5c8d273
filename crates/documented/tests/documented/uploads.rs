//! Files that arrive.

use bits_proto::server::Directory;
use tempfile::TempDir;

use crate::harness::{Running, config, file, pairs, upload};

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_arrive_from_every_client_at_every_server() {
    const FRAGMENT: usize = 64 * 1024;
    for (server, client) in pairs() {
        let running = Running::start(server, Directory::builder()).await;
        let folder = TempDir::new().unwrap();
        for size in [
            0,
            1,
            FRAGMENT - 1,
            FRAGMENT,
            FRAGMENT + 1,
            5 * FRAGMENT + 17,
        ] {
            let (path, content) = file(&folder, size);
            let name = format!("{size}.bin");
            upload(client, &path, running.address, &name, config())
                .await
                .unwrap();
            let published = running.published(&name);
            assert!(
                published == Some(content),
                "{size} bytes from {client:?} to {server:?} differ"
            );
        }
    }
}

/// axum has one of 2 MiB for what it collects in memory.
#[tokio::test(flavor = "multi_thread")]
async fn no_limit_of_a_stack_is_in_the_way_of_a_large_fragment() {
    for (server, client) in pairs() {
        let running = Running::start(server, Directory::builder()).await;
        let folder = TempDir::new().unwrap();
        let (path, content) = file(&folder, 7 << 20);
        let config = config().fragment_size(5 << 20);
        upload(client, &path, running.address, "large.bin", config)
            .await
            .unwrap();
        assert!(
            running.published("large.bin") == Some(content),
            "{client:?} to {server:?} differ"
        );
    }
}

/// The refusal comes before the body: its sender must hear it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn fragments_shrink_to_what_the_server_takes() {
    for (server, client) in pairs() {
        let directory = Directory::builder().max_fragment_size(100_000);
        let running = Running::start(server, directory).await;
        let folder = TempDir::new().unwrap();
        let (path, content) = file(&folder, 3 << 20);
        let config = config().fragment_size(3 << 20);
        upload(client, &path, running.address, "shrunk.bin", config)
            .await
            .unwrap();
        assert!(
            running.published("shrunk.bin") == Some(content),
            "{client:?} to {server:?} differ"
        );
    }
}
