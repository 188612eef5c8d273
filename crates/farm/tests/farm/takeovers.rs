//! Nodes that die, sleep, or lose their connections.

use std::time::{Duration, Instant};

use bits_http::storage::Objects;
use farm::{Node, Part, Upload, slow};
use object_store::memory::InMemory;

use crate::harness::{Farm, LEASE, contents};

#[tokio::test(flavor = "multi_thread")]
async fn the_uploads_of_a_node_that_dies_go_on_elsewhere() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(300);
    let upload = Upload::create(&one, "/a").await;
    assert_eq!(one.send(upload.fragment(&bytes[..100], 0, 300)).await.unwrap().status, 200);
    let (pieces, body) = slow();
    let broken = one.begin(upload.head(100, 300, 300).body(body).unwrap());
    pieces.send(&bytes[100..150]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(one);
    assert!(broken.await.is_err());
    let begin = Instant::now();
    let answer = two.send(upload.fragment(&bytes[100..], 100, 300)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(300)));
    assert!(begin.elapsed() < LEASE * 3, "{:?}", begin.elapsed());
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_slept_writes_nothing_into_what_was_taken_over() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(200);
    let upload = Upload::create(&one, "/a").await;
    let (pieces, body) = slow();
    let asleep = one.begin(upload.head(0, 200, 200).body(body).unwrap());
    pieces.send(&[0xEE; 100]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.sleep(LEASE * 3).await;
    // What it reads when it wakes up.
    pieces.send(&[0xEE; 100]);
    drop(pieces);
    let answer = two.send(upload.fragment(&bytes[..100], 0, 200)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(100)));
    let woken = asleep.await.unwrap();
    assert_eq!((woken.status.as_u16(), woken.received()), (503, None), "{woken:?}");
    assert_eq!(two.send(upload.fragment(&bytes[100..], 100, 200)).await.unwrap().status, 200);
    assert_eq!(one.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
    assert_eq!(farm.rows().await, [0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_fragment_keeps_its_row_for_longer_than_a_lease() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(100);
    let upload = Upload::create(&one, "/a").await;
    let (pieces, body) = slow();
    let long = one.begin(upload.head(0, 100, 100).body(body).unwrap());
    for piece in bytes.chunks(10) {
        pieces.send(piece);
        tokio::time::sleep(LEASE / 4).await;
    }
    drop(pieces);
    assert_eq!(long.await.unwrap().status, 200);
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_no_upload() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(20 * 50);
    let upload = Upload::create(&one, "/a").await;
    for (number, piece) in bytes.chunks(50).enumerate() {
        farm.database.cut_connections().await;
        let node = if number % 2 == 0 { &one } else { &two };
        let answer = node.send(upload.fragment(piece, number * 50, bytes.len())).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(number as u64 * 50 + 50)));
    }
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_signals_cost_the_interval_of_polling() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let upload = Upload::create(&one, "/a").await;
    let (pieces, body) = slow();
    let older = one.begin(upload.head(0, 10, 10).body(body).unwrap());
    pieces.send(b"01234");
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Nobody listens for a while.
    farm.database.cut_connections().await;
    let begin = Instant::now();
    let answer = two.send(upload.fragment(b"0123456789", 0, 10)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(10)));
    assert!(begin.elapsed() < LEASE * 3, "{:?}", begin.elapsed());
    assert_eq!(older.await.unwrap().status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_that_fails_holds_the_row_no_longer_than_it_takes() {
    let farm = Farm::start();
    let storage = Objects::builder(InMemory::new()).build();
    let part = Part {
        config: farm.database.config(),
        storage,
        directory: farm.directory.clone(),
        lease: Duration::from_secs(60),
        quota: None,
    };
    let node = Node::start(part).await;
    let upload = Upload::create(&node, "/a").await;
    assert_eq!(node.send(upload.fragment(b"abc", 0, 6)).await.unwrap().status, 200);
    // A process died with the row, and what the storage would look at cannot be had.
    let client = farm.database.client().await;
    let died = "CREATE TABLE aside AS SELECT place FROM bits_sessions;
        UPDATE bits_sessions SET holder = newest, until = now() - interval '1 second', place = 'nothing'";
    client.batch_execute(died).await.unwrap();
    assert_eq!(node.send(upload.fragment(b"def", 3, 6)).await.unwrap().status, 500);
    client.batch_execute("UPDATE bits_sessions SET place = aside.place FROM aside").await.unwrap();
    let begin = Instant::now();
    let answer = node.send(upload.fragment(b"def", 3, 6)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(6)));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
