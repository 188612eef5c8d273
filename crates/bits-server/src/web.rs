//! The web server's side of uploads: who asks, where to, and what is answered besides.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bits_http::server::{Builder, Event, Uploads};
use bits_http::storage::Contents;
use bits_proto::header::BITS_PACKET_TYPE;
use bits_proto::packet::{Ack, ErrorAck, PacketType};
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, StatusCode};
use tower_service::Service;

use crate::addresses::Addresses;
use crate::application::HttpClient;
use crate::guard::Guard;
use crate::hook::Hook;
use crate::listen;
use crate::log;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::origin::Origin;
use crate::peer::Peer;
use crate::root::Root;
use crate::user_dirs::{self, Asked};
use crate::users::{Attempt, Owner, Users, Wrong};

/// Where an application is told of uploads, and what this server is called there.
pub(crate) struct Notifications {
    pub(crate) client: HttpClient,
    pub(crate) origin: Origin,
}

/// The service of a storage, which is that of the root.
pub(crate) fn uploads<S: Contents>(
    options: &Options,
    (root, storage): (&Root, S),
    notifications: Option<Notifications>,
    metrics: Arc<Metrics>,
    addresses: Arc<Addresses>,
) -> Builder<S, Owner> {
    let hook = options.on_upload.clone().map(|command| Hook::new(command, root.clone()));
    let mut builder = Uploads::builder(storage)
        // Authenticated already: see `Site::admit`.
        .owner(|head| match head.extensions.get::<Denied>() {
            Some(denied) => Err(denied.response()),
            None => Ok(head.extensions.get::<Owner>().cloned().unwrap_or_default()),
        })
        .events(move |event| {
            log::event(event);
            if let Event::Opened { head, upload } = event {
                if let Some(client) = listen::client(head) {
                    addresses.opened(client.share(), upload.id);
                }
            }
            if let (Some(hook), Event::Published { head, upload }) = (&hook, event) {
                hook.published(head, upload);
            }
            metrics.event(event);
        })
        .least_pace(options.limits.least_pace);
    if options.people.serve {
        builder = builder.serve();
    }
    if let Some(Notifications { client, origin }) = notifications {
        builder = builder.notify(client, move |head| origin.url(head).ok());
    }
    builder
}

/// Everything that a request meets on its way to the uploads.
pub(crate) struct Site {
    pub(crate) uploads: Uploads,
    pub(crate) options: Options,
    pub(crate) users: Arc<Users>,
    pub(crate) guard: Guard,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) metrics: Arc<Metrics>,
}

pub(crate) fn router(site: Site) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(site))
}

/// Why a request is refused before it reaches the uploads. They answer it so, since they know how to go on with its body.
#[derive(Clone, Copy, Debug)]
struct Denied {
    status: StatusCode,
    /// For the metrics.
    kind: &'static str,
    /// For the log.
    reason: &'static str,
}

impl Denied {
    const fn new(status: StatusCode, kind: &'static str, reason: &'static str) -> Self {
        Self { status, kind, reason }
    }

    fn response(self) -> Response<bits_http::server::Body> {
        let ack = Ack::Error(ErrorAck::status_only(self.status));
        let mut response = ack.to_response().map(|()| bits_http::server::Body::empty());
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Basic realm="BITS", charset="UTF-8""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

async fn answer(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let client = listen::client(&head).unwrap_or(Peer::Local);
    match site.admit(client, &mut head).await {
        Ok(owner) => {
            head.extensions.insert(owner);
        }
        Err(denied) => {
            site.metrics.refused(denied.kind);
            log::refused(client, &head.method, head.uri.path(), denied.status, denied.reason);
            head.extensions.insert(denied);
        }
    }
    site.serve(client, Request::from_parts(head, body)).await
}

fn is_create(head: &Parts) -> bool {
    head.headers.get(BITS_PACKET_TYPE).is_some_and(|packet| {
        packet.as_bytes().eq_ignore_ascii_case(PacketType::CreateSession.as_str().as_bytes())
    })
}

impl Site {
    /// Decides whether a request may reach the uploads, and as whose.
    async fn admit(&self, client: Peer, head: &mut Parts) -> Result<Owner, Denied> {
        let owner = self.authenticate(client, &head.headers).await?;
        let people = &self.options.people;
        let reads = [Method::GET, Method::HEAD].contains(&head.method);
        if reads && people.serve && !people.may_read(&owner) {
            let reason = "the user may not read: --reader would allow it";
            return Err(Denied::new(StatusCode::FORBIDDEN, "may_not_read", reason));
        }
        if people.user_dirs {
            let asked = Asked(head.uri.clone());
            head.uri = user_dirs::inside(&head.uri, &owner).ok_or(Denied::new(
                StatusCode::BAD_REQUEST,
                "invalid",
                "the target of the request is no path",
            ))?;
            head.extensions.insert(asked);
        }
        if is_create(head) && self.addresses.is_full(client.share(), &self.uploads).await {
            let reason =
                "too many unfinished uploads of one address: --sessions-per-address would allow more";
            return Err(Denied::new(StatusCode::SERVICE_UNAVAILABLE, "sessions_of_address", reason));
        }
        Ok(owner)
    }

    async fn authenticate(&self, client: Peer, headers: &HeaderMap) -> Result<Owner, Denied> {
        const SHUT: Denied = Denied::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "wrong_passwords",
            "its address brings too many wrong passwords",
        );
        let unknown = Denied::new(StatusCode::UNAUTHORIZED, "wrong_password", "wrong name or password");
        let looked = match self.users.begin(headers) {
            Attempt::Decided(Ok(owner)) => return Ok(owner),
            Attempt::Decided(Err(Wrong::Nothing)) => {
                return Err(Denied::new(StatusCode::UNAUTHORIZED, "no_password", "no name and password"));
            }
            Attempt::Decided(Err(Wrong::Password)) => {
                self.guard.look(client.share(), || false).await.map(|_| None)
            }
            Attempt::Slow(slow) => {
                let owner = slow.name().to_owned();
                let right = self.guard.look(client.share(), || slow.is_right()).await;
                right.map(|right| right.then_some(owner))
            }
        };
        match looked {
            Some(Some(owner)) => Ok(owner),
            Some(None) => Err(unknown),
            None => Err(SHUT),
        }
    }

    async fn serve(&self, client: Peer, request: Request) -> Response {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let mut uploads = self.uploads.clone();
        let Ok(response) = uploads.call(request).await;
        let status = response.status();
        // Packets have a line already.
        if status.is_client_error() || status.is_server_error() {
            let kind = match status {
                StatusCode::METHOD_NOT_ALLOWED => {
                    Some(("method", "another method than BITS_POST, GET and HEAD"))
                }
                StatusCode::NOT_FOUND if !self.options.people.serve => {
                    Some(("not_found", "files are not served: see --serve"))
                }
                StatusCode::NOT_FOUND => Some(("not_found", "there is no such file")),
                _ => Some(("other", status.canonical_reason().unwrap_or_default())),
            };
            if let Some((kind, reason)) = kind.filter(|_| !response.headers().contains_key(BITS_PACKET_TYPE))
            {
                self.metrics.refused(kind);
                log::refused(client, &method, &path, status, reason);
            }
        }
        response.map(Body::new)
    }
}
