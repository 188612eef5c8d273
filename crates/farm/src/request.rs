//! Requests as a client sends them, and bodies that come when a test wants it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bits_http::server::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use tokio::sync::mpsc;

use crate::Node;

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// How many bytes the server says that it has.
    #[must_use]
    pub fn received(&self) -> Option<u64> {
        self.header("bits-received-content-range").map(|range| range.parse().unwrap())
    }
}

pub(crate) async fn answered(response: Response<Body>) -> Answer {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: head.status, headers: head.headers, body }
}

/// A packet without a body.
#[must_use]
pub fn packet(path: &str, kind: &str, id: Option<&str>) -> http::request::Builder {
    let request = Request::builder().method("BITS_POST").uri(path).header("BITS-Packet-Type", kind);
    match (kind, id) {
        ("Create-Session", _) => {
            request.header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
        }
        (_, Some(id)) => request.header("BITS-Session-Id", id),
        _ => request,
    }
}

/// A session, whichever node is asked.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where it goes.
    pub path: String,
    /// Its id.
    pub id: String,
}

impl Upload {
    /// Begins an upload, which must be allowed.
    pub async fn create(node: &Node, path: &str) -> Self {
        let answer = Self::ask(node, path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { path: path.to_owned(), id: answer.header("bits-session-id").unwrap().to_owned() }
    }

    /// Asks for a session.
    pub async fn ask(node: &Node, path: &str) -> Answer {
        let request = packet(path, "Create-Session", None).header("Content-Length", 0);
        node.send(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()
    }

    /// The head of a fragment.
    pub fn head(&self, start: usize, end: usize, total: usize) -> http::request::Builder {
        packet(&self.path, "Fragment", Some(&self.id))
            .header("Content-Range", format!("bytes {start}-{}/{total}", end - 1))
            .header("Content-Length", end - start)
    }

    /// A fragment: these bytes, at this place of an entity of so many.
    #[must_use]
    pub fn fragment(&self, bytes: &[u8], start: usize, total: usize) -> Request<Full<Bytes>> {
        let head = self.head(start, start + bytes.len(), total);
        head.body(Full::from(bytes.to_vec())).unwrap()
    }

    /// A packet without a body.
    #[must_use]
    pub fn packet(&self, kind: &str) -> Request<Full<Bytes>> {
        packet(&self.path, kind, Some(&self.id)).header("Content-Length", 0).body(Full::default()).unwrap()
    }
}

/// A body whose pieces come when a test sends them. It ends when the sender is dropped.
#[derive(Debug)]
pub struct Slow(mpsc::UnboundedReceiver<Bytes>);

/// Sends the pieces of a [`Slow`] body.
#[derive(Debug)]
pub struct Pieces(mpsc::UnboundedSender<Bytes>);

impl Pieces {
    /// Sends a piece.
    pub fn send(&self, piece: &[u8]) {
        let _nobody_reads = self.0.send(Bytes::copy_from_slice(piece));
    }
}

/// A body, and what sends its pieces.
#[must_use]
pub fn slow() -> (Pieces, Slow) {
    let (sender, pieces) = mpsc::unbounded_channel();
    (Pieces(sender), Slow(pieces))
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
