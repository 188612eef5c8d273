//! Bodies that hang, break, are not wanted, or whose client is gone.

use std::time::Duration;

use bits_http::storage::Memory;
use tower_service::Service;

use crate::harness::{Log, Session, answered, builder, directory, eventually, in_memory, packet, send, slow};

#[tokio::test]
async fn the_newest_request_wins_over_a_body_that_hangs() {
    let (mut uploads, memory, log) = in_memory().await;
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    let hung = uploads.call(session.fragment_head(0, 10, 10).body(body).unwrap());
    pieces.send(b"0123");
    eventually("it reads", || pieces.polled() >= 2).await;
    let newer = session.fragment(b"0123456789", 0, 10).await;
    assert_eq!((newer.status.as_u16(), newer.received()), (200, Some(10)));
    let older = answered(hung.await.unwrap()).await;
    assert_eq!((older.status.as_u16(), older.received()), (503, None));
    assert_eq!(session.close().await.status, 200);
    assert_eq!(memory.file("/a").unwrap(), &b"0123456789"[..]);
    assert!(log.has("stored 4 up to 4") && log.has("stored 6 up to 10"), "{:?}", log.take());
}

#[tokio::test]
async fn what_a_broken_body_brought_counts() {
    let (uploads, ..) = in_memory().await;
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    pieces.send(b"0123");
    drop(pieces);
    let broken = send(&uploads, session.fragment_head(0, 10, 10).body(body).unwrap()).await;
    assert_ne!(broken.status, 200);
    assert_eq!(session.fragment(b"456789", 4, 10).await.received(), Some(10));
}

#[tokio::test]
async fn a_handler_that_is_dropped_takes_nothing_with_it() {
    let (mut uploads, memory, _) = in_memory().await;
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    drop(uploads.call(session.fragment_head(0, 10, 10).body(body).unwrap()));
    for piece in [b"01234", b"56789"] {
        pieces.send(piece);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    eventually("it is stored", || pieces.polled() > 1 && uploads.open_sessions() == 1).await;
    let repeat = session.fragment(b"0123456789", 0, 10).await;
    assert_eq!(repeat.received(), Some(10));
    // So is the publishing of a Close whose client has gone.
    let close = packet("/a", "Close-Session", Some(&session.id)).header("Content-Length", 0);
    drop(uploads.call(close.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()));
    eventually("it is published", || memory.file("/a").is_some()).await;
}

#[tokio::test]
async fn a_client_is_sent_away_when_it_is_silent_or_too_slow() {
    let (memory, log) = (Memory::new(), Log::default());
    let silent = builder(memory.clone(), &log).silence(Duration::from_millis(200));
    let uploads = silent.open(&directory().build().unwrap(), memory.clone()).await.unwrap();
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    pieces.send(b"0123");
    let answer = send(&uploads, session.fragment_head(0, 10, 10).body(body).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.received()), (503, Some(4)), "it may go on from there");
    assert!(log.has("the client is silent"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_does_not_hold_a_place_for_ever() {
    let (memory, log) = (Memory::new(), Log::default());
    let uploads =
        builder(memory.clone(), &log).least_pace(10).open(&directory().build().unwrap(), memory).await;
    let uploads = uploads.unwrap();
    let session = Session::create(&uploads, "/a").await;
    // Eleven bytes a second are enough, for as long as it takes; one is not.
    for (pace, status) in [(11, 200), (1, 503)] {
        let (start, end) = if status == 200 { (0, 1100) } else { (1100, 2000) };
        let (pieces, body) = slow();
        let sender = tokio::spawn(async move {
            for _ in 0..(end - start) / pace {
                tokio::time::sleep(Duration::from_secs(1)).await;
                pieces.send(&vec![7; pace]);
            }
        });
        let answer = send(&uploads, session.fragment_head(start, end, 2000).body(body).unwrap()).await;
        assert_eq!(answer.status, status, "{pace}: {answer:?}");
        sender.abort();
    }
    assert!(log.has("the client sends too slowly"));
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_keeps_a_body_that_is_refused() {
    let (uploads, ..) = in_memory().await;
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    let head = session.fragment_head(5, 10, 10).header("Expect", "100-continue");
    let refused = send(&uploads, head.body(body).unwrap()).await;
    assert_eq!((refused.status.as_u16(), pieces.polled()), (416, 0));
    assert_eq!(refused.header("connection"), Some("close"));
    // Without it, the rest of a refused body is read, so that the answer is heard and the connection goes on.
    let (pieces, body) = slow();
    pieces.send(b"56789");
    drop(pieces);
    let refused = send(&uploads, session.fragment_head(5, 10, 10).body(body).unwrap()).await;
    assert_eq!((refused.status.as_u16(), refused.header("connection")), (416, None));
}

#[tokio::test]
async fn a_service_that_stops_keeps_what_came_and_sends_its_clients_away() {
    let (mut uploads, memory, log) = in_memory().await;
    let session = Session::create(&uploads, "/a").await;
    let (pieces, body) = slow();
    let hung = uploads.call(session.fragment_head(0, 10, 10).body(body).unwrap());
    pieces.send(b"0123");
    eventually("it reads", || pieces.polled() >= 2).await;
    uploads.shutdown().await;
    let answer = answered(hung.await.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.received()), (503, Some(4)));
    drop(uploads);
    let again = builder(memory.clone(), &log).open(&directory().build().unwrap(), memory).await.unwrap();
    let session = Session { uploads: again, ..session };
    assert_eq!(session.fragment(b"456789", 4, 10).await.received(), Some(10));
}
