//! The statements that a Fragment costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bits_http::leases::{Asking, Claim, Claimed, Leases, Limits, Lookup, Postgres, Room, Row, Rows, Signal};
use bits_http::server::Uploads;
use bits_http::storage::{Failure, Quota};
use bits_proto::Guid;
use bytes::Bytes;
use http_body_util::Full;
use tokio_postgres::NoTls;
use tower_service::Service;

use crate::harness::{Farm, LEASE, contents};

/// Rows whose statements on behalf of requests are counted.
struct Counted(Postgres, Arc<AtomicUsize>);

impl Counted {
    fn rows(&self) -> &Postgres {
        self.1.fetch_add(1, Ordering::SeqCst);
        &self.0
    }
}

impl Rows for Counted {
    async fn insert(&self, row: &Row, limits: Limits, lease: Duration) -> Result<bool, Failure> {
        self.rows().insert(row, limits, lease).await
    }

    async fn claim(
        &self,
        id: Guid,
        number: Option<u64>,
        owner: Option<&str>,
        lease: Duration,
    ) -> Result<Claim, Failure> {
        self.rows().claim(id, number, owner, lease).await
    }

    async fn due(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.0.due(lease).await
    }

    fn replaces(&self) -> bool {
        self.0.replaces()
    }

    async fn replace(&self, id: Guid) -> Result<(), Failure> {
        self.rows().replace(id).await
    }

    async fn replaced(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.0.replaced(lease).await
    }

    fn promises(&self) -> bool {
        self.0.promises()
    }

    async fn now(&self) -> Result<SystemTime, Failure> {
        self.0.now().await
    }

    async fn promise(&self, asking: &Asking) -> Result<Room, Failure> {
        self.rows().promise(asking).await
    }

    async fn abandoned(&self, lease: Duration) -> Result<Option<Claimed>, Failure> {
        self.0.abandoned(lease).await
    }

    async fn bound(&self, ended: usize) -> Result<(), Failure> {
        self.0.bound(ended).await
    }

    async fn renew(&self, held: &[(Guid, u64)], lease: Duration) -> Result<Vec<(Guid, u64, u64)>, Failure> {
        self.rows().renew(held, lease).await
    }

    async fn save(&self, row: &Row, number: u64, lease: Option<Duration>) -> Result<bool, Failure> {
        self.rows().save(row, number, lease).await
    }

    async fn forget(&self, id: Guid, number: u64) -> Result<bool, Failure> {
        self.rows().forget(id, number).await
    }

    async fn look(&self, id: Guid) -> Result<Option<Lookup>, Failure> {
        self.rows().look(id).await
    }

    async fn touch(&self, id: Guid) -> Result<(), Failure> {
        self.rows().touch(id).await
    }

    async fn open(&self) -> Result<usize, Failure> {
        self.0.open().await
    }

    async fn unknown(&self, ids: &[Guid]) -> Result<Vec<Guid>, Failure> {
        self.0.unknown(ids).await
    }

    async fn signal(&self) -> Signal {
        self.0.signal().await
    }
}

/// Uploads a file in three Fragments, of which the first is repeated. Returns what each packet costs.
async fn costs(quota: Option<Quota>) -> Vec<usize> {
    let farm = Farm::start();
    let rows = Postgres::open(farm.database.config(), NoTls, 4).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Counted(rows, Arc::clone(&count));
    let mut leases = Leases::<_, ()>::open(&farm.directory, counted, LEASE).await.unwrap();
    if let Some(quota) = quota {
        leases = leases.with_quota(quota).unwrap();
    }
    let mut uploads = Uploads::builder(farm.memory.clone()).with_turns(leases);
    let (bytes, mut costs) = (contents(300), Vec::new());
    let create = farm::packet("/a", "Create-Session", None).body(Full::<Bytes>::default()).unwrap();
    let answer = uploads.call(create).await.unwrap();
    costs.push(count.swap(0, Ordering::SeqCst));
    let id = answer.headers()["bits-session-id"].to_str().unwrap().to_owned();
    let upload = farm::Upload { path: "/a".to_owned(), id };
    // The last one is repeated, since its answer was lost.
    for start in [0, 100, 200, 200] {
        let fragment = upload.fragment(&bytes[start..start + 100], start, 300);
        assert_eq!(uploads.call(fragment).await.unwrap().status(), 200);
        costs.push(count.swap(0, Ordering::SeqCst));
    }
    assert_eq!(uploads.call(upload.packet("Close-Session")).await.unwrap().status(), 200);
    costs.push(count.swap(0, Ordering::SeqCst));
    assert_eq!(farm.memory.file("/a").unwrap(), bytes);
    costs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_costs_one_statement_before_its_bytes_and_one_after() {
    // A row is made, and given back with the answer. At the end the intent is saved as well.
    assert_eq!(costs(None).await, [2, 2, 2, 2, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_costs_one_statement_at_create_and_one_at_the_first_fragment() {
    assert_eq!(costs(Some(Quota::of_all(300))).await, [3, 3, 2, 2, 2, 3]);
}
