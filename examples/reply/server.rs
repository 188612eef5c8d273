//! The upload server, with an application behind it.
//!
//! How a server hangs up on the older of two requests for one session, the example `roundtrip` shows. This one only waits
//! until the older one is over.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::limits::MAX_FRAGMENT_SIZE;
use bits_proto::notify::{
    Config, DataFilePath, DataFiles, Delivery, Notification, NotificationType, iis_reply_url,
};
use bits_proto::server::{Arrival, Directory, Exchange, Output, Refusal, Report, Sessions};
use bits_proto::{Guid, ReplyUrl};
use http::{Request, Response, StatusCode, Uri};

use crate::back_end::{self, Places};
use crate::conversation::{Conversation, Party};
use crate::files::{self, random_number};
use crate::http1::{Body, Connection, body_length, is_last};
use crate::replies::Replies;
use crate::storage::Storage;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// What IIS tells in `captures/upload-reply/02-create-session.ack`.
const HOST_ID_FALLBACK_TIMEOUT: Duration = Duration::from_secs(110);

/// What a server is made of.
pub(crate) struct Server {
    pub(crate) notification: NotificationType,
    pub(crate) storage: Storage,
    pub(crate) replies: Arc<Replies>,
    /// Where those are served.
    pub(crate) reply_server: SocketAddr,
    pub(crate) conversation: Arc<Conversation>,
}

/// A server at work.
struct Running {
    server: Server,
    /// Where it listens. What a client calls it in `Host` does not matter.
    address: SocketAddr,
    directory: Directory,
    sessions: Mutex<Sessions>,
    /// Something was reported: whoever waits for its turn asks again.
    reported: Condvar,
}

impl Server {
    /// Starts the server on threads of its own.
    pub(crate) fn start(self) -> Result<SocketAddr, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        // The rest of a session goes to a host that the server names: here itself, under another name.
        let host = format!("localhost:{}", address.port()).parse()?;
        let directory = Directory::builder()
            .notification(self.notification.clone())
            .host(host, Some(HOST_ID_FALLBACK_TIMEOUT))
            .build()?;
        let sessions = Mutex::new(Sessions::new(directory.clone()));
        let running = Running { server: self, address, directory, sessions, reported: Condvar::new() };
        let running = Arc::new(running);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let running = Arc::clone(&running);
                // A connection that fails is the client's loss, and its retry.
                thread::spawn(move || running.serve(stream));
            }
        });
        Ok(address)
    }
}

impl Running {
    /// The requests of one connection, one after another.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.read_request()? {
            let length = body_length(request.headers());
            let mut body = connection.body(length.unwrap_or_default());
            let response = self.answer(&request, &mut body);
            if body.broke_off() {
                // Nobody is left to hear the answer.
                return Ok(());
            }
            let unread = body.remaining();
            let last = length.is_none()
                || unread > MAX_FRAGMENT_SIZE
                || is_last(request.version(), request.headers());
            self.server.conversation.response(Party::Server, Party::Client, &response);
            connection.write_response(&response, last)?;
            if last {
                return Ok(());
            }
            // The body of a refused fragment stands before the next request.
            io::copy(&mut connection.body(unread), &mut io::sink())?;
        }
        Ok(())
    }

    /// One exchange, from the head of the request to the response.
    fn answer(&self, head: &Request<()>, body: &mut Body<'_>) -> Response<()> {
        // 1. What is it?
        let request = match self.directory.decode(head) {
            Ok(Some(request)) => request,
            Ok(None) => return not_of_this_protocol(),
            Err(error) => return error.to_response(),
        };
        // 2. Hand it to its session. Here everybody is one owner; a real server names its authenticated user.
        let arrival = Arrival { request: &request, target: head.uri(), owner: &() };
        let (exchange, mut output) =
            self.sessions().handle_request(Instant::now(), &arrival, session_randomness);
        let (id, path, storage) = (exchange.session(), head.uri().path(), &self.server.storage);
        // 3. Do what the session asks for, and report it, until it responds.
        loop {
            let report = match output {
                Output::Open => storage.open(id, path),
                Output::Store(store) => storage.store(id, &store, body),
                Output::Notify => self.notify(id, head.uri()),
                Output::Publish => {
                    self.server.replies.discard(id);
                    storage.publish(id, path)
                }
                Output::Discard => {
                    self.server.replies.discard(id);
                    storage.discard(id)
                }
                Output::Abort(_) | Output::Wait => {
                    output = self.wait_for_turn(exchange);
                    continue;
                }
                Output::Respond(ack) => return ack.to_response(),
            };
            output = self.sessions().handle_report(Instant::now(), exchange, report);
            self.reported.notify_all();
        }
    }

    fn notify(&self, id: Guid, target: &Uri) -> Report {
        // What an earlier notification left behind is no reply to this one.
        self.server.replies.discard(id);
        match self.notification(id, target) {
            Ok(notification) => {
                let (entity, reply) = (self.server.storage.unfinished(id), self.server.replies.path(id));
                let places = Places { entity: &entity, reply: &reply };
                back_end::notify(notification, &places, &self.server.conversation).into()
            }
            Err(error) => {
                self.server.conversation.note(error);
                Report::Failed { stored: 0, refusal: Refusal::Internal }
            }
        }
    }

    fn notification(&self, id: Guid, target: &Uri) -> Result<Notification, Box<dyn Error>> {
        let Server { storage, replies, reply_server, .. } = &self.server;
        let entity = storage.unfinished(id);
        let destination = format!("http://{}{target}", self.address).parse()?;
        let (url, delivery) = match self.directory.notification() {
            NotificationType::None => return Err("there is no application".into()),
            NotificationType::ByValue(url) => (url, Delivery::ByValue { size: files::size(&entity)? }),
            NotificationType::ByReference(url) => {
                let path = |path: &std::path::Path| {
                    DataFilePath::from_bytes(path.as_os_str().as_encoded_bytes().to_vec())
                };
                let files = DataFiles { request: path(&entity)?, response: path(&replies.path(id))? };
                (url, Delivery::ByReference(files))
            }
        };
        // Where IIS has it, but on a server of its own: so its URL is absolute.
        let reply_url = iis_reply_url(id).resolve(&format!("http://{reply_server}{target}").parse()?)?;
        let reply_url = ReplyUrl::from_bytes(reply_url.to_string().into_bytes())?;
        let notification = Notification::new(Instant::now(), url, &destination, delivery, Config::default())?;
        Ok(notification.with_stored_reply(reply_url))
    }

    /// Another exchange works on the session: two must never write at once.
    fn wait_for_turn(&self, exchange: Exchange) -> Output {
        let mut sessions = self.sessions();
        loop {
            match sessions.poll(Instant::now(), exchange) {
                Output::Abort(_) => {}
                Output::Wait => {
                    sessions = self.reported.wait(sessions).unwrap_or_else(PoisonError::into_inner);
                }
                output => return output,
            }
        }
    }

    /// The machines never panic, so the table is sound even after a thread that held it did.
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever guesses a session's id can write into the session: a real server takes these bytes from the operating
/// system's generator, by a crate such as `getrandom`.
fn session_randomness() -> [u8; 16] {
    (u128::from(random_number()) << 64 | u128::from(random_number())).to_be_bytes()
}

fn not_of_this_protocol() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().extend([(http::header::CONTENT_LENGTH, 0.into())]);
    response
}
