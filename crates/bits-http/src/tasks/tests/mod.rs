mod stress;
mod turns;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Keep, Output, Report, Sessions};

use super::{Task, Tasks};

fn tasks(keep: Keep) -> Tasks {
    Tasks::new(Sessions::new(Directory::builder().keep(keep).build().unwrap()), Instant::now)
}

fn head(kind: &str, id: &str, range: Option<&str>, length: u64) -> http::Request<()> {
    let mut head = http::Request::builder()
        .method("BITS_POST")
        .uri("/x")
        .header("BITS-Packet-Type", kind)
        .header("Content-Length", length);
    if kind == "Create-Session" {
        head = head.header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
    } else {
        head = head.header("BITS-Session-Id", id);
    }
    if let Some(range) = range {
        head = head.header("Content-Range", range);
    }
    head.body(()).unwrap()
}

fn random() -> [u8; 16] {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&DRAWN.fetch_add(1, Ordering::SeqCst).to_be_bytes());
    bytes
}

fn fragment(tasks: &Tasks, id: &str, from: u64, to: u64, total: u64) -> Task {
    let range = format!("bytes {from}-{}/{total}", to - 1);
    tasks.begin(&head("Fragment", id, Some(&range), to - from), &(), random).unwrap()
}

fn close(tasks: &Tasks, id: &str) -> Task {
    tasks.begin(&head("Close-Session", id, None, 0), &(), random).unwrap()
}

fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

#[track_caller]
fn next(task: &Task) -> Output {
    now_or_never(task.next()).expect("it is its turn")
}

fn waits(task: &Task) -> bool {
    now_or_never(task.next()).is_none()
}

/// A session, by its id.
fn create(tasks: &Tasks) -> String {
    let task = tasks.begin(&head("Create-Session", "", None, 0), &(), random).unwrap();
    loop {
        match next(&task) {
            Output::Open => task.report(Report::Opened),
            Output::Save(_) => task.report(Report::Saved),
            Output::Respond(Ack::CreateSession(ack)) => return ack.session_id.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn new() -> (Arc<Self>, Waker) {
        let count = Arc::new(Self::default());
        (Arc::clone(&count), Waker::from(count))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
