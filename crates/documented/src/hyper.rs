//! A server on hyper alone.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::server::Server;

/// Never returns.
pub async fn serve(listener: TcpListener, server: Arc<Server>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, say: some will be closed.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let server = Arc::clone(&server);
        let service = service_fn(move |request| upload(Arc::clone(&server), request));
        // The timer is for clients that are silent before a request; within one, the server has its own.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async {
            // A connection that breaks is the client's loss, and its retry.
            let _broken = connection.await;
        });
    }
}

async fn upload(
    server: Arc<Server>,
    request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let response = server.respond(request).await.unwrap_or_else(|| {
        // Not of this protocol: a GET, say.
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response
    });
    Ok(response.map(|()| Empty::new()))
}
