//! Servers with the habits of foreign ones, as clients have met them. They are written by hand, from those habits, and share
//! nothing with this project's own server.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use http::Request;

use crate::wire::{Connection, header, read_head};

/// A habit of a server, or of a box before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// A fragment that comes again is appended again, whatever its range says.
    AppendsRepeats,
    /// A session ends with the connection that it was opened on.
    SessionsEndWithTheirConnection,
    /// Every Ping is refused with this status, and without an Ack.
    RefusesPings(u16),
    /// A Close that comes again is refused with this status, and an Ack.
    RefusesRepeatedCloses(u16),
    /// Every connection ends behind its answer, without a word.
    HangsUp,
    /// Every connection dies after so many answers: the next request on it is read, and no answer comes (C72).
    Dies(usize),
    /// From the second packet on, every one is redirected with this status.
    Redirects(u16),
}

impl Habit {
    fn redirection(self) -> Option<u16> {
        if let Self::Redirects(status) = self { Some(status) } else { None }
    }
}

/// A server with one habit.
pub struct Emulator {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The bytes of each open session, and the connection that it was opened on.
    sessions: HashMap<String, (Vec<u8>, usize)>,
    published: HashMap<String, Vec<u8>>,
    packets: Vec<String>,
    connections: usize,
    /// Numbers of requests whose answer is lost, counted from 0.
    lost: Vec<usize>,
}

impl Emulator {
    /// Starts a server; the answers of these requests, counted from 0, are lost with their connections.
    pub fn start(habit: Habit, lost: &[usize]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { lost: lost.to_vec(), ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || drop(serve(stream, habit, &state)));
            }
        });
        Self { address, state }
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was published there.
    pub fn published(&self, path: &str) -> Option<Vec<u8>> {
        self.state().published.get(path).cloned()
    }

    /// How many packets of this type came.
    pub fn count(&self, packet: &str) -> usize {
        self.state().packets.iter().filter(|seen| *seen == packet).count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn serve(stream: TcpStream, habit: Habit, state: &Mutex<State>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let number = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.connections
    };
    let mut reader: Connection = BufReader::new(Box::new(stream.try_clone()?));
    let mut answers = 0;
    while let Some(request) = read_head(&mut reader)? {
        let length: u64 = header(&request, "content-length").parse().unwrap_or_default();
        let mut body = Vec::new();
        reader.by_ref().take(length).read_to_end(&mut body)?;
        if habit == Habit::Dies(answers) {
            return stream.shutdown(Shutdown::Both);
        }
        answers += 1;
        let (answer, is_lost) = answer(&request, body, habit, number, &mut state.lock().unwrap());
        if is_lost {
            return stream.shutdown(Shutdown::Both);
        }
        (&stream).write_all(answer.as_bytes())?;
        if habit == Habit::HangsUp {
            return stream.shutdown(Shutdown::Both);
        }
    }
    if habit == Habit::SessionsEndWithTheirConnection {
        state.lock().unwrap().sessions.retain(|_, (_, connection)| *connection != number);
    }
    Ok(())
}

fn answer(
    request: &Request<()>,
    body: Vec<u8>,
    habit: Habit,
    connection: usize,
    state: &mut State,
) -> (String, bool) {
    let ack = |status: u16, headers: &str| {
        format!("HTTP/1.1 {status} x\r\nBITS-Packet-Type: Ack\r\nContent-Length: 0\r\n{headers}\r\n")
    };
    let not_found = || ack(500, "BITS-Error: 0x8020001F\r\nBITS-Error-Context: 0x5\r\n");
    let packet = header(request, "bits-packet-type").to_owned();
    let id = header(request, "bits-session-id").to_owned();
    let number = state.packets.len();
    state.packets.push(packet.clone());
    let answer = match packet.as_str() {
        _ if number > 0 && habit.redirection().is_some() => {
            let status = habit.redirection().unwrap();
            format!(
                "HTTP/1.1 {status} x\r\nLocation: https://new.example/b?token=1\r\nContent-Length: 0\r\n\r\n"
            )
        }
        "Create-Session" => {
            let id = format!("{{00000000-0000-4000-8000-{number:012X}}}");
            state.sessions.insert(id.clone(), (Vec::new(), connection));
            let protocol = "BITS-Protocol: {7df0354d-249b-430f-820d-3d2a9bef4931}\r\n";
            ack(200, &format!("{protocol}BITS-Session-Id: {id}\r\n"))
        }
        "Ping" => match habit {
            Habit::RefusesPings(status) => format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n"),
            _ => ack(200, ""),
        },
        "Fragment" => match state.sessions.get_mut(&id) {
            None => not_found(),
            Some((bytes, _)) => {
                let start = header(request, "content-range").trim_start_matches("bytes ");
                let start: usize = start.split('-').next().unwrap().parse().unwrap();
                let received = start + body.len();
                if habit == Habit::AppendsRepeats {
                    bytes.extend(body);
                    ack(200, &format!("BITS-Received-Content-Range: {received}\r\n"))
                } else if start > bytes.len() {
                    ack(416, &format!("BITS-Received-Content-Range: {}\r\n", bytes.len()))
                } else {
                    let new = body.get(bytes.len() - start..).unwrap_or_default();
                    bytes.extend_from_slice(new);
                    ack(200, &format!("BITS-Received-Content-Range: {}\r\n", bytes.len()))
                }
            }
        },
        "Close-Session" => match (state.sessions.remove(&id), habit) {
            (Some((bytes, _)), _) => {
                state.published.insert(request.uri().path().to_owned(), bytes);
                ack(200, "")
            }
            (None, Habit::RefusesRepeatedCloses(status)) => ack(status, ""),
            (None, _) => not_found(),
        },
        _ => {
            state.sessions.remove(&id);
            ack(200, "")
        }
    };
    (answer, state.lost.contains(&number))
}
