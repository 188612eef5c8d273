//! Uploads that fail, and say why.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bits_proto::server::Directory;
use bytes::Bytes;
use documented::folder::Folder;
use documented::server::Server;
use documented::source::Source;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::harness::{
    CLIENTS, DEADLINE, Running, SERVERS, ServerStack, config, file, upload, upload_source,
};
use crate::raw::{Connection, create_session};

/// A server that has one answer to everything.
async fn answering(answer: String) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = Connection::from(stream);
            connection.head().await;
            connection.send(answer.as_bytes()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_there_is_not_replaced() {
    for client in CLIENTS {
        let running = Running::start(ServerStack::Axum, Directory::builder()).await;
        let folder = TempDir::new().unwrap();
        fs::write(running.folder.path().join("there.bin"), "first").unwrap();
        let (path, _) = file(&folder, 10);
        let error = upload(client, &path, running.address, "there.bin", config())
            .await
            .unwrap_err();
        assert!(error.contains("403"), "{client:?}: {error}");
        assert_eq!(running.published("there.bin").unwrap(), b"first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uploads_to_one_name_the_first_to_close_has_it() {
    let running = Running::start(ServerStack::Hyper, Directory::builder()).await;
    let ids = [
        create_session(running.address, "a").await,
        create_session(running.address, "a").await,
    ];
    for (id, status) in ids.iter().zip(["200", "403"]) {
        let mut connection = Connection::open(running.address).await;
        connection
            .packet("Close-Session", "a", 0, &[("BITS-Session-Id", id)])
            .await;
        let answer = connection.head().await;
        assert!(
            answer.starts_with(&format!("http/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    for client in CLIENTS {
        let elsewhere =
            answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
        let location = format!("Location: http://{elsewhere}/uploads/b");
        let server = answering(format!(
            "HTTP/1.1 302 Found\r\n{location}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
        let folder = TempDir::new().unwrap();
        let (path, _) = file(&folder, 10);
        let error = upload(client, &path, server, "a", config())
            .await
            .unwrap_err();
        assert!(error.contains("302"), "{client:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_given_up_in_the_end() {
    for client in CLIENTS {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let folder = TempDir::new().unwrap();
        let (path, _) = file(&folder, 10);
        let config = config().give_up_after(Duration::from_millis(300));
        let error = upload(client, &path, address, "a", config)
            .await
            .unwrap_err();
        assert!(error.contains("no progress"), "{client:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_has_changed_is_not_uploaded() {
    for client in CLIENTS {
        let running = Running::start(ServerStack::Hyper, Directory::builder()).await;
        let folder = TempDir::new().unwrap();
        let (path, _) = file(&folder, 10);
        let source = Source::open(path.clone()).unwrap();
        fs::write(&path, "ten bytes, and more").unwrap();
        let error = upload_source(client, source, running.address, "a", config())
            .await
            .unwrap_err();
        assert!(error.contains("changed"), "{client:?}: {error}");
        assert_eq!(running.published("a"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_this_protocol_is_refused() {
    for server in SERVERS {
        let running = Running::start(server, Directory::builder()).await;
        let mut connection = Connection::open(running.address).await;
        connection
            .send(b"GET /uploads/a HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let answer = connection.head().await;
        assert!(answer.starts_with("http/1.1 405 "), "{server:?}: {answer}");
    }
}

/// Many listen only when they have said everything.
#[tokio::test(flavor = "multi_thread")]
async fn the_sender_of_a_refused_body_hears_why() {
    const LENGTH: u64 = 20_000_000;
    for server in SERVERS {
        let running = Running::start(server, Directory::builder()).await;
        let unknown = "{00000000-0000-4000-8000-000000000000}";
        let mut connection = Connection::open(running.address).await;
        connection
            .fragment("a", unknown, 0..LENGTH, LENGTH, &vec![0; LENGTH as usize])
            .await;
        let answer = connection.head().await;
        assert!(
            answer.contains("\r\nbits-error: 0x8020001f\r\n"),
            "{server:?}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_dies_does_not_lock_its_upload() {
    let folder = TempDir::new().unwrap();
    let folder = Folder::open(folder.path().to_owned()).await.unwrap();
    let server = Server::new(Directory::builder(), folder).unwrap();
    let request = |packet: &str| {
        Request::builder()
            .method("BITS_POST")
            .uri("/uploads/a")
            .header("BITS-Packet-Type", packet)
    };
    let create = request("Create-Session")
        .header(
            "BITS-Supported-Protocols",
            "{7df0354d-249b-430f-820d-3d2a9bef4931}",
        )
        .body(Empty::<Bytes>::new());
    let ack = Arc::clone(&server).respond(create.unwrap()).await.unwrap();
    let fragment = || {
        request("Fragment")
            .header("BITS-Session-Id", &ack.headers()["BITS-Session-Id"])
            .header("Content-Range", "bytes 0-3/4")
            .header("Content-Length", "4")
    };
    let body = Full::new(Bytes::from("data"));
    let deadly = body
        .clone()
        .map_frame(|_| -> Frame<Bytes> { panic!("this is part of the test") });
    let died = Arc::clone(&server)
        .respond(fragment().body(deadly).unwrap())
        .await
        .unwrap();
    assert_eq!(died.status(), 500);
    let second = timeout(DEADLINE, server.respond(fragment().body(body).unwrap())).await;
    assert_eq!(second.expect("an answer in time").unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_leads_out_of_the_folder() {
    for server in SERVERS {
        let running = Running::start(server, Directory::builder()).await;
        for name in ["..", "..%2Fa", ".hidden", "a:b", "C%3A", "%00"] {
            let mut connection = Connection::open(running.address).await;
            connection.create_session(name).await;
            let answer = connection.head().await;
            assert!(
                answer.starts_with("http/1.1 403 "),
                "{server:?}, {name}: {answer}"
            );
        }
    }
}
