//! Requests as a client sends them, and bodies that come when a test wants it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bits_http::server::{Body, Builder, Event, Uploads};
use bits_http::storage::{Memory, Storage};
use bits_proto::server::{Directory, DirectoryBuilder};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;
use tower_service::Service;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn received(&self) -> Option<u64> {
        self.header("bits-received-content-range").map(|range| range.parse().unwrap())
    }
}

/// Sends a request, and waits for its answer.
pub(crate) async fn send<B>(uploads: &Uploads, request: Request<B>) -> Answer
where
    B: http_body::Body<Data: Send, Error: Send> + Send + 'static,
{
    answered(uploads.clone().call(request).await.unwrap()).await
}

pub(crate) async fn answered(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

/// A packet without a body.
pub(crate) fn packet(path: &str, kind: &str, id: Option<&str>) -> http::request::Builder {
    let request = Request::builder().method("BITS_POST").uri(path).header("BITS-Packet-Type", kind);
    match (kind, id) {
        ("Create-Session", _) => {
            request.header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
        }
        (_, Some(id)) => request.header("BITS-Session-Id", id),
        _ => request,
    }
}

/// A session of the server.
pub(crate) struct Session {
    pub(crate) uploads: Uploads,
    pub(crate) path: String,
    pub(crate) id: String,
}

impl Session {
    pub(crate) async fn create(uploads: &Uploads, path: &str) -> Self {
        let request = packet(path, "Create-Session", None).header("Content-Length", 0);
        let answer = send(uploads, request.body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let id = answer.header("bits-session-id").unwrap().to_owned();
        Self { uploads: uploads.clone(), path: path.to_owned(), id }
    }

    /// The head of a fragment.
    pub(crate) fn fragment_head(&self, start: usize, end: usize, total: usize) -> http::request::Builder {
        packet(&self.path, "Fragment", Some(&self.id))
            .header("Content-Range", format!("bytes {start}-{}/{total}", end - 1))
            .header("Content-Length", end - start)
    }

    pub(crate) async fn fragment(&self, bytes: &[u8], start: usize, total: usize) -> Answer {
        let head = self.fragment_head(start, start + bytes.len(), total);
        send(&self.uploads, head.body(Full::<Bytes>::from(bytes.to_vec())).unwrap()).await
    }

    pub(crate) async fn close(&self) -> Answer {
        self.end("Close-Session").await
    }

    pub(crate) async fn end(&self, kind: &str) -> Answer {
        let request = packet(&self.path, kind, Some(&self.id)).header("Content-Length", 0);
        send(&self.uploads, request.body(Full::<Bytes>::default()).unwrap()).await
    }
}

/// A body whose pieces come when a test sends them. It ends when the sender is dropped.
pub(crate) struct Slow {
    pieces: mpsc::UnboundedReceiver<Bytes>,
    polled: Arc<AtomicU64>,
}

/// Sends the pieces of a [`Slow`] body.
pub(crate) struct Pieces {
    sender: mpsc::UnboundedSender<Bytes>,
    polled: Arc<AtomicU64>,
}

impl Pieces {
    pub(crate) fn send(&self, piece: &[u8]) {
        let _nobody_reads = self.sender.send(Bytes::copy_from_slice(piece));
    }

    /// How often the body was asked for.
    pub(crate) fn polled(&self) -> u64 {
        self.polled.load(Ordering::SeqCst)
    }
}

pub(crate) fn slow() -> (Pieces, Slow) {
    let (sender, pieces) = mpsc::unbounded_channel();
    let polled = Arc::new(AtomicU64::new(0));
    (Pieces { sender, polled: Arc::clone(&polled) }, Slow { pieces, polled })
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.polled.fetch_add(1, Ordering::SeqCst);
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// What happened, a word each.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn note<O>(&self, event: &Event<'_, O>) {
        let line = match event {
            Event::Found(leftover) => format!("found {leftover:?}"),
            Event::Opened { upload, .. } => format!("opened {}", upload.path()),
            Event::Stored { upload, bytes, .. } => format!("stored {bytes} up to {}", upload.received),
            Event::Published { upload, .. } => {
                format!("published {} of {}", upload.path(), upload.total.unwrap())
            }
            Event::Expired(upload) => format!("expired {}", upload.path()),
            Event::Answered(answered) => match answered.reason {
                Some(reason) => format!("{}: {reason}", answered.ack.status().as_u16()),
                None => return,
            },
            Event::Notified { outcome, .. } => format!("notified: {}", outcome.as_str()),
            Event::Unauthorized(_) => "unauthorized".to_owned(),
            Event::Failed(why) => format!("failed: {why}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    pub(crate) fn has(&self, words: &str) -> bool {
        self.0.lock().unwrap().iter().any(|line| line.contains(words))
    }
}

pub(crate) fn directory() -> DirectoryBuilder {
    Directory::builder().sessions_per_owner(1000)
}

/// A server in memory, with a log.
pub(crate) fn builder<S: Storage>(storage: S, log: &Log) -> Builder<S> {
    let log = log.clone();
    Uploads::builder(storage).events(move |event| log.note(event))
}

pub(crate) async fn in_memory() -> (Uploads, Memory, Log) {
    let (memory, log) = (Memory::new(), Log::default());
    let uploads = builder(memory.clone(), &log).open(&directory().build().unwrap(), memory.clone()).await;
    (uploads.unwrap(), memory, log)
}

/// Waits until something holds, which it must soon.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}
