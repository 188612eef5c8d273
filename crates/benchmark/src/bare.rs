//! The bare handler: it stores the body of each PUT in a file, and syncs the file before it answers. It does nothing else.
//!
//! It is what a program costs that promises no more than that the bytes last. Its buffers are as large as those with which it was
//! fastest, and larger than those of bits-server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use http_body_util::BodyExt;
use hyper::StatusCode;
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};
use tokio::net::TcpListener;

/// How many bytes are read, and written, at a time.
const BUFFER: usize = 256 * 1024;

pub(crate) fn serve(root: PathBuf) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let router = Router::new().fallback(put).with_state(Arc::new(root));
        println!("listening on http://{}", listener.local_addr().unwrap());
        io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(router.clone());
            let mut http = http1::Builder::new();
            http.max_buf_size(BUFFER);
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
        }
    });
}

async fn put(State(root): State<Arc<PathBuf>>, request: Request) -> StatusCode {
    if request.body().is_end_stream() {
        // There is nothing to store.
        return StatusCode::CREATED;
    }
    match store(&root, request).await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

async fn store(root: &std::path::Path, request: Request) -> io::Result<()> {
    let name = request.uri().path().trim_start_matches('/').to_owned();
    let mut body = request.into_body();
    let mut file = BufWriter::with_capacity(BUFFER, File::create(root.join(name)).await?);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        if let Some(data) = frame.data_ref() {
            file.write_all(data).await?;
        }
    }
    file.flush().await?;
    file.into_inner().sync_data().await
}
