//! The schema of one release becomes that of the next.

use farm::Upload;

use crate::harness::{Farm, contents};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_begins_on_one_schema_ends_on_the_next() {
    let farm = Farm::start();
    let bytes = contents(200);
    let old = farm.node().await;
    let upload = Upload::create(&old, "/a").await;
    assert_eq!(old.send(upload.fragment(&bytes[..100], 0, 200)).await.unwrap().status, 200);
    drop(old);
    // Its release knew the first step alone.
    let client = farm.database.client().await;
    client
        .batch_execute(
            "ALTER TABLE bits_sessions DROP COLUMN place, DROP COLUMN destination, DROP COLUMN begun,
                DROP COLUMN replaced;
            DROP INDEX IF EXISTS bits_sessions_ended; DELETE FROM bits_schema WHERE step > 1",
        )
        .await
        .unwrap();
    // Both nodes of the next release start at once.
    let (one, two) = tokio::join!(farm.node(), farm.node());
    let steps = farm.database.number("SELECT count(*) FROM bits_schema").await;
    assert_eq!(steps, 3);
    assert_eq!(one.send(upload.fragment(&bytes[100..], 100, 200)).await.unwrap().status, 200);
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_works_beside_nodes_of_a_later_release() {
    let farm = Farm::start();
    let old = farm.node().await;
    let upload = Upload::create(&old, "/a").await;
    let client = farm.database.client().await;
    let later = "ALTER TABLE bits_sessions ADD COLUMN later int NOT NULL DEFAULT 7;
        INSERT INTO bits_schema VALUES (4)";
    client.batch_execute(later).await.unwrap();
    assert_eq!(old.send(upload.fragment(b"abc", 0, 3)).await.unwrap().status, 200);
    let restarted = farm.node().await;
    assert_eq!(restarted.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), b"abc"[..]);
}
