//! The web server's side of uploads: who asks, what is answered besides, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use bits_http::server::{Event, Uploads};
use bits_http::storage::Folder;
use bits_proto::header::BITS_PACKET_TYPE;
use bits_proto::packet::{Ack, ErrorAck, PacketType};
use bits_proto::server::Directory;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Response as Answer, StatusCode};
use tokio::time::sleep;
use tower_service::Service;

use crate::addresses::Addresses;
use crate::application::HttpClient;
use crate::hook::Hook;
use crate::listen::{self, Client};
use crate::log;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::origin::Origin;
use crate::users::{Owner, Users};

/// How long the answer to a wrong password takes.
const AFTER_WRONG_PASSWORD: Duration = Duration::from_secs(1);

/// Where an application is told of uploads, and what this server is called there.
pub(crate) struct Notifications {
    pub(crate) client: HttpClient,
    pub(crate) origin: Origin,
}

/// The service of a folder.
pub(crate) async fn uploads(
    options: &Options,
    directory: &Directory,
    folder: Folder,
    users: Arc<Users>,
    notifications: Option<Notifications>,
    metrics: Arc<Metrics>,
    addresses: Arc<Addresses>,
) -> Result<Uploads, bits_http::storage::Failure> {
    let hook = options.on_upload.clone().map(|command| Hook::new(command, folder.clone()));
    let mut builder = Uploads::builder(folder.clone())
        .owner(move |head| users.authenticate(&head.headers).ok_or_else(unauthorized))
        .events(move |event| {
            log::event(event);
            if let Event::Opened { head, upload } = event {
                if let Some(client) = listen::client(head) {
                    addresses.opened(client, upload.id);
                }
            }
            if let (Some(hook), Event::Published { head, upload }) = (&hook, event) {
                hook.published(head, upload);
            }
            count(&metrics, event);
        })
        .least_pace(options.least_pace);
    if options.serve {
        builder = builder.serve();
    }
    if let Some(Notifications { client, origin }) = notifications {
        builder = builder.notify(client, move |head| origin.url(head).ok());
    }
    builder.open(directory, folder).await
}

fn count(metrics: &Metrics, event: &Event<'_, Owner>) {
    match event {
        Event::Stored { bytes, .. } => metrics.received(*bytes),
        Event::Published { .. } => metrics.published(),
        Event::Expired(_) => metrics.expired(),
        Event::Answered(answered) => metrics.packet(answered.packet, answered.ack.status(), answered.took),
        Event::Failed(_) => metrics.failed(),
        _ => {}
    }
}

fn unauthorized() -> Answer<bits_http::server::Body> {
    let mut response = Answer::new(bits_http::server::Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(CONTENT_LENGTH, 0.into());
    headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="BITS", charset="UTF-8""#));
    headers.insert(BITS_PACKET_TYPE, HeaderValue::from_static("Ack"));
    response
}

/// Uploads, and how many there are of each address.
#[derive(Clone)]
pub(crate) struct Bounded {
    pub(crate) uploads: Uploads,
    pub(crate) addresses: Arc<Addresses>,
}

pub(crate) fn router(bounded: Bounded) -> Router {
    Router::new().fallback(upload).with_state(bounded)
}

async fn upload(State(bounded): State<Bounded>, request: Request) -> Response {
    let Bounded { mut uploads, addresses } = bounded;
    let creates = request.headers().get(BITS_PACKET_TYPE).is_some_and(|packet| {
        packet.as_bytes().eq_ignore_ascii_case(PacketType::CreateSession.as_str().as_bytes())
    });
    if let Some(client) = request.extensions().get().copied().filter(|_| creates) {
        let Client(client) = client;
        if addresses.is_full(client, &uploads).await {
            let reason =
                "too many unfinished uploads of one address: --sessions-per-address would allow more";
            tracing::warn!(%client, path = request.uri().path(), reason, "refused");
            let busy = ErrorAck::status_only(StatusCode::SERVICE_UNAVAILABLE);
            return Ack::Error(busy).to_response().map(|()| Body::empty());
        }
    }
    let guesses = request.headers().contains_key(AUTHORIZATION);
    let Ok(response) = uploads.call(request).await;
    if guesses && response.status() == StatusCode::UNAUTHORIZED {
        sleep(AFTER_WRONG_PASSWORD).await;
    }
    response.map(Body::new)
}

/// What is watched from outside.
pub(crate) struct Watched {
    pub(crate) uploads: Uploads,
    pub(crate) folder: Folder,
    pub(crate) metrics: Arc<Metrics>,
}

pub(crate) fn metrics_router(watched: Arc<Watched>) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(watched)
}

async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let text = watched.metrics.render(watched.uploads.open_sessions(), watched.folder.free().ok());
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}

/// Well as long as the root can be used.
async fn health(State(watched): State<Arc<Watched>>) -> (StatusCode, String) {
    match watched.folder.free() {
        Ok(_) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
