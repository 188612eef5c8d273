//! Turns across nodes: whose turn it is, who wins, and what is left.

use std::time::{Duration, Instant};

use farm::{Upload, slow};

use crate::harness::{Farm, contents};

#[tokio::test(flavor = "multi_thread")]
async fn every_packet_may_go_to_another_node() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(300);
    let upload = Upload::create(&one, "/a").await;
    for (start, node) in [(0, &two), (100, &one), (200, &two)] {
        let fragment = upload.fragment(&bytes[start..start + 100], start, 300);
        let answer = node.send(fragment).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(start as u64 + 100)));
    }
    assert_eq!(one.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
    // The row remembers the end, and nobody holds it: a repeat is answered, and publishes nothing.
    assert_eq!(farm.rows().await, [0, 1, 0]);
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(two.send(upload.packet("Cancel-Session")).await.unwrap().status, 200);
    assert_eq!(farm.rows().await, [0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_request_wins_on_whichever_node_it_is() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(200);
    let upload = Upload::create(&one, "/a").await;
    let (pieces, body) = slow();
    let older = one.begin(upload.head(0, 200, 200).body(body).unwrap());
    pieces.send(&bytes[..50]);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begin = Instant::now();
    // A client that comes back while its broken connection is still read asks for everything again.
    let answer = two.send(upload.fragment(&bytes, 0, 200)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.received()), (200, Some(200)));
    assert!(begin.elapsed() < Duration::from_secs(1), "it was told at once: {:?}", begin.elapsed());
    let older = older.await.unwrap();
    assert_eq!((older.status.as_u16(), older.received()), (503, None));
    assert_eq!(two.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fragments_in_the_same_instant_store_each_byte_once() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(40 * 64);
    let upload = Upload::create(&one, "/a").await;
    for start in (0..bytes.len()).step_by(64) {
        let fragment = || upload.fragment(&bytes[start..start + 64], start, bytes.len());
        let (first, second) = (one.begin(fragment()), two.begin(fragment()));
        let answers = [first.await.unwrap(), second.await.unwrap()];
        for answer in &answers {
            assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        }
        let told = answers.iter().find(|answer| answer.status == 200).expect("one of them is told");
        assert_eq!(told.received(), Some(start as u64 + 64));
    }
    assert_eq!(one.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
    assert_eq!(farm.rows().await, [0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_of_an_owner_holds_for_all_nodes_together() {
    let farm = Farm::with(|directory| directory.sessions_per_owner(7));
    let (one, two) = (farm.node().await, farm.node().await);
    let asked: Vec<_> = (0..20)
        .map(|number| {
            let node = if number % 2 == 0 { &one } else { &two };
            let request = farm::packet(&format!("/{number}"), "Create-Session", None);
            let request = request.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap();
            node.begin(request)
        })
        .collect();
    let mut allowed = 0;
    for answer in asked {
        let status = answer.await.unwrap().status.as_u16();
        assert!([200, 503].contains(&status), "{status}");
        allowed += u32::from(status == 200);
    }
    assert_eq!(allowed, 7);
    assert_eq!(farm.rows().await, [7, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_create_and_a_cancelled_upload_leave_no_bytes() {
    let farm = Farm::start();
    let (one, two) = (farm.node().await, farm.node().await);
    let upload = Upload::create(&one, "/a").await;
    assert_eq!(two.send(upload.fragment(b"abc", 0, 3)).await.unwrap().status, 200);
    assert_eq!(one.send(upload.packet("Close-Session")).await.unwrap().status, 200);
    let refused = Upload::ask(&two, "/a").await;
    assert_eq!(refused.status, 403, "its destination exists");
    assert_eq!(farm.rows().await, [0, 1, 0]);
    let cancelled = Upload::create(&one, "/b").await;
    assert_eq!(two.send(cancelled.fragment(b"abc", 0, 6)).await.unwrap().status, 200);
    assert_eq!(one.send(cancelled.packet("Cancel-Session")).await.unwrap().status, 200);
    assert_eq!(two.send(cancelled.fragment(b"def", 3, 6)).await.unwrap().status, 500);
    assert_eq!(farm.rows().await, [0, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_is_over_is_seen_by_whichever_node_looks() {
    let farm = Farm::with(|directory| {
        directory.session_timeout(Duration::from_secs(2)).tombstones(Duration::from_secs(1), 10)
    });
    let node = farm.node().await;
    let ended = Upload::create(&node, "/ended").await;
    assert_eq!(node.send(ended.packet("Close-Session")).await.unwrap().status, 200);
    let upload = Upload::create(&node, "/a").await;
    assert_eq!(node.send(upload.fragment(b"abc", 0, 6)).await.unwrap().status, 200);
    drop(node);
    let other = farm.node().await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while farm.rows().await != [0, 0, 0] {
        assert!(Instant::now() < deadline, "{:?}", farm.rows().await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(other.send(upload.fragment(b"def", 3, 6)).await.unwrap().status, 500);
    assert_eq!(farm.memory.file("/a"), None);
}
