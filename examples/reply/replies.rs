//! The reply server: a folder of replies, each served under its session's id.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use bits_proto::download::{Body, Entity, Segment, respond};
use bits_proto::notify::iis_reply_session;
use bits_proto::{Conformance, Guid};
use http::{Request, Response, StatusCode};

use crate::conversation::{Conversation, Party};
use crate::files::random_number;
use crate::http1::{Connection, body_length, is_last};

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Replies {
    folder: PathBuf,
    conversation: Arc<Conversation>,
}

impl Replies {
    pub(crate) fn create(folder: PathBuf, conversation: Arc<Conversation>) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        Ok(Self { folder, conversation })
    }

    /// Where the reply of a session is, or will be.
    pub(crate) fn path(&self, session: Guid) -> PathBuf {
        self.folder.join(format!("{session}.reply"))
    }

    /// Deletes the reply of a session, if there is one.
    pub(crate) fn discard(&self, session: Guid) {
        let _there_is_none = fs::remove_file(self.path(session));
    }

    /// Starts the server on threads of its own.
    pub(crate) fn start(self: Arc<Self>) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let replies = Arc::clone(&self);
                // A connection that fails is the client's loss, and its retry.
                thread::spawn(move || replies.serve(stream));
            }
        });
        Ok(address)
    }

    /// The requests of one connection, one after another.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.read_request()? {
            // Who sends a body with a GET has something else in mind.
            let has_body = body_length(request.headers()) != Some(0);
            let last = has_body || is_last(request.version(), request.headers());
            let (response, file) = self.answer(&request);
            self.conversation.response(Party::ReplyServer, Party::Client, &response);
            connection.write_response(&response, last)?;
            if let Some(file) = file {
                send(&connection, response.into_body(), file)?;
            }
            if last {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The head of the answer, which bytes follow it, and of which file.
    fn answer(&self, request: &Request<()>) -> (Response<Body>, Option<File>) {
        let Some(file) = self.find(request.uri().path()) else { return (not_found(), None) };
        let Ok(entity) = entity(&file) else { return (not_found(), None) };
        let random = || u128::from(random_number()).to_be_bytes();
        (respond(request, &entity, Conformance::Interop, random), Some(file))
    }

    /// The reply at this path. It is whatever a stranger sent: nothing but a session's id is taken from it.
    fn find(&self, path: &str) -> Option<File> {
        File::open(self.path(iis_reply_session(path)?)).ok()
    }
}

/// A reply is written once and never changed, so the time of that names its version.
fn entity(file: &File) -> io::Result<Entity> {
    let metadata = file.metadata()?;
    let modified = metadata.modified()?;
    let entity = Entity::new(metadata.len(), modified).map_err(io::Error::other)?;
    let nanos = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let etag = format!("\"{nanos:x}:{:x}\"", metadata.len());
    Ok(entity.with_etag(etag.parse().map_err(io::Error::other)?))
}

fn send(connection: &Connection, body: Body, mut file: File) -> io::Result<()> {
    for segment in body {
        match segment {
            Segment::Text(text) => connection.stream().write_all(&text)?,
            Segment::Entity(range) => {
                file.seek(SeekFrom::Start(range.start))?;
                io::copy(&mut (&file).take(range.end - range.start), &mut connection.stream())?;
            }
        }
    }
    Ok(())
}

fn not_found() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().extend([(http::header::CONTENT_LENGTH, 0.into())]);
    response
}
