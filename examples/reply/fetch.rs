//! The reply client: one download, in ranges.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::download::{
    ApplicationRanges, Config, Download, Event, ExchangeId, HeadRequest, Output, Receiver, Transmit,
    TransportError,
};
use http::{Method, Response, Uri};

use crate::conversation::{Conversation, Party};
use crate::files;
use crate::http1::{Connection, body_length, is_last};

/// Fetches a reply into a file, so many bytes with one request; returns its size.
pub(crate) fn fetch(
    url: Uri,
    fragment_size: u64,
    path: &Path,
    conversation: &Conversation,
) -> Result<u64, Box<dyn Error>> {
    let config = Config::builder()
        .head(HeadRequest::Always)
        .fragment_size(fragment_size)
        .retry_delays(Duration::from_millis(200), Duration::from_secs(2))
        .timeouts(Duration::from_secs(20), Duration::from_secs(20))
        .give_up_after(Duration::from_secs(60))
        .seed(files::random_number())
        .build()?;
    let mut download = Download::new(Instant::now(), url, ApplicationRanges::whole(), config)?;
    let mut client = Client { file: File::create_new(path)?, open: None };
    loop {
        // 1. Do what the download asks for, until it asks for nothing.
        while let Some(output) = download.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    conversation.request(Party::Client, Party::ReplyServer, &transmit.request);
                    client.exchange(&mut download, &transmit);
                }
                Output::Receive { id, receiver } => client.receive(&mut download, id, receiver)?,
                Output::Abort(_) => client.open = None,
                Output::Event(Event::Waiting { cause, .. } | Event::Restarted { cause }) => {
                    conversation.note(cause);
                }
                Output::Event(Event::CredentialsWanted { .. }) => {
                    download.authenticate(Instant::now(), None)?;
                }
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(Event::Completed { received }) => return Ok(received),
                Output::Event(_) => {}
            }
        }
        // 2. Nothing to do now: sleep until the download wants to go on.
        let due = download.poll_timeout().ok_or("the download waits for something that never comes")?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        download.handle_timeout(Instant::now());
    }
}

struct Client {
    file: File,
    open: Option<Open>,
}

/// A connection on which an answer's head was read.
struct Open {
    connection: Connection,
    /// How many bytes of the body have not been read.
    unread: u64,
    /// Whether the connection ends with this answer.
    last: bool,
}

impl Client {
    /// Sends one request, and tells the download the head of the answer.
    fn exchange(&mut self, download: &mut Download, transmit: &Transmit) {
        let reusable = self.open.take().filter(|open| open.unread == 0 && !open.last);
        let connection = reusable.map_or_else(|| connect(transmit), |open| Ok(open.connection));
        let answer = connection.and_then(|mut connection| {
            connection.write_request(&transmit.request)?;
            download.handle_sent(Instant::now(), transmit.id);
            let response = connection.read_response()?;
            Ok((connection, response))
        });
        match answer {
            Ok((connection, response)) => {
                self.open = Some(open(connection, transmit, &response));
                download.handle_response(Instant::now(), transmit.id, &response);
            }
            Err(_) => {
                download.handle_transport_error(Instant::now(), transmit.id, TransportError::Interrupted)
            }
        }
    }

    /// Stores the body of the answer as it arrives. An error is one of the file: there is no going on.
    fn receive(&mut self, download: &mut Download, id: ExchangeId, mut receiver: Receiver) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        while let Some(open) = &mut self.open {
            let length = match open.connection.body(open.unread).read(&mut buffer) {
                Ok(length @ 1..) => length,
                Ok(0) => {
                    download.handle_body_end(Instant::now(), id);
                    return Ok(());
                }
                Err(_) => {
                    download.handle_transport_error(Instant::now(), id, TransportError::Interrupted);
                    return Ok(());
                }
            };
            open.unread -= length as u64;
            let mut rest = &buffer[..length];
            loop {
                match receiver.place(&mut rest) {
                    Ok(Some(piece)) => {
                        self.file.seek(SeekFrom::Start(piece.offset))?;
                        self.file.write_all(piece.bytes)?;
                        download.handle_received(Instant::now(), id, piece.bytes.len() as u64);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        download.handle_body_error(Instant::now(), id, error);
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }
}

fn connect(transmit: &Transmit) -> io::Result<Connection> {
    // The URL of this example has a port, and no TLS.
    let authority = transmit.request.uri().authority().ok_or(io::ErrorKind::InvalidInput)?;
    let stream = TcpStream::connect(authority.as_str())?;
    // The download has timers of its own. Here a thread blocks, so its sockets keep the same times.
    stream.set_write_timeout(Some(transmit.request_timeout))?;
    stream.set_read_timeout(Some(transmit.response_timeout))?;
    Connection::new(stream)
}

fn open(connection: Connection, transmit: &Transmit, response: &Response<()>) -> Open {
    let length = body_length(response.headers());
    Open {
        connection,
        unread: if transmit.request.method() == Method::HEAD { 0 } else { length.unwrap_or_default() },
        last: length.is_none() || is_last(response.version(), response.headers()),
    }
}
