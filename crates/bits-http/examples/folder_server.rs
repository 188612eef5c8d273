//! An upload server into a folder, on axum.

use std::{error::Error, net::SocketAddr};

use axum::Router;
use bits_http::server::{Event, Uploads};
use bits_http::storage::Folder;
use bits_proto::server::Directory;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(root)) = (arguments.next(), arguments.next()) else {
        return Err("an address and a folder, please".into());
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let folder = Folder::builder(root).create_dirs(true).open()?;
    // All clients are one owner here, so the limit for an owner is raised. `.owner(…)` authenticates them.
    let directory = Directory::builder().sessions_per_owner(1000).build()?;
    let uploads = Uploads::builder(folder.clone())
        .serve()
        .events(|event| {
            if let Event::Published { upload, .. } = event {
                eprintln!("{} has {} bytes", upload.path(), upload.received);
            }
        })
        .open(&directory, folder)
        .await?;

    let router = Router::new().fallback_service(uploads.clone());
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        _ = tokio::signal::ctrl_c() => uploads.shutdown().await,
    }
    Ok(())
}
