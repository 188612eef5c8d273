//! The whole of a client: one upload, driven over one connection at a time.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::client::{Config, Entity, Event, Output, Transmit, TransportError, Upload};
use bits_proto::packet::Payload;
use http::header::CONTENT_LENGTH;
use http::uri::Authority;
use http::{Response, Uri};

use crate::conversation::Conversation;
use crate::files;
use crate::http1::{Connection, body_length, is_last};

/// What an upload amounted to.
pub(crate) struct Totals {
    requests: u32,
    connections: u32,
    retries: u32,
    elapsed: Duration,
}

/// Uploads a file; returns once the server has published it.
pub(crate) fn upload(
    path: &Path,
    destination: Uri,
    fragment_size: u64,
    conversation: &Conversation,
) -> Result<Totals, Box<dyn Error>> {
    let file = files::open(path)?;
    let begin = Instant::now();
    // Impatient, as suits an example: the defaults are those of Windows, which tries for 14 days.
    let config = Config::builder()
        .fragment_size(fragment_size)
        .retry_delays(Duration::from_millis(200), Duration::from_secs(2))
        .timeouts(Duration::from_secs(20), Duration::from_secs(20))
        .give_up_after(Duration::from_secs(60))
        .seed(files::random_number())
        .build()?;
    let mut upload = Upload::new(begin, destination, entity(path, &file)?, config)?;
    let mut client = Client { file, connection: None, requests: 0, connections: 0 };
    let mut retries = 0;
    loop {
        // 1. Do what the upload asks for, until it asks for nothing.
        while let Some(output) = upload.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    conversation.request(&transmit.request);
                    client.exchange(&mut upload, &transmit);
                }
                // Where an exchange blocks, it is over before the upload can think better of it.
                Output::Abort(_) => client.connection = None,
                Output::Event(Event::Waiting { until, cause }) => {
                    retries += 1;
                    let delay = until.saturating_duration_since(Instant::now()).as_millis();
                    conversation.note(format_args!("{cause}; trying again in {delay} ms"));
                }
                Output::Event(Event::Resynchronised { from, to }) => {
                    conversation.note(format_args!("the server wants byte {to}, not {from}"));
                }
                Output::Event(Event::CredentialsWanted { .. }) => {
                    upload.authenticate(Instant::now(), None)?
                }
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(Event::Completed { .. }) => {
                    let Client { requests, connections, .. } = client;
                    return Ok(Totals { requests, connections, retries, elapsed: begin.elapsed() });
                }
                Output::Event(_) => {}
            }
        }
        // 2. Nothing to do now: sleep until the upload wants to go on.
        let due = upload.poll_timeout().ok_or("the upload waits for something that never comes")?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        upload.handle_timeout(Instant::now());
    }
}

/// The name is a courtesy to the server. Where it is none that may be sent, the file goes without.
fn entity(path: &Path, file: &File) -> Result<Entity, Box<dyn Error>> {
    let entity = Entity::new(file.metadata()?.len())?;
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    Ok(entity.clone().named(name).unwrap_or(entity))
}

struct Client {
    file: File,
    connection: Option<(Authority, Connection)>,
    requests: u32,
    connections: u32,
}

impl Client {
    /// Sends one request, and tells the upload what came of it.
    fn exchange(&mut self, upload: &mut Upload, transmit: &Transmit) {
        self.requests += 1;
        let Ok((authority, mut connection)) = self.connect(transmit) else {
            return upload.handle_transport_error(Instant::now(), transmit.id, TransportError::Unsent);
        };
        let result = self.send(&mut connection, transmit).and_then(|()| {
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

    /// Sends the head, and then the bytes of the payload, which nobody ever holds all at once.
    fn send(&mut self, connection: &mut Connection, transmit: &Transmit) -> io::Result<()> {
        connection.write_request(&transmit.request)?;
        if let Payload::Range(range) = transmit.request.body() {
            self.file.seek(SeekFrom::Start(range.start))?;
            let mut bytes = (&self.file).take(range.end - range.start);
            let sent = io::copy(&mut bytes, &mut connection.stream())?;
            if sent < range.end - range.start {
                return Err(io::Error::other("the file has become shorter"));
            }
        }
        Ok(())
    }
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

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, connections, retries, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        write!(f, "in {seconds:.2} s; requests: {requests}, connections: {connections}, retries: {retries}")
    }
}
