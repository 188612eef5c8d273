//! A connection for requests by hand.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use testing::http1::{Message, request_head};
use testing::machine::DEADLINE;

/// A connection to a server, for requests by hand.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { stream: BufReader::new(stream), host: address }
    }

    /// Sends a request, and returns its answer.
    #[track_caller]
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
        let (host, length) = (self.host.to_string(), body.len().to_string());
        let mut all = vec![("Host", &*host), ("Content-Length", &*length)];
        all.extend_from_slice(headers);
        let mut bytes = request_head(method, target, &all);
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes).unwrap();
        let response = Message::read_response(&mut self.stream).unwrap();
        response.with_body(&mut self.stream).unwrap()
    }

    /// Creates a session, and returns its id.
    #[track_caller]
    pub fn create_session(&mut self, target: &str) -> String {
        let headers = [
            ("BITS-Packet-Type", "Create-Session"),
            ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}"),
        ];
        let ack = self.request("BITS_POST", target, &headers, b"");
        assert_eq!(ack.status, 200, "{ack:?}");
        ack.header("bits-session-id").to_owned()
    }
}
