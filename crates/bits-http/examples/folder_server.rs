//! An upload server into a folder, on axum.

use std::{io, net::SocketAddr};

use axum::Router;
use bits_http::server::{Event, Uploads};
use bits_http::storage::Folder;
use bits_proto::server::Directory;

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(root)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("an address and a folder, please"));
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let folder = Folder::builder(root).create_dirs(true).open()?;
    // Everybody is one owner here: name one by `.owner(…)`, and the limit for each holds.
    let directory = Directory::builder().sessions_per_owner(1000).build().map_err(io::Error::other)?;
    let uploads = Uploads::builder(folder.clone())
        .serve()
        .events(|event| {
            if let Event::Published { upload, .. } = event {
                eprintln!("{} has {} bytes", upload.path(), upload.received);
            }
        })
        .open(&directory, folder)
        .await
        .map_err(io::Error::other)?;

    let router = Router::new().fallback_service(uploads.clone());
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        _ = tokio::signal::ctrl_c() => uploads.shutdown().await,
    }
    Ok(())
}
