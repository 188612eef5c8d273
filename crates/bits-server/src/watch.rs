//! The pages for those who watch the server: metrics and health.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bits_http::server::Uploads;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

use crate::metrics::{Metrics, Now};
use crate::places::Places;
use crate::root::Root;
use crate::tls::Tls;

/// How long the disk may take to say how much is free, and the database to answer.
const DISK_TIME: Duration = Duration::from_secs(5);

/// What is watched from outside.
pub(crate) struct Watched {
    pub(crate) uploads: Uploads,
    pub(crate) root: Root,
    /// The URL of the database that servers share, if there is one.
    pub(crate) database: Option<String>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) places: Arc<Places>,
    pub(crate) tls: Option<Tls>,
}

pub(crate) fn router(watched: Watched) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/healthz", get(health)).with_state(Arc::new(watched))
}

async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let ends = watched.tls.as_ref().and_then(Tls::ends);
    let text = watched.metrics.render(&Now {
        sessions: watched.uploads.open_sessions(),
        connections: watched.places.len(),
        most_connections: watched.places.max(),
        free: watched.free().await.ok().flatten(),
        certificate_ends: ends.and_then(|ends| ends.duration_since(SystemTime::UNIX_EPOCH).ok()),
    });
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}

/// Well as long as the root and the state can be used.
async fn health(State(watched): State<Arc<Watched>>) -> (StatusCode, String) {
    let (root, database) = tokio::join!(watched.free(), watched.database());
    match root.and(database) {
        Ok(_) => (StatusCode::OK, "ok\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

impl Watched {
    /// Whether the database can be used.
    #[cfg(feature = "postgres")]
    async fn database(&self) -> Result<(), String> {
        let Some(url) = &self.database else { return Ok(()) };
        match timeout(DISK_TIME, crate::database::check(url)).await {
            Ok(found) => found,
            Err(_) => Err("the database does not answer".to_owned()),
        }
    }

    #[cfg(not(feature = "postgres"))]
    async fn database(&self) -> Result<(), String> {
        Ok(())
    }

    /// The bytes that are free in the root, where that can be known. A disk that hangs keeps a thread, but neither the metrics nor the
    /// health.
    async fn free(&self) -> Result<Option<u64>, String> {
        match timeout(DISK_TIME, self.root.free()).await {
            Ok(free) => free,
            Err(_) => Err("the disk does not answer".to_owned()),
        }
    }
}
