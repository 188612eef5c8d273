//! Connections that break or hang.

use std::time::Duration;

use bits_proto::client::Recovery;
use bits_proto::server::Directory;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::forwarder::{Fate, Forwarder};
use crate::harness::{ALL_SERVERS, CLIENTS, Running, ServerStack, config, file, pairs, upload};
use crate::raw::{Connection, create_session};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_connections_that_are_cut_within_a_fragment() {
    for (server, client) in pairs() {
        let running = Running::start(server, Directory::builder()).await;
        let fates = vec![Fate::Cut(100_000), Fate::Cut(170_000), Fate::Cut(40_000)];
        let forwarder = Forwarder::start(running.address, fates).await;
        let folder = TempDir::new().unwrap();
        let (path, content) = file(&folder, 1 << 20);
        upload(client, &path, forwarder.address, "cut.bin", config())
            .await
            .unwrap();
        assert!(
            running.published("cut.bin") == Some(content),
            "{client:?} to {server:?} differ"
        );
        assert!(
            forwarder.connections() > 3,
            "{client:?} to {server:?}: nothing was cut"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_a_connection_that_hangs_within_a_fragment() {
    for (server, client) in pairs() {
        let running = Running::start(server, Directory::builder()).await;
        let forwarder = Forwarder::start(running.address, vec![Fate::Hang(100_000)]).await;
        let folder = TempDir::new().unwrap();
        let (path, content) = file(&folder, 300_000);
        let config = config().timeouts(Duration::from_secs(2), Duration::from_secs(2));
        upload(client, &path, forwarder.address, "hung.bin", config)
            .await
            .unwrap();
        assert!(
            running.published("hung.bin") == Some(content),
            "{client:?} to {server:?} differ"
        );
    }
}

/// And not only when the next request goes: a request that was given up must never arrive behind that one.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_given_up_takes_its_connection_with_it_at_once() {
    for (server, client) in pairs() {
        let running = Running::start(server, Directory::builder()).await;
        // The fragment may go over a second connection, if the first is not back in the pool yet.
        let forwarder = Forwarder::start(running.address, vec![Fate::Hang(100_000); 4]).await;
        let folder = TempDir::new().unwrap();
        let (path, _) = file(&folder, 300_000);
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3_600));
        let config = config()
            .timeouts(second, second)
            .retry_delays(hour, hour)
            .give_up_after(2 * hour);
        tokio::select! {
            ended = upload(client, &path, forwarder.address, "a", config) => panic!("{ended:?}"),
            hung_up = forwarder.hung_up() => hung_up,
        }
    }
}

/// Some servers append whatever comes: for them, what nobody knows the end of is cancelled, and not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_knows_that_a_request_without_answer_may_have_arrived() {
    for client in CLIENTS {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers_to_create_alone = async {
            loop {
                let mut connection = Connection::from(listener.accept().await.unwrap().0);
                let mut head = connection.head().await;
                if head.contains("create-session") {
                    let ack = "HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\nBITS-Session-Id: a\r\n\
                               Content-Length: 0\r\n\r\n";
                    connection.send(ack.as_bytes()).await;
                    head = connection.head().await;
                }
                if head.contains("cancel-session") {
                    break;
                }
            }
        };
        let folder = TempDir::new().unwrap();
        let (path, _) = file(&folder, 10);
        let config = config().recovery(Recovery::Restart);
        tokio::select! {
            ended = upload(client, &path, address, "a", config) => panic!("{client:?}: {ended:?}"),
            () = answers_to_create_alone => {}
        }
    }
}

/// A server with a fragment under way, of which it has stored all that came: 40,000 bytes of 100,000.
async fn with_a_part(server: ServerStack) -> (Running, String, Connection) {
    let running = Running::start(server, Directory::builder()).await;
    let id = create_session(running.address, "a.bin").await;
    let mut connection = Connection::open(running.address).await;
    connection
        .fragment("a.bin", &id, 0..100_000, 100_000, &[1; 40_000])
        .await;
    running.wait_for_part(40_000).await;
    (running, id, connection)
}

/// The client comes back, with the rest. `head` waits less long than the server for a silent client.
async fn the_rest_is_taken(running: &Running, id: &str) {
    let mut connection = Connection::open(running.address).await;
    connection
        .fragment("a.bin", id, 40_000..100_000, 100_000, &[2; 60_000])
        .await;
    let answer = connection.head().await;
    assert!(answer.starts_with("http/1.1 200 "), "{answer}");
    assert!(
        answer.contains("bits-received-content-range: 100000\r\n"),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_a_client_hung_up_counts() {
    for server in ALL_SERVERS {
        let (running, id, broken) = with_a_part(server).await;
        drop(broken);
        the_rest_is_taken(&running, &id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_is_served_while_its_old_connection_hangs() {
    for server in ALL_SERVERS {
        let (running, id, hung) = with_a_part(server).await;
        the_rest_is_taken(&running, &id).await;
        drop(hung);
    }
}

/// The handler of a connection that breaks is dropped, wherever it stands.
#[tokio::test(flavor = "multi_thread")]
async fn a_fragment_counts_although_its_sender_hangs_up_before_the_answer() {
    for server in ALL_SERVERS {
        let (running, id, mut broken) = with_a_part(server).await;
        broken.send(&[2; 60_000]).await;
        drop(broken);
        running.wait_for_part(100_000).await;
        let mut connection = Connection::open(running.address).await;
        connection
            .fragment("a.bin", &id, 99_999..100_000, 100_000, &[2])
            .await;
        let answer = connection.head().await;
        assert!(answer.starts_with("http/1.1 200 "), "{server:?}: {answer}");
    }
}
