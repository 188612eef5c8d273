//! Ends that no client asked for: sessions that are replaced, tombstones that are too many, time that is over.

use std::time::{Duration, Instant};

use farm::{Upload, slow};

use crate::harness::{Farm, LEASE, contents};

/// Waits until the rows are so many: open ones, those that have ended, and those that somebody holds.
async fn becomes(farm: &Farm, rows: [i64; 3], within: Duration) {
    let deadline = Instant::now() + within;
    while farm.rows().await != rows {
        assert!(Instant::now() < deadline, "{:?}, not {rows:?}", farm.rows().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn q57_a_newer_session_takes_the_place_of_an_older_one_on_whichever_node_it_is() {
    let farm = Farm::with(|directory| directory.replace_sessions(true));
    let (one, two) = (farm.node().await, farm.node().await);
    let bytes = contents(200);
    let (older, elsewhere) = (Upload::create(&one, "/a").await, Upload::create(&one, "/b").await);
    let (pieces, body) = slow();
    let under_way = one.begin(older.head(0, 200, 200).body(body).unwrap());
    pieces.send(&bytes[..50]);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let newer = Upload::create(&two, "/a").await;
    let told = under_way.await.unwrap();
    assert_eq!((told.status.as_u16(), told.received()), (503, None), "it is told to stop");
    // Until the older one has ended, it may be told to come back.
    becomes(&farm, [2, 1, 0], Duration::from_secs(10)).await;
    for node in [&one, &two] {
        for packet in [older.fragment(&bytes, 0, 200), older.packet("Close-Session")] {
            let told = node.send(packet).await.unwrap();
            assert_eq!((told.status.as_u16(), told.header("bits-error-code")), (403, Some("0x80070005")));
        }
    }
    assert_eq!(one.send(newer.fragment(&bytes, 0, 200)).await.unwrap().status, 200);
    assert_eq!(two.send(newer.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
    assert_eq!(two.send(elsewhere.fragment(&bytes, 0, 200)).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn q57_many_at_once_leave_the_newest_one() {
    let farm = Farm::with(|directory| directory.replace_sessions(true));
    let (one, two) = (farm.node().await, farm.node().await);
    let creates: Vec<_> = (0..12)
        .map(|number| {
            let node = if number % 2 == 0 { &one } else { &two };
            let request = farm::packet("/a", "Create-Session", None);
            node.begin(request.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap())
        })
        .collect();
    for create in creates {
        assert_eq!(create.await.unwrap().status, 200);
    }
    becomes(&farm, [1, 11, 0], Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_ended_sessions_are_remembered_than_the_directory_says() {
    let farm = Farm::with(|directory| directory.tombstones(Duration::from_secs(3600), 3));
    let node = farm.node().await;
    let mut last = None;
    for number in 0..8 {
        let upload = Upload::create(&node, &format!("/{number}")).await;
        assert_eq!(node.send(upload.packet("Close-Session")).await.unwrap().status, 200);
        last = Some(upload);
    }
    let open = Upload::create(&node, "/open").await;
    becomes(&farm, [1, 3, 0], Duration::from_secs(15)).await;
    // The youngest are remembered.
    assert_eq!(node.send(last.unwrap().packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(node.send(open.fragment(b"abc", 0, 3)).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_expires_although_nodes_die_more_often_than_a_lease_lasts() {
    let farm = Farm::with(|directory| directory.session_timeout(Duration::from_secs(1)));
    let node = farm.node().await;
    let upload = Upload::create(&node, "/a").await;
    assert_eq!(node.send(upload.fragment(b"abc", 0, 6)).await.unwrap().status, 200);
    drop(node);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Somebody claimed it for its end, and died.
    let client = farm.database.client().await;
    let claim = "UPDATE bits_sessions SET holder = newest + 1, newest = newest + 1, until = now() + interval '1 second'";
    assert_eq!(client.execute(claim, &[]).await.unwrap(), 1);
    let begin = Instant::now();
    while farm.rows().await != [0, 0, 0] {
        assert!(begin.elapsed() < LEASE * 10, "{:?}", farm.rows().await);
        let short_lived = farm.node().await;
        tokio::time::sleep(LEASE / 4).await;
        drop(short_lived);
    }
}
