//! One request and its answer, over TCP.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::TcpStream;
use std::time::Instant;

use bits_proto::client::{Transmit, TransportError, Upload};
use bits_proto::packet::Payload;
use http::header::CONTENT_LENGTH;
use http::uri::Authority;
use http::{Request, Response};

use crate::http1::{Connection, body_length, is_last};

/// Sends an upload's requests, over one connection at a time.
pub(crate) struct Client {
    file: File,
    connection: Option<(Authority, Connection)>,
    /// How many requests were sent.
    pub(crate) requests: u32,
    /// Over how many connections.
    pub(crate) connections: u32,
}

impl Client {
    pub(crate) fn new(file: File) -> Self {
        Self { file, connection: None, requests: 0, connections: 0 }
    }

    /// Gives up the exchange under way.
    pub(crate) fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Sends one request, and tells the upload what came of it.
    pub(crate) fn exchange(&mut self, upload: &mut Upload, transmit: &Transmit) {
        self.requests += 1;
        let Ok((authority, mut connection)) = self.connect(transmit) else {
            return upload.handle_transport_error(Instant::now(), transmit.id, TransportError::Unsent);
        };
        let result = send(&mut connection, &transmit.request, &self.file).and_then(|()| {
            upload.handle_sent(Instant::now(), transmit.id);
            receive(&mut connection)
        });
        match result {
            Ok((response, last)) => {
                self.connection = Some((authority, connection)).filter(|_| !last);
                upload.handle_response(Instant::now(), transmit.id, &response);
            }
            // The connection is dropped with whatever was half said on it.
            Err(_) => {
                upload.handle_transport_error(Instant::now(), transmit.id, TransportError::Interrupted);
            }
        }
    }

    /// The connection of the last request, if it still leads to where this one goes; else a new one.
    fn connect(&mut self, transmit: &Transmit) -> io::Result<(Authority, Connection)> {
        let authority = transmit.request.uri().authority().ok_or(io::ErrorKind::InvalidInput)?;
        if let Some(open) = self.connection.take().filter(|(open, _)| open == authority) {
            return Ok(open);
        }
        // The destination of this example has a port, and no TLS.
        let stream = TcpStream::connect(authority.as_str())?;
        // The upload has timers of its own. Here a thread blocks, so its sockets keep the same times.
        stream.set_write_timeout(Some(transmit.request_timeout))?;
        stream.set_read_timeout(Some(transmit.response_timeout))?;
        self.connections += 1;
        Ok((authority.clone(), Connection::new(stream)?))
    }
}

/// Sends the head of a request, and then the bytes of its payload, which nobody ever holds all at once.
pub(crate) fn send(
    connection: &mut Connection,
    request: &Request<Payload>,
    mut file: &File,
) -> io::Result<()> {
    connection.write_request(request)?;
    if let Payload::Range(range) = request.body() {
        file.seek(SeekFrom::Start(range.start))?;
        let sent = io::copy(&mut file.take(range.end - range.start), &mut connection.stream())?;
        if sent < range.end - range.start {
            return Err(io::Error::other("the file has become shorter"));
        }
    }
    Ok(())
}

/// The head of the answer, and whether the connection ends with it. An Ack has no body, but a proxy's page may.
fn receive(connection: &mut Connection) -> io::Result<(Response<()>, bool)> {
    let response = connection.read_response()?;
    let headers = response.headers();
    match body_length(headers).filter(|_| headers.contains_key(CONTENT_LENGTH)) {
        Some(length) => {
            io::copy(&mut connection.body(length), &mut io::sink())?;
            let last = is_last(response.version(), headers);
            Ok((response, last))
        }
        None => Ok((response, true)),
    }
}
