//! A small server for the tests: `bits_proto::server::Sessions` over a `TcpListener`, everything in memory, and faults on
//! demand.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::notify::NotificationType;
use bits_proto::server::{
    Directory, DirectoryBuilder, Exchange, Keep, Notified, Output, Report, Sessions, Signal,
};
use bits_proto::{Guid, ReplyUrl};
use http::{HeaderMap, Method, Request, Response};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::wire::{Stream, header, plain, read_head, write_response};

/// What goes wrong with a request.
#[derive(Clone, Debug)]
pub enum Fault {
    None,
    /// The connection is cut before the answer, although all was done.
    CutAnswer,
    /// The connection is cut after so many bytes of the body.
    CutBody(u64),
    /// The answer comes this much later.
    Delay(Duration),
    /// The answer has these headers, too.
    More(&'static str),
    /// The connection ends behind the answer, without a word.
    HangUp,
    /// Something in between answers, without reading the body: status, headers, page.
    Answer(u16, &'static str, &'static str),
    /// The same while the body is still on its way; then the connection is closed.
    EarlyAnswer(u16),
}

type Faults = Box<dyn FnMut(&Seen) -> Fault + Send>;

/// A request that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub number: usize,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub packet: String,
    pub headers: HeaderMap,
}

/// What a server is like before it starts.
pub struct ServerBuilder {
    directory: DirectoryBuilder,
    faults: Faults,
    authorization: Option<&'static str>,
    reply: Option<Vec<u8>>,
    tls: Option<Arc<ServerConfig>>,
}

impl ServerBuilder {
    pub fn directory(mut self, change: impl FnOnce(DirectoryBuilder) -> DirectoryBuilder) -> Self {
        self.directory = change(self.directory);
        self
    }

    pub fn faults(mut self, faults: impl FnMut(&Seen) -> Fault + Send + 'static) -> Self {
        self.faults = Box::new(faults);
        self
    }

    /// Requests without this are answered 401, with a challenge for Basic.
    pub fn authorization(mut self, value: &'static str) -> Self {
        self.authorization = Some(value);
        self
    }

    /// An application answers each upload with this.
    pub fn reply(mut self, reply: &[u8]) -> Self {
        self.reply = Some(reply.to_vec());
        let url = "http://127.0.0.1/application".parse().unwrap();
        self.directory(|directory| directory.notification(NotificationType::ByValue(url)))
    }

    pub fn tls(mut self, config: ServerConfig) -> Self {
        self.tls = Some(Arc::new(config));
        self
    }

    pub fn start(self) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let directory = self.directory.build().unwrap();
        let table = Table {
            sessions: Sessions::new(directory),
            connections: BTreeMap::new(),
            unfinished: HashMap::new(),
            published: HashMap::new(),
            seen: Vec::new(),
            hung_up: 0,
        };
        let inner = Arc::new(Inner {
            table: Mutex::new(table),
            changed: Condvar::new(),
            faults: Mutex::new(self.faults),
            authorization: self.authorization,
            reply: self.reply,
        });
        let (shared, tls) = (Arc::clone(&inner), self.tls.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (inner, tls) = (Arc::clone(&shared), tls.clone());
                thread::spawn(move || {
                    let _client_is_gone = inner.serve(stream, tls);
                    inner.table.lock().unwrap().hung_up += 1;
                    inner.changed.notify_all();
                });
            }
        });
        Server { address, inner, scheme: if self.tls.is_some() { "https" } else { "http" } }
    }
}

/// A server at work, on threads that end with the test's process.
pub struct Server {
    pub address: SocketAddr,
    scheme: &'static str,
    inner: Arc<Inner>,
}

impl Server {
    pub fn build() -> ServerBuilder {
        ServerBuilder {
            directory: Directory::builder().keep(Keep::Nothing),
            faults: Box::new(|_| Fault::None),
            authorization: None,
            reply: None,
            tls: None,
        }
    }

    pub fn start() -> Self {
        Self::build().start()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}{path}", self.scheme, self.address.port())
    }

    pub fn published(&self, path: &str) -> Option<Vec<u8>> {
        self.inner.table.lock().unwrap().published.get(path).cloned()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.table.lock().unwrap().seen.clone()
    }

    /// How many requests with this packet arrived.
    pub fn count(&self, packet: &str) -> usize {
        self.seen().iter().filter(|seen| seen.packet == packet).count()
    }

    pub fn open_sessions(&self) -> usize {
        self.inner.table.lock().unwrap().sessions.len()
    }

    /// Waits until the server has so many bytes of the one upload under way.
    pub fn wait_for_bytes(&self, bytes: u64) {
        self.wait(|table| table.sessions.iter().any(|session| session.received() >= bytes));
    }

    pub fn wait_for_requests(&self, requests: usize) {
        self.wait(|table| table.seen.len() >= requests);
    }

    /// Waits until so many connections have ended.
    pub fn wait_for_hang_ups(&self, connections: usize) {
        self.wait(|table| table.hung_up >= connections);
    }

    fn wait(&self, done: impl Fn(&Table) -> bool) {
        let table = self.inner.table.lock().unwrap();
        let (_table, waited) = self
            .inner
            .changed
            .wait_timeout_while(table, Duration::from_secs(30), |table| !done(table))
            .unwrap();
        assert!(!waited.timed_out(), "it never happened");
    }
}

struct Inner {
    table: Mutex<Table>,
    changed: Condvar,
    faults: Mutex<Faults>,
    authorization: Option<&'static str>,
    reply: Option<Vec<u8>>,
}

struct Table {
    sessions: Sessions,
    connections: BTreeMap<Exchange, TcpStream>,
    unfinished: HashMap<Guid, Vec<u8>>,
    published: HashMap<String, Vec<u8>>,
    seen: Vec<Seen>,
    hung_up: usize,
}

impl Inner {
    fn serve(&self, tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(30)))?;
        let hang_up = tcp.try_clone()?;
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), tcp)),
            None => Box::new(tcp),
        };
        let mut connection = BufReader::new(stream);
        while let Some(request) = read_head(&mut connection)? {
            let seen = self.remember(&request);
            let fault = (self.faults.lock().unwrap())(&seen);
            let length = header(&request, "content-length").parse::<u64>().unwrap_or_default();
            let mut body = connection.by_ref().take(length);
            if let Fault::Answer(status, headers, page) = fault {
                let head =
                    format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n{page}", page.len());
                io::copy(&mut body, &mut io::sink())?;
                connection.get_mut().write_all(head.as_bytes())?;
                continue;
            }
            if let Fault::EarlyAnswer(status) = fault {
                let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                connection.get_mut().write_all(head.as_bytes())?;
                hang_up.shutdown(Shutdown::Write)?;
                // Or else the system resets the connection, and the answer with it.
                hang_up.set_read_timeout(Some(Duration::from_millis(200)))?;
                let _reset = io::copy(&mut connection.by_ref().take(64 << 20), &mut io::sink());
                return Ok(());
            }
            if let Fault::CutBody(bytes) = fault {
                body.set_limit(bytes.min(length));
            }
            let (response, page) = self.answer(&request, &mut body, &hang_up);
            let unread = body.limit();
            match fault {
                Fault::CutAnswer | Fault::CutBody(_) => return hang_up.shutdown(Shutdown::Both),
                Fault::Delay(time) => thread::sleep(time),
                _ => {}
            }
            let more = if let Fault::More(headers) = fault { headers } else { "" };
            write_response(connection.get_mut(), &response, more, &page)?;
            if matches!(fault, Fault::HangUp) {
                return hang_up.shutdown(Shutdown::Both);
            }
            io::copy(&mut connection.by_ref().take(unread), &mut io::sink())?;
        }
        Ok(())
    }

    fn remember(&self, request: &Request<()>) -> Seen {
        let mut table = self.table.lock().unwrap();
        let seen = Seen {
            number: table.seen.len(),
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            packet: header(request, "bits-packet-type").to_owned(),
            headers: request.headers().clone(),
        };
        table.seen.push(seen.clone());
        self.changed.notify_all();
        seen
    }

    fn answer(
        &self,
        head: &Request<()>,
        body: &mut impl Read,
        hang_up: &TcpStream,
    ) -> (Response<()>, Vec<u8>) {
        if self.authorization.is_some_and(|wanted| header(head, "authorization") != wanted) {
            let _body = io::copy(body, &mut io::sink());
            return plain(401, &[("www-authenticate", "Basic realm=\"x\"")], Vec::new());
        }
        if head.method() == Method::GET {
            return match &self.reply {
                Some(reply) => plain(200, &[], reply.clone()),
                None => plain(404, &[], Vec::new()),
            };
        }
        (self.bits(head, body, hang_up), Vec::new())
    }

    fn bits(&self, head: &Request<()>, body: &mut impl Read, hang_up: &TcpStream) -> Response<()> {
        let random = || {
            use std::hash::{BuildHasher, Hasher, RandomState};
            let word = || u128::from(RandomState::new().build_hasher().finish());
            (word() << 64 | word()).to_be_bytes()
        };
        let mut table = self.table.lock().unwrap();
        let Some(exchange) = table.sessions.handle_request(Instant::now(), head, &(), random) else {
            return plain(404, &[], Vec::new()).0;
        };
        table.connections.insert(exchange, hang_up.try_clone().unwrap());
        let (id, path) = (exchange.session().unwrap_or(Guid::NIL), head.uri().path().to_owned());
        loop {
            while let Some(signal) = table.sessions.poll_signal() {
                if let (Signal::Stop(older), Some(stream)) =
                    (signal, table.connections.get(&signal.exchange()))
                {
                    assert_ne!(older, exchange);
                    let _closed_already = stream.shutdown(Shutdown::Both);
                }
            }
            let Some(output) = table.sessions.poll_output(Instant::now(), exchange) else {
                table = self.changed.wait_timeout(table, Duration::from_millis(10)).unwrap().0;
                continue;
            };
            let report = match output {
                Output::Admit => Report::Admitted,
                Output::Open => {
                    table.unfinished.insert(id, Vec::new());
                    Report::Opened
                }
                Output::Store(mut store) => {
                    drop(table);
                    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
                    while let Ok(length @ 1..) = body.read(&mut piece) {
                        bytes.extend_from_slice(store.clip(&piece[..length]));
                    }
                    table = self.table.lock().unwrap();
                    let unfinished = table.unfinished.get_mut(&id).unwrap();
                    unfinished.truncate(store.range().start as usize);
                    unfinished.extend_from_slice(&bytes);
                    Report::Stored(store.clipped())
                }
                Output::Notify { .. } => {
                    // As IIS: with the id of the session.
                    let url = format!("{path}/Replies/{id}/responsefile.bin").into_bytes();
                    Report::Notified(Notified {
                        copy_to_destination: true,
                        reply_url: Some(ReplyUrl::from_bytes(url).unwrap()),
                    })
                }
                Output::Publish { .. } => {
                    let bytes = table.unfinished.remove(&id).unwrap();
                    assert!(table.published.insert(path.clone(), bytes).is_none(), "published once");
                    Report::Published
                }
                Output::Discard => {
                    table.unfinished.remove(&id);
                    Report::Discarded
                }
                Output::Respond(ack) => {
                    table.connections.remove(&exchange);
                    return ack.to_response();
                }
                Output::Save(_) | Output::Forget | Output::Done => unreachable!("this server keeps nothing"),
            };
            table.sessions.handle_report(Instant::now(), exchange, report);
            self.changed.notify_all();
        }
    }
}
