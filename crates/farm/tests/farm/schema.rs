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
                DROP COLUMN replaced, DROP COLUMN publishing, DROP COLUMN folder, DROP COLUMN promised;
            DROP INDEX IF EXISTS bits_sessions_ended; DELETE FROM bits_schema WHERE step > 1",
        )
        .await
        .unwrap();
    // Both nodes of the next release start at once.
    let (one, two) = tokio::join!(farm.node(), farm.node());
    let steps = farm.database.number("SELECT count(*) FROM bits_schema").await;
    assert_eq!(steps, 4);
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
        INSERT INTO bits_schema VALUES (5)";
    client.batch_execute(later).await.unwrap();
    assert_eq!(old.send(upload.fragment(b"abc", 0, 3)).await.unwrap().status, 200);
    let restarted = farm.node().await;
    assert_eq!(restarted.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), b"abc"[..]);
}

/// What the release before the one that promises room ran to save a row, with the record that the row has.
const SAVE_OF_STEP_3: &str = "
    UPDATE bits_sessions SET
        saved = now(), is_open = $2, crashed = false, due = 'infinity', holder = 0
    WHERE id = $1::text::uuid";

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_before_room_is_promised_gets_it_and_what_an_older_node_ends_gives_it_back() {
    let farm = Farm::start();
    let old = farm.node().await;
    let upload = Upload::create(&old, "/a").await;
    assert_eq!(old.send(upload.fragment(&contents(100), 0, 200)).await.unwrap().status, 200);
    let large = Upload::create(&old, "/large").await;
    assert_eq!(old.send(large.fragment(&contents(100), 0, 500)).await.unwrap().status, 200);
    drop(old);
    let client = farm.database.client().await;
    client
        .batch_execute(
            "ALTER TABLE bits_sessions DROP COLUMN publishing, DROP COLUMN folder, DROP COLUMN promised;
            DELETE FROM bits_schema WHERE step > 3",
        )
        .await
        .unwrap();
    let node = farm.node_with(300).await;
    // It was never asked whether there is room for it.
    assert_eq!(node.send(upload.fragment(&contents(200)[100..], 100, 200)).await.unwrap().status, 200);
    let refused = node.send(large.fragment(&contents(200)[100..], 100, 500)).await.unwrap();
    assert_eq!(refused.header("bits-error-code"), Some("0x80070070"));
    let other = Upload::create(&node, "/b").await;
    let refused = node.send(other.fragment(&contents(101), 0, 101)).await.unwrap();
    assert_eq!(refused.header("bits-error-code"), Some("0x80070070"));
    // A node of the older release is asked to cancel it.
    let id = upload.id.trim_matches(['{', '}']);
    assert_eq!(client.execute(SAVE_OF_STEP_3, &[&id, &false]).await.unwrap(), 1);
    assert_eq!(node.send(other.fragment(&contents(101), 0, 101)).await.unwrap().status, 200);
}
