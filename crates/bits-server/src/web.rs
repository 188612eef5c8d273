//! The web server's side: who asks, whether it is BITS, and what is left of the body.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bits_proto::Guid;
use bits_proto::download::{self, Entity};
use bits_proto::notify::iis_reply_session;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::bits::Bits;
use crate::listen;
use crate::path::FilePath;
use crate::random;
use crate::storage::Storage;
use crate::stream;
use crate::users::{Owner, Users};

/// How many bytes of a refused body are read at most, that its sender may hear the answer and keep its connection.
const DRAINED: u64 = 16 * 1024 * 1024;

/// How long reading them may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

pub(crate) struct Web {
    pub(crate) bits: Bits,
    pub(crate) storage: Arc<Storage>,
    pub(crate) users: Users,
    pub(crate) serves: bool,
}

pub(crate) fn router(web: Arc<Web>) -> Router {
    Router::new().fallback(handle).with_state(web)
}

pub(crate) fn metrics_router(web: Arc<Web>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(web)
}

/// In a task of its own: when a connection breaks, its handler is dropped wherever it stands, but what is under way with
/// an upload must come to its end and be reported.
async fn handle(State(web): State<Arc<Web>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let task = tokio::spawn(async move { web.answer(&head, body).await });
    task.await.unwrap_or_else(|_panicked| empty(StatusCode::INTERNAL_SERVER_ERROR))
}

async fn metrics(State(web): State<Arc<Web>>) -> Response {
    let text = web.bits.metrics.render(web.bits.sessions_open());
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}

impl Web {
    async fn answer(&self, head: &Parts, mut body: Body) -> Response {
        let mut response = match self.users.authenticate(&head.headers) {
            None => unauthorized(head),
            Some(owner) => match self.bits.answer(head, &mut body, &owner).await {
                Some(ack) => ack.to_response().map(|()| Body::empty()),
                None if self.serves => self.serve(head, &owner).await,
                None => empty(StatusCode::NOT_FOUND),
            },
        };
        if !self.drain(head, body).await {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Reads what is left of a body, if it is little. A client that waits for `100 Continue` keeps its body, as it should.
    async fn drain(&self, head: &Parts, mut body: Body) -> bool {
        use axum::body::HttpBody;
        if body.is_end_stream() {
            return true;
        }
        if head.headers.contains_key(EXPECT) || body.size_hint().lower() > DRAINED {
            return false;
        }
        let drained = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > DRAINED {
                    break;
                }
            }
            body.is_end_stream()
        };
        tokio::select! {
            () = self.bits.stopping.cancelled() => false,
            drained = timeout(DRAIN_TIME, drained) => drained.unwrap_or(false),
        }
    }

    /// A published file, or the reply to an upload (§3.5).
    async fn serve(&self, head: &Parts, owner: &Owner) -> Response {
        let Ok(path) = FilePath::parse(head.uri.path()) else { return empty(StatusCode::NOT_FOUND) };
        let reply = iis_reply_session(head.uri.path());
        if reply.is_some_and(|id| !self.bits.owns(owner, id)) {
            return empty(StatusCode::NOT_FOUND);
        }
        let storage = Arc::clone(&self.storage);
        let opened = spawn_blocking(move || open(&storage, &path, reply)).await.map_err(io::Error::from);
        let Ok(Ok((file, entity))) = opened else { return empty(StatusCode::NOT_FOUND) };
        let request = download::respond(head, &entity, self.bits.conformance(), random::bytes);
        let mut response =
            request.map(|body| Body::from_stream(stream::segments(file, body.into_iter().collect())));
        if head.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

fn open(storage: &Storage, path: &FilePath, reply: Option<Guid>) -> io::Result<(File, Entity)> {
    let file = match reply {
        Some(id) => File::open(storage.reply_path(id))?,
        None => storage.read(path)?,
    };
    let metadata = file.metadata()?;
    let tag = format!("\"{:x}-{:x}-{:x}\"", metadata.ino(), metadata.len(), {
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
    });
    let entity = Entity::new(metadata.len(), metadata.modified()?)
        .map_err(io::Error::other)?
        .with_etag(tag.parse().map_err(io::Error::other)?);
    Ok((file, entity))
}

fn unauthorized(head: &Parts) -> Response {
    // Those that brought none are asked for them, and come again.
    if head.headers.contains_key(AUTHORIZATION) {
        tracing::warn!(client = listen::client(head), path = head.uri.path(), "wrong name or password");
    }
    let mut response = empty(StatusCode::UNAUTHORIZED);
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="BITS", charset="UTF-8""#));
    headers.insert(bits_proto::header::BITS_PACKET_TYPE, HeaderValue::from_static("Ack"));
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, 0.into());
    response
}
