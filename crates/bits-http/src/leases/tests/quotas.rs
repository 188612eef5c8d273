//! Quotas: what counts, what is in doubt, and who waits.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bits_proto::server::{Directory, Keep, Refusal};
use tokio::time::{Instant, sleep};

use super::{InMemory, Node};
use crate::leases::{Leases, Promise};
use crate::storage::Quota;

#[tokio::test(start_paused = true)]
async fn what_is_published_by_whomever_and_what_is_promised_count() {
    let node = Node::start(Quota::of_all(1000)).await;
    node.put(99, "/a/by-hand", 300).await;
    assert_eq!(node.begin(1, 400).await, Ok(()));
    assert_eq!(node.begin(2, 301).await, Err(Refusal::DiskFull));
    assert_eq!(node.begin(3, 300).await, Ok(()));
    // Nothing is left: the client is told at the beginning.
    assert_eq!(node.begin(4, 0).await, Err(Refusal::DiskFull));
    node.publish(1, 400).await;
    assert_eq!(node.begin(4, 1).await, Err(Refusal::DiskFull));
    // An upload is given up.
    node.rows.save_as(3, false, false);
    assert_eq!(node.begin(5, 300).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn what_is_promised_is_asked_for_once() {
    let node = Node::start(Quota::of_all(1000)).await;
    node.rows.begin(1);
    let known = node.ask(1, "/a", 0).await.unwrap();
    let promised = node.ask_again(1, "/a", 400, known).await.unwrap();
    let asked = node.rows.asked.load(Ordering::SeqCst);
    assert_eq!(node.ask_again(1, "/a", 400, promised.clone()).await, Ok(promised));
    assert_eq!(node.rows.asked.load(Ordering::SeqCst), asked);
    // The quota counts for another folder since then.
    let elsewhere = Some(Promise { folder: "a".to_owned(), bytes: 400 });
    node.ask_again(1, "/a", 400, elsewhere).await.unwrap();
    assert_eq!(node.rows.asked.load(Ordering::SeqCst), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_published_behind_the_back_of_a_count_still_counts() {
    let node = Node::start(Quota::of_all(1000)).await;
    assert_eq!(node.begin(1, 600).await, Ok(()));
    sleep(Duration::from_secs(11)).await;
    // The next count has looked at the files, and has not yet told of them, when the upload is published.
    node.hold_counts();
    let asked = node.begin(2, 401);
    let publishes = async {
        while node.counts() < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        node.publish(1, 600).await;
        node.let_counts_end();
    };
    assert_eq!(tokio::join!(asked, publishes).0, Err(Refusal::DiskFull));
    assert_eq!(node.begin(3, 400).await, Ok(()));
    assert_eq!(node.begin(4, 1).await, Err(Refusal::DiskFull));
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_published_after_a_count_that_is_believed_still_counts() {
    let node = Node::start(Quota::of_all(1000)).await;
    assert_eq!(node.begin(1, 600).await, Ok(()));
    node.publish(1, 600).await;
    sleep(Duration::from_secs(5)).await;
    assert_eq!(node.begin(2, 300).await, Ok(()));
    assert_eq!(node.counts(), 1, "it is believed");
    assert_eq!(node.begin(3, 101).await, Err(Refusal::DiskFull));
    assert_eq!(node.counts(), 2, "nobody is refused before files were counted again");
    assert_eq!(node.begin(4, 100).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_refused_for_bytes_that_are_counted_twice() {
    let node = Node::start(Quota::of_all(1000)).await;
    assert_eq!(node.begin(1, 600).await, Ok(()));
    // It is published, and nobody has saved that yet.
    node.rows.save_as(1, true, true);
    node.put(1, "/1", 600).await;
    sleep(Duration::from_secs(11)).await;
    let saves = async {
        sleep(Duration::from_secs(3)).await;
        node.rows.save_as(1, false, false);
    };
    let begun = Instant::now();
    assert_eq!(tokio::join!(node.begin(2, 400), saves).0, Ok(()));
    assert!(begun.elapsed() >= Duration::from_secs(3));
    assert_eq!(node.begin(3, 1).await, Err(Refusal::DiskFull));
}

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_while_it_is_not_known_what_was_published() {
    let node = Node::start(Quota::of_all(1000)).await;
    assert_eq!(node.begin(1, 600).await, Ok(()));
    node.rows.save_as(1, true, true);
    node.put(1, "/1", 600).await;
    sleep(Duration::from_secs(11)).await;
    assert_eq!(node.begin(2, 400).await, Err(Refusal::Busy));
    // What does not fit whatever comes of it is refused at once.
    let begun = Instant::now();
    assert_eq!(node.begin(3, 401).await, Err(Refusal::DiskFull));
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_client_comes_back_while_counting_takes_long_and_then_the_count_is_believed() {
    let node = Node::start(Quota::of_all(1000)).await;
    node.hold_counts();
    assert_eq!(node.begin(1, 10).await, Err(Refusal::Busy));
    sleep(Duration::from_secs(30)).await;
    node.let_counts_end();
    assert_eq!(node.begin(1, 10).await, Ok(()));
    assert_eq!(node.counts(), 1);
    // It took fifty seconds: ten times as long.
    sleep(Duration::from_secs(490)).await;
    assert_eq!(node.begin(2, 10).await, Ok(()));
    assert_eq!(node.counts(), 1);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(node.begin(3, 10).await, Ok(()));
    assert_eq!(node.counts(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_count_is_believed_for_longer_than_sessions_that_ended_are_remembered() {
    let node = Node::start(Quota::of_all(1000)).await;
    node.hold_counts();
    let asked = node.begin(1, 10);
    let ends = async {
        sleep(Duration::from_secs(25 * 60)).await;
        node.let_counts_end();
    };
    assert_eq!(tokio::join!(asked, ends).0, Err(Refusal::Busy));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(node.begin(1, 10).await, Ok(()));
    sleep(Duration::from_secs(6 * 60)).await;
    assert_eq!(node.begin(2, 10).await, Ok(()));
    assert_eq!(node.counts(), 2, "an upload that ended half an hour ago may be forgotten soon");
}

#[tokio::test(start_paused = true)]
async fn a_count_that_failed_is_the_servers_fault_and_the_next_upload_counts_anew() {
    let node = Node::start(Quota::of_all(1000)).await;
    node.storage.fails.store(true, Ordering::SeqCst);
    assert_eq!(node.begin(1, 10).await, Err(Refusal::Internal));
    node.storage.fails.store(false, Ordering::SeqCst);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(node.begin(1, 10).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn each_folder_has_its_own_and_others_have_none() {
    let quota = |name: &str| (name != "carol").then_some(if name == "alice" { 100 } else { 50 });
    let node = Node::start(Quota::of_folders(quota)).await;
    node.put(99, "/alice/by-hand", 40).await;
    for id in 1..=6 {
        node.rows.begin(id);
    }
    assert!(node.ask(1, "/alice/a", 61).await.is_err());
    assert!(node.ask(1, "/alice/b/c", 60).await.is_ok());
    assert_eq!(node.ask(2, "/bob/a", 51).await, Err(Refusal::DiskFull));
    assert!(node.ask(3, "/bob/a", 50).await.is_ok());
    assert_eq!(node.ask(4, "/carol/a", 1_000_000).await, Ok(None));
    assert_eq!(node.ask(5, "/right-in-the-root", 1_000_000).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_ask_at_once_promise_the_last_room_to_one() {
    let one = Node::start(Quota::of_all(1000)).await;
    let two = Node::beside(Quota::of_all(1000), one.rows.clone(), one.storage.clone()).await;
    for id in 1..=20 {
        one.rows.begin(id);
    }
    let mut room = 0;
    for id in (1..=20).step_by(2) {
        let (first, second) = (one.ask(id, "/a", 150), two.ask(id + 1, "/b", 150));
        let (first, second) = tokio::join!(first, second);
        room += u64::from(first.is_ok()) + u64::from(second.is_ok());
    }
    assert_eq!(room, 6);
}

#[tokio::test]
async fn a_quota_needs_rows_that_promise_and_sessions_that_are_remembered() {
    let directory = Directory::builder().keep(Keep::Records).tombstones(Duration::from_secs(60), 10);
    let rows = InMemory::default();
    let leases = Leases::<_, ()>::open(&directory.build().unwrap(), rows, Duration::from_secs(10)).await;
    let refused = leases.unwrap().with_quota(Quota::of_all(1)).unwrap_err();
    assert!(refused.to_string().contains("ten minutes"), "{refused}");
}
