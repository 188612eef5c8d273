//! Tunnels through a proxy. reqwest asks for them at a door on this machine, behind which the challenges of the proxy are
//! answered: it cannot answer them itself, and does not tell why a proxy refuses.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{HeaderMap, HeaderValue, PROXY_AUTHENTICATE};
use http::{Method, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::credentials::{Answerer, Asker, Auth, Party};
use crate::digest::Digests;
use crate::proxy::Proxy;
use crate::shared::Shared;
use crate::user::User;

/// The longest head of an answer.
const LONGEST_HEAD: usize = 64 * 1024;
/// How much of the page of a refusal is read, so that the next request can use the connection.
const LONGEST_PAGE: u64 = 1 << 20;
const BUFFER: usize = 256 * 1024;
/// How many requests a tunnel may take: a handshake has two after the first refusal.
const ROUNDS: u32 = 5;

/// Why there was no tunnel.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// The proxy cannot be reached. That may pass.
    Unreachable(String),
    /// The proxy said no.
    Status(String),
    /// The proxy wants credentials, and this is what to do.
    Credentials(String),
}

/// A door to tunnels.
#[derive(Debug)]
pub(crate) struct Tunnel {
    /// Where the door is.
    pub(crate) url: String,
    /// What opens it: others on this machine must not use the user's credentials.
    pub(crate) key: String,
    refusal: Shared<Option<Refusal>>,
    task: JoinHandle<()>,
}

impl Tunnel {
    /// A door to tunnels through this proxy. They end with it.
    pub(crate) fn open(proxy: &Proxy, user_agent: &str) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let listener = TcpListener::from_std(listener)?;
        let mut random = [0; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random)
            .map_err(|_| io::Error::other("there is no randomness"))?;
        let key = BASE64_STANDARD.encode(random);
        let refusal = Shared::default();
        let door = Arc::new(Door {
            address: proxy.address(),
            party: Party::Proxy(proxy.to_string()),
            user: proxy.user.clone(),
            user_agent: user_agent.to_owned(),
            pass: format!("Basic {}", BASE64_STANDARD.encode(format!("tunnel:{key}"))),
            refusal: refusal.clone(),
        });
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&door).serve(stream));
            }
        });
        Ok(Self { url, key, refusal, task })
    }

    /// Why the last tunnel was not opened. It is told once.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.lock().take()
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Door {
    address: (String, u16),
    party: Party,
    user: Option<User>,
    user_agent: String,
    pass: String,
    refusal: Shared<Option<Refusal>>,
}

impl Door {
    async fn serve(self: Arc<Self>, mut ours: TcpStream) {
        let Ok((head, _)) = read_head(&mut ours).await else { return };
        let mut words = head.split(' ');
        let (Some("CONNECT"), Some(target)) = (words.next(), words.next()) else { return };
        let has_pass = |line: &str| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("proxy-authorization") && value.trim() == self.pass
            })
        };
        if !head.lines().any(has_pass) {
            return;
        }
        match self.dig(target).await {
            Ok((mut theirs, early)) => {
                let opened = ours.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                if opened.is_ok() && ours.write_all(&early).await.is_ok() {
                    let _ended = copy_bidirectional_with_sizes(&mut ours, &mut theirs, BUFFER, BUFFER).await;
                }
            }
            Err(refusal) => {
                *self.refusal.lock() = Some(refusal);
                let _gone = ours.write_all(b"HTTP/1.1 502 No tunnel\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    }

    /// Opens a tunnel to this host and port; returns it with what has come out of it already.
    async fn dig(&self, target: &str) -> Result<(TcpStream, Vec<u8>), Refusal> {
        let unreachable = |error: io::Error| Refusal::Unreachable(error.to_string());
        let mut stream = self.connect().await.map_err(unreachable)?;
        let digests = Digests::default();
        let mut answerer = Answerer::new(self.party.clone(), self.user.clone(), Auth::Auto, digests.clone());
        let mut credentials = None::<HeaderValue>;
        for earlier in 0..ROUNDS {
            let agent = &self.user_agent;
            let mut request = format!(
                "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: {agent}\r\nProxy-Connection: Keep-Alive\r\n"
            );
            if let Some(value) = credentials.as_ref().and_then(|value| value.to_str().ok()) {
                request += &format!("Proxy-Authorization: {value}\r\n");
            }
            request += "\r\n";
            stream.write_all(request.as_bytes()).await.map_err(unreachable)?;
            let (head, rest) = read_head(&mut stream).await.map_err(unreachable)?;
            let answer = Answer::read(&head).ok_or_else(|| {
                Refusal::Status("what it answers is no HTTP: it may be no proxy".to_owned())
            })?;
            match answer.status {
                200..=299 => return Ok((stream, rest)),
                407 => {}
                status => return Err(Refusal::Status(format!("status {status} {}", answer.reason))),
            }
            let challenges: Vec<_> = answer.headers.get_all(PROXY_AUTHENTICATE).iter().cloned().collect();
            let asker = Asker { host: &self.address.0, values: &challenges, earlier };
            let (_, mut answered) = answerer.answer(&asker).map_err(Refusal::Credentials)?;
            let whole = target.parse::<Uri>().map_err(|error| Refusal::Status(error.to_string()))?;
            let signed = digests.sign(&Method::CONNECT, &whole, &mut answered.headers);
            signed.map_err(Refusal::Credentials)?;
            credentials = answered.headers.values().next().cloned();
            if answer.ends_connection() || !skip(&mut stream, answer.length(), rest.len()).await {
                stream = self.connect().await.map_err(unreachable)?;
            }
        }
        Err(Refusal::Credentials(format!("{} asks for credentials again and again", self.party)))
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let (host, port) = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// A head, and what came behind it. Of another language than HTTP, or of a head that breaks off: what there is of it.
async fn read_head(stream: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(at.saturating_add(4));
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), rest));
        }
        let is_http = |word: &[u8]| bytes.len() < word.len() || bytes.starts_with(word);
        if !is_http(b"HTTP/") && !is_http(b"CONNECT") {
            return Ok((String::from_utf8_lossy(&bytes).into_owned(), Vec::new()));
        }
        if bytes.len() > LONGEST_HEAD {
            return Err(io::Error::other("its answer has no end"));
        }
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) if !bytes.is_empty() => {
                return Ok((String::from_utf8_lossy(&bytes).into_owned(), Vec::new()));
            }
            Ok(0) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended the connection")),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads the rest of a page that nobody wants; returns whether the connection can be used again.
async fn skip(stream: &mut TcpStream, length: Option<u64>, here: usize) -> bool {
    let Some(length) = length.filter(|length| *length <= LONGEST_PAGE) else { return false };
    let rest = length.saturating_sub(u64::try_from(here).unwrap_or_default());
    tokio::io::copy(&mut stream.take(rest), &mut tokio::io::sink()).await.is_ok_and(|read| read == rest)
}

/// The answer of a proxy.
struct Answer {
    is_old: bool,
    status: u16,
    reason: String,
    headers: HeaderMap,
}

impl Answer {
    fn read(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.splitn(3, ' ');
        let version = words.next().filter(|version| version.starts_with("HTTP/1."))?;
        let status = words.next()?.parse().ok()?;
        let reason = words.next().unwrap_or_default().to_owned();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = name.trim().parse::<http::HeaderName>();
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
                let _never_full = headers.try_append(name, value);
            }
        }
        Some(Self { is_old: version == "HTTP/1.0", status, reason, headers })
    }

    fn says(&self, name: &str, word: &str) -> bool {
        let values = self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(word))
    }

    fn ends_connection(&self) -> bool {
        let closes = self.says("connection", "close") || self.says("proxy-connection", "close");
        let keeps = self.says("connection", "keep-alive") || self.says("proxy-connection", "keep-alive");
        closes || self.is_old && !keeps
    }

    /// How long its page is; unknown if that ends with the connection, or comes in pieces.
    fn length(&self) -> Option<u64> {
        if self.headers.contains_key("transfer-encoding") {
            return None;
        }
        self.headers.get("content-length")?.to_str().ok()?.trim().parse().ok()
    }
}
