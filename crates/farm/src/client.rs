//! A client that sends raw requests, and does not give up.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use testing::http1::{Message, request_head};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// A client of one upload.
#[derive(Debug)]
pub struct Client {
    /// Each request goes to one of these.
    origins: Vec<SocketAddr>,
    /// The host that the server named, on the same port.
    host: Option<SocketAddr>,
    path: String,
    id: String,
}

/// What an upload took.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// How long each Fragment took that was answered.
    pub fragments: Vec<Duration>,
    /// How many requests were not answered, or with an error.
    pub failures: usize,
}

impl Client {
    /// Sends these bytes to a path of whichever server, in fragments of the sizes that are drawn, until they are published.
    ///
    /// # Errors
    /// The answer that no client can go on after, or the deadline.
    pub fn upload(
        origins: &[SocketAddr],
        path: &str,
        bytes: &[u8],
        mut size: impl FnMut() -> usize,
        deadline: Instant,
    ) -> Result<Sent, String> {
        let mut client =
            Self { origins: origins.to_vec(), host: None, path: path.to_owned(), id: String::new() };
        let (mut sent, mut at) = (Sent::default(), 0);
        let late = |what: &str| match Instant::now() > deadline {
            true => Err(format!("{path}: {what} takes too long")),
            false => Ok(()),
        };
        while client.id.is_empty() {
            late("Create-Session")?;
            match client.request("Create-Session", None, b"") {
                Ok(answer) if answer.status == 200 => {
                    client.id = answer.header("bits-session-id").to_owned();
                    if has(&answer, "bits-host-id") {
                        let host = answer.header("bits-host-id").parse().unwrap();
                        client.host = Some(SocketAddr::new(host, client.origins[0].port()));
                    }
                }
                Ok(answer) if answer.status == 403 => return Err(format!("{path}: {answer:?}")),
                _ => sent.fail(),
            }
        }
        while at < bytes.len() {
            late("a fragment")?;
            let end = bytes.len().min(at + size().max(1));
            let range = format!("bytes {at}-{}/{}", end - 1, bytes.len());
            let begin = Instant::now();
            match client.request("Fragment", Some(&range), &bytes[at..end]) {
                Ok(answer) if has(&answer, "bits-received-content-range") => {
                    match answer.status {
                        200 => sent.fragments.push(begin.elapsed()),
                        _ => sent.fail(),
                    }
                    at = usize::try_from(answer.received()).unwrap();
                }
                Ok(answer) if is_unknown(&answer) => return Err(format!("{path}: at {at} {answer:?}")),
                _ => sent.fail(),
            }
        }
        loop {
            late("Close-Session")?;
            match client.request("Close-Session", None, b"") {
                Ok(answer) if answer.status == 200 => return Ok(sent),
                Ok(answer) if is_unknown(&answer) || answer.status == 403 => {
                    return Err(format!("{path}: at the end {answer:?}"));
                }
                _ => sent.fail(),
            }
        }
    }

    /// Asks the host that was named; the origin, if that one cannot be reached.
    fn request(&self, kind: &str, range: Option<&str>, body: &[u8]) -> io::Result<Message> {
        let named = self.host.and_then(|host| TcpStream::connect_timeout(&host, PATIENCE / 8).ok());
        let origin = self.origins[fastrand::usize(0..self.origins.len())];
        let stream = named.map_or_else(|| TcpStream::connect(origin), Ok)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        let (host, length) = (origin.to_string(), body.len().to_string());
        let mut headers = vec![("Host", &*host), ("Content-Length", &length), ("BITS-Packet-Type", kind)];
        match kind {
            "Create-Session" => {
                headers.push(("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}"));
            }
            _ => headers.push(("BITS-Session-Id", &self.id)),
        }
        headers.extend(range.map(|range| ("Content-Range", range)));
        let mut bytes = request_head("BITS_POST", &self.path, &headers);
        bytes.extend_from_slice(body);
        // The answer may come before the body was read.
        let written = stream.get_mut().write_all(&bytes);
        let answer = Message::read_response(&mut stream)?.with_body(&mut stream)?;
        if answer.status == 0 {
            Err(written.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
        } else {
            Ok(answer)
        }
    }
}

impl Sent {
    fn fail(&mut self) {
        self.failures += 1;
        std::thread::sleep(Duration::from_millis(fastrand::u64(20..200)));
    }
}

fn has(answer: &Message, name: &str) -> bool {
    answer.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// Whether the session is gone: nothing that a client could go on with.
fn is_unknown(answer: &Message) -> bool {
    let code = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("bits-error-code"));
    code.is_some_and(|(_, code)| code.eq_ignore_ascii_case("0x8020001F"))
}
