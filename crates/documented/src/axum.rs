//! A server on axum.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::net::TcpListener;

use crate::server::Server;

/// To be merged into the router of a program.
///
/// `any`, for axum knows no `BITS_POST`. A handler that takes the whole request sees its body as a stream, without axum's
/// limit of 2 MiB.
pub fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/uploads/{name}", any(upload))
        .with_state(server)
}

async fn upload(State(server): State<Arc<Server>>, request: Request) -> Response {
    match server.respond(request).await {
        Some(response) => response.map(|()| Body::empty()),
        // A GET, say.
        None => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// Never returns.
pub async fn serve(listener: TcpListener, server: Arc<Server>) {
    let _never = axum::serve(listener, router(server)).await;
}
