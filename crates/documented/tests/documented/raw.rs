//! Requests by hand, for what no client library does.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use testing::http1::request_head;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Less than the server's patience with a silent client.
const ANSWER_TIME: Duration = Duration::from_secs(40);

pub(crate) struct Connection(TcpStream);

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self(stream)
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The head of a packet, with more headers.
    pub(crate) async fn packet(
        &mut self,
        packet: &str,
        name: &str,
        length: u64,
        headers: &[(&str, &str)],
    ) {
        let (target, length) = (format!("/uploads/{name}"), length.to_string());
        let mut all = vec![
            ("Host", "a"),
            ("BITS-Packet-Type", packet),
            ("Content-Length", &length),
        ];
        all.extend(headers);
        self.send(&request_head("BITS_POST", &target, &all)).await;
    }

    pub(crate) async fn create_session(&mut self, name: &str) {
        let protocols = (
            "BITS-Supported-Protocols",
            "{7df0354d-249b-430f-820d-3d2a9bef4931}",
        );
        self.packet("Create-Session", name, 0, &[protocols]).await;
    }

    /// A fragment of this range, with perhaps fewer bytes than it announces.
    pub(crate) async fn fragment(
        &mut self,
        name: &str,
        id: &str,
        range: Range<u64>,
        total: u64,
        bytes: &[u8],
    ) {
        let content_range = format!("bytes {}-{}/{total}", range.start, range.end - 1);
        let headers = [("BITS-Session-Id", id), ("Content-Range", &content_range)];
        self.packet("Fragment", name, range.end - range.start, &headers)
            .await;
        self.send(bytes).await;
    }

    /// The head of an answer, or of a request, in lower case.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
        };
        timeout(ANSWER_TIME, read).await.expect("an answer in time");
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }
}

/// Opens a session; returns its id.
pub(crate) async fn create_session(address: SocketAddr, name: &str) -> String {
    let mut connection = Connection::open(address).await;
    connection.create_session(name).await;
    let answer = connection.head().await;
    let id = answer
        .lines()
        .find_map(|line| line.strip_prefix("bits-session-id: "));
    id.unwrap_or_else(|| panic!("no session: {answer}"))
        .to_ascii_uppercase()
}
