//! The whole of a server: a thread for every connection, and one table of sessions among them.
//!
//! Per request: decode its head, hand it to the table, and do what the table asks for, step by step, until it says what
//! to respond. The lock is held to ask, never to do: storing takes long, asking less than a microsecond.

use std::collections::BTreeMap;
use std::io;
use std::iter;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::limits::MAX_FRAGMENT_SIZE;
use bits_proto::server::{Arrival, Directory, Exchange, Output, Refusal, Report, Sessions, Store};
use http::{Request, Response, StatusCode};

use crate::conversation::Conversation;
use crate::files::random_number;
use crate::http1::{Body, Connection, body_length, is_last};
use crate::storage::Storage;

/// How long a connection may be silent: a client that is gone must not hold its thread for ever.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Server {
    directory: Directory,
    table: Mutex<Table>,
    /// Something was reported: whoever waits for its turn asks again.
    reported: Condvar,
    storage: Storage,
    conversation: Arc<Conversation>,
}

struct Table {
    sessions: Sessions,
    /// The connection of every exchange at work, so that a newer exchange can hang an older one up.
    connections: BTreeMap<Exchange, Arc<TcpStream>>,
}

impl Server {
    /// Starts the server on threads of its own.
    pub(crate) fn start(storage: Storage, conversation: Arc<Conversation>) -> io::Result<SocketAddr> {
        let directory = Directory::default();
        let table = Table { sessions: Sessions::new(directory.clone()), connections: BTreeMap::new() };
        let (table, reported) = (Mutex::new(table), Condvar::new());
        let server = Arc::new(Self { directory, table, reported, storage, conversation });
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A connection that fails is the client's loss, and its retry.
                thread::spawn(move || server.serve(stream));
            }
        });
        Ok(address)
    }

    /// The requests of one connection, one after another.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let hang_up = Arc::new(stream.try_clone()?);
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.read_request()? {
            let length = body_length(request.headers());
            let mut body = connection.body(length.unwrap_or_default());
            let response = self.answer(&request, &mut body, &hang_up);
            if body.broke_off() {
                // Nobody is left to hear the answer.
                return Ok(());
            }
            let unread = body.remaining();
            let last = length.is_none()
                || unread > MAX_FRAGMENT_SIZE
                || is_last(request.version(), request.headers());
            self.conversation.response(&response);
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
    fn answer(&self, head: &Request<()>, body: &mut Body<'_>, hang_up: &Arc<TcpStream>) -> Response<()> {
        // 1. What is it?
        let request = match self.directory.decode(head) {
            Ok(Some(request)) => request,
            Ok(None) => return not_of_this_protocol(),
            Err(error) => return error.to_response(),
        };
        // 2. Hand it to its session. Here everybody is one owner; a real server names its authenticated user.
        let arrival = Arrival { request: &request, target: head.uri(), owner: &() };
        let (task, mut output) = self.begin(&arrival, hang_up);
        let (id, path) = (task.exchange.session(), head.uri().path());
        // 3. Do what the session asks for, and report it, until it responds.
        loop {
            let report = match output {
                Output::Open => self.storage.open(id, path),
                Output::Store(store) => self.store(&task, &store, body),
                Output::Publish => self.storage.publish(id, path),
                Output::Discard => self.storage.discard(id),
                // This server has no application behind it, and its directory says so: it is never asked.
                Output::Notify => Report::Failed { stored: 0, refusal: Refusal::Internal },
                Output::Abort(_) | Output::Wait => {
                    output = self.wait_for_turn(&task, output);
                    continue;
                }
                Output::Respond(ack) => return ack.to_response(),
            };
            output = task.report(report);
        }
    }

    fn begin(&self, arrival: &Arrival<'_>, hang_up: &Arc<TcpStream>) -> (Task<'_>, Output) {
        self.discard_expired();
        let mut table = self.table();
        let now = Instant::now();
        let (exchange, output) = table.sessions.handle_request(now, arrival, session_randomness);
        table.connections.insert(exchange, Arc::clone(hang_up));
        (Task { server: self, exchange }, output)
    }

    /// With every request is often enough: sessions last for days.
    fn discard_expired(&self) {
        let mut table = self.table();
        let now = Instant::now();
        let expired: Vec<_> = iter::from_fn(|| table.sessions.poll_expired(now)).collect();
        drop(table);
        for session in expired {
            let _left_behind = self.storage.discard(session.id());
        }
    }

    fn store(&self, task: &Task<'_>, store: &Store, body: &mut Body<'_>) -> Report {
        if store.skip > 0 {
            self.conversation.note(format_args!("the server has {} bytes of it, and skips them", store.skip));
        }
        let report = self.storage.store(task.exchange.session(), store, body);
        if let (Report::Stored(stored), true) = (&report, body.broke_off()) {
            self.conversation.note(format_args!("the server stored {stored} bytes of it: they count"));
        }
        report
    }

    /// Another exchange works on the session. The newest wins, but two must never write at once: so have the older one
    /// stop, where it can be stopped, and wait until it has reported.
    fn wait_for_turn(&self, task: &Task<'_>, mut output: Output) -> Output {
        let mut table = self.table();
        loop {
            match output {
                Output::Abort(older) => {
                    if let Some(stream) = table.connections.get(&older) {
                        let _closed_already = stream.shutdown(Shutdown::Both);
                    }
                }
                Output::Wait => {
                    table = self.reported.wait(table).unwrap_or_else(PoisonError::into_inner);
                }
                _ => return output,
            }
            output = table.sessions.poll(Instant::now(), task.exchange);
        }
    }

    /// The machines never panic, so the table is sound even after a thread that held it did.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One exchange at work.
struct Task<'s> {
    server: &'s Server,
    exchange: Exchange,
}

impl Task<'_> {
    fn report(&self, report: Report) -> Output {
        let output = self.server.table().sessions.handle_report(Instant::now(), self.exchange, report);
        self.server.reported.notify_all();
        output
    }
}

/// However the task ends, by a panic even, it never locks the upload out. After a response this changes nothing.
impl Drop for Task<'_> {
    fn drop(&mut self) {
        self.server.table().connections.remove(&self.exchange);
        let _nothing_to_do = self.report(Report::Abandoned);
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
