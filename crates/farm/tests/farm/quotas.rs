//! Quotas that several nodes keep together.

use std::time::{Duration, Instant};

use bits_http::leases::{Asking, Limits, Postgres, Promise, Room, Row, Rows};
use bits_http::storage::{Quota, Record};
use bits_proto::Guid;
use farm::{Answer, Node, Upload};
use tokio_postgres::NoTls;

use crate::harness::{Farm, LEASE, contents};

/// The code of a full disk.
const DISK_FULL: Option<&str> = Some("0x80070070");

/// Uploads a file, in Fragments to whichever node. Returns the answer that refused it.
async fn upload(nodes: &[Node], path: &str, size: usize) -> Result<(), Answer> {
    let node = || &nodes[fastrand::usize(0..nodes.len())];
    let begun = Upload::ask(node(), path).await;
    if begun.status != 200 {
        return Err(begun);
    }
    let id = begun.header("bits-session-id").unwrap().to_owned();
    let (upload, bytes) = (Upload { path: path.to_owned(), id }, contents(size));
    for (number, part) in bytes.chunks(size.div_ceil(3)).enumerate() {
        let answer = node().send(upload.fragment(part, number * size.div_ceil(3), size)).await.unwrap();
        if answer.status != 200 {
            assert_eq!(number, 0, "what was begun is promised: {answer:?}");
            node().send(upload.packet("Cancel-Session")).await.unwrap();
            return Err(answer);
        }
    }
    let closed = node().send(upload.packet("Close-Session")).await.unwrap();
    assert_eq!(closed.status, 200, "what was begun is promised: {closed:?}");
    Ok(())
}

fn published(farm: &Farm, paths: &[String]) -> usize {
    paths.iter().filter_map(|path| farm.memory.file(path)).map(|file| file.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_race_for_the_last_room_get_all_of_it_and_no_more() {
    let farm = Farm::start();
    let nodes = [farm.node_with(1000).await, farm.node_with(1000).await, farm.node_with(1000).await];
    let paths: Vec<String> = (0..60).map(|number| format!("/{number}")).collect();
    let uploads = paths.iter().map(|path| upload(&nodes, path, 100));
    let came = futures_util::future::join_all(uploads).await;
    let refused: Vec<_> = came.iter().filter_map(|came| came.as_ref().err()).collect();
    for answer in &refused {
        assert_eq!(answer.header("bits-error-code"), DISK_FULL, "{answer:?}");
    }
    assert_eq!((published(&farm, &paths), refused.len()), (1000, 50));
    assert_eq!(farm.rows().await[0], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_at_one_node_counts_at_the_others_until_it_ends() {
    let farm = Farm::start();
    let (one, two) = (farm.node_with(1000).await, farm.node_with(1000).await);
    let first = Upload::create(&one, "/first").await;
    assert_eq!(one.send(first.fragment(&contents(10), 0, 900)).await.unwrap().status, 200);
    let second = Upload::create(&two, "/second").await;
    let refused = two.send(second.fragment(&contents(101), 0, 101)).await.unwrap();
    assert_eq!(refused.header("bits-error-code"), DISK_FULL);
    let third = Upload::create(&two, "/third").await;
    assert_eq!(two.send(third.fragment(&contents(100), 0, 100)).await.unwrap().status, 200);
    // Nothing is left: the client is told at the beginning.
    let full = Upload::ask(&one, "/fourth").await;
    assert_eq!(full.header("bits-error-code"), DISK_FULL);
    assert_eq!(farm.rows().await[0], 3, "what was refused at Create has no row");
    assert_eq!(two.send(first.packet("Cancel-Session")).await.unwrap().status, 200);
    assert_eq!(one.send(second.fragment(&contents(101), 0, 101)).await.unwrap().status, 200);
    assert_eq!(one.send(third.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(two.send(second.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(upload(&[one, two], "/fifth", 800).await.unwrap_err().header("bits-error-code"), DISK_FULL);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_goes_over_to_the_node_that_takes_over() {
    let farm = Farm::start();
    let (one, two) = (farm.node_with(1000).await, farm.node_with(1000).await);
    let kept = Upload::create(&one, "/kept").await;
    assert_eq!(one.send(kept.fragment(&contents(600)[..10], 0, 600)).await.unwrap().status, 200);
    drop(one);
    let large = Upload::create(&two, "/large").await;
    let refused = two.send(large.fragment(&contents(401), 0, 401)).await.unwrap();
    assert_eq!(refused.header("bits-error-code"), DISK_FULL);
    let other = Upload::create(&two, "/other").await;
    assert_eq!(two.send(other.fragment(&contents(400), 0, 400)).await.unwrap().status, 200);
    assert_eq!(two.send(kept.fragment(&contents(600)[10..], 10, 600)).await.unwrap().status, 200);
    assert_eq!(two.send(kept.packet("Close-Session")).await.unwrap().status, 200);
    assert_eq!(two.send(other.packet("Close-Session")).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_began_without_a_quota_is_published_only_where_there_is_room() {
    let farm = Farm::start();
    let old = farm.node().await;
    let (fits, does_not) = (Upload::create(&old, "/fits").await, Upload::create(&old, "/not").await);
    assert_eq!(old.send(fits.fragment(&contents(600), 0, 600)).await.unwrap().status, 200);
    assert_eq!(old.send(does_not.fragment(&contents(600), 0, 600)).await.unwrap().status, 200);
    let node = farm.node_with(1000).await;
    assert_eq!(node.send(fits.packet("Close-Session")).await.unwrap().status, 200);
    let refused = node.send(does_not.packet("Close-Session")).await.unwrap();
    assert_eq!(refused.header("bits-error-code"), DISK_FULL);
    assert_eq!(farm.memory.file("/not"), None);
    // There is room for it later.
    let roomy = farm.node_with(1200).await;
    assert_eq!(roomy.send(does_not.packet("Close-Session")).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_each_user_has_its_own() {
    let farm = Farm::start();
    let quota = |name: &str| (name == "alice").then_some(100);
    let nodes = [
        farm.start_node(Some(Quota::of_folders(quota))).await,
        farm.start_node(Some(Quota::of_folders(quota))).await,
    ];
    assert!(upload(&nodes, "/alice/a", 60).await.is_ok());
    assert_eq!(upload(&nodes, "/alice/b", 41).await.unwrap_err().header("bits-error-code"), DISK_FULL);
    assert!(upload(&nodes, "/bob/a", 5000).await.is_ok());
    assert!(upload(&nodes, "/alice/b", 40).await.is_ok());
    assert_eq!(Upload::ask(&nodes[0], "/alice/c").await.header("bits-error-code"), DISK_FULL);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_of_which_it_is_not_known_whether_it_was_published_keeps_no_room_for_long() {
    let farm = Farm::start();
    let node = farm.node_with(1000).await;
    let upload = Upload::create(&node, "/a").await;
    assert_eq!(node.send(upload.fragment(&contents(600), 0, 600)).await.unwrap().status, 200);
    // Its process has saved that it publishes, and died before it did. Its client does not come back.
    let client = farm.database.client().await;
    let died = "UPDATE bits_sessions SET holder = newest, until = now(), publishing = true";
    client.batch_execute(died).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while farm.database.number("SELECT count(*) FROM bits_sessions WHERE publishing OR holder <> 0").await > 0
    {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(farm.rows().await, [1, 0, 0]);
    assert_eq!(node.send(upload.packet("Close-Session")).await.unwrap().status, 200);
}

/// Rows whose statements are called by the test itself.
struct Asked {
    rows: Postgres,
    farm: Farm,
}

impl Asked {
    async fn start() -> Self {
        let farm = Farm::start();
        Self { rows: Postgres::open(farm.database.config(), NoTls, 8).await.unwrap(), farm }
    }

    fn row(id: u8) -> Row {
        Row {
            id: Guid::from_random([id; 16]),
            owner: "owner".to_owned(),
            record: Record::default(),
            remaining: None,
            is_open: true,
            is_publishing: false,
            replaces: None,
        }
    }

    async fn begin(&self, id: u8) {
        let limits = Limits { all: 100, of_owner: 100 };
        assert!(self.rows.insert(&Self::row(id), limits, LEASE).await.unwrap());
    }

    async fn save(&self, id: u8, is_open: bool, is_publishing: bool, lease: Option<Duration>) {
        let row = Row { is_open, is_publishing, ..Self::row(id) };
        assert!(self.rows.save(&row, 1, lease).await.unwrap());
    }

    async fn ask(&self, id: u8, bytes: u64, published: u64, since: std::time::SystemTime) -> Room {
        let promise = Promise { folder: String::new(), bytes };
        let id = Guid::from_random([id; 16]);
        self.rows.promise(&Asking { id, number: 1, promise, quota: 1000, published, since }).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_counts_until_a_count_that_began_after_its_end() {
    let asked = Asked::start().await;
    for id in 1..=3 {
        asked.begin(id).await;
    }
    let before = asked.rows.now().await.unwrap();
    assert_eq!(asked.ask(1, 600, 0, before).await, Room::Promised);
    // One's own promise is replaced.
    assert_eq!(asked.ask(1, 1000, 0, before).await, Room::Promised);
    assert_eq!(asked.ask(1, 600, 0, before).await, Room::Promised);
    assert_eq!(asked.ask(2, 401, 0, before).await, Room::Full);
    // It may be published, and it may have been counted.
    asked.save(1, true, true, Some(LEASE)).await;
    assert_eq!(asked.ask(2, 401, 0, before).await, Room::InDoubt);
    assert_eq!(asked.ask(2, 401, 600, before).await, Room::Full);
    assert_eq!(asked.ask(2, 400, 600, before).await, Room::InDoubt);
    let meanwhile = asked.rows.now().await.unwrap();
    asked.save(1, false, false, None).await;
    for since in [before, meanwhile] {
        assert_eq!(asked.ask(2, 401, 0, since).await, Room::InDoubt);
        assert_eq!(asked.ask(2, 400, 0, since).await, Room::Promised);
        asked.save(2, true, false, Some(LEASE)).await;
    }
    let after = asked.rows.now().await.unwrap();
    assert_eq!(asked.ask(2, 401, 600, after).await, Room::Full);
    assert_eq!(asked.ask(2, 400, 600, after).await, Room::Promised);
    // What ended is not forgotten before it is due, however few may be remembered.
    asked.rows.bound(0).await.unwrap();
    assert_eq!(asked.farm.rows().await, [2, 1, 2]);
    // A row that another one holds is promised nothing.
    asked.rows.renew(&[(Guid::from_random([3; 16]), 1)], Duration::ZERO).await.unwrap();
    asked.rows.claim(Guid::from_random([3; 16]), None, None, LEASE).await.unwrap();
    assert_eq!(asked.ask(3, 0, 0, after).await, Room::Lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_beyond_what_a_database_counts_overflow_nothing() {
    let asked = Asked::start().await;
    asked.begin(1).await;
    asked.begin(2).await;
    let now = asked.rows.now().await.unwrap();
    assert_eq!(asked.ask(1, u64::MAX, 0, now).await, Room::Full);
    assert_eq!(asked.ask(1, 1000, 0, now).await, Room::Promised);
    assert_eq!(asked.ask(2, u64::MAX, u64::MAX, now).await, Room::Full);
}
