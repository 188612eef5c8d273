//! One connection of a client, from its first request to its end.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use testing::http1::Message;
use testing::machine::DEADLINE;

use super::Shared;
use super::fault::{Fault, Page};

/// A connection to the server, or from the client.
type Stream = BufReader<TcpStream>;

/// Why a connection goes no further.
enum End {
    /// The client is gone, or has to go.
    Client,
    /// The server gave no whole answer.
    Server,
}

pub(super) fn relay(shared: &Shared, client: TcpStream) -> io::Result<()> {
    let mut client = stream(client)?;
    let mut server = None;
    while let Some(request) = Message::read_request(&mut client)? {
        let fault = shared.fault(&request.method, request.header("bits-packet-type"), request.length());
        match exchange(shared, &request, fault, &mut client, &mut server) {
            Ok(answer) => client.get_mut().write_all(&answer)?,
            Err(End::Server) => {
                server = None;
                client.get_mut().write_all(&Page::BAD_GATEWAY.to_bytes())?;
            }
            Err(End::Client) => break,
        }
    }
    let _both_end = server.map(|server| server.get_ref().shutdown(Shutdown::Both));
    client.get_ref().shutdown(Shutdown::Both)
}

/// Leads one request to its answer.
fn exchange(
    shared: &Shared,
    request: &Message,
    fault: Fault,
    client: &mut Stream,
    server: &mut Option<Stream>,
) -> Result<Vec<u8>, End> {
    let length = request.length();
    match fault {
        Fault::Answer(page) => {
            skip(client, length)?;
            Ok(page.to_bytes())
        }
        Fault::CutRequest(bytes) => {
            send(shared, server, request, &mut client.take(bytes.min(length)))?;
            Err(End::Client)
        }
        Fault::TruncateRequest(bytes) => {
            let passed = bytes.min(length);
            let sent = send(shared, server, request, &mut client.take(passed));
            skip(client, length - passed)?;
            sent.and(Err(End::Server))
        }
        Fault::Repeat => {
            let mut body = Vec::new();
            client.take(length).read_to_end(&mut body).map_err(|_| End::Client)?;
            send(shared, server, request, &mut &*body)?;
            receive(server)?;
            send(shared, server, request, &mut &*body)?;
            receive(server)
        }
        Fault::Pass | Fault::CutResponse | Fault::TruncateResponse(_) | Fault::Delay(_) => {
            let sent = send(shared, server, request, &mut client.take(length));
            if let Ok(sent) = sent {
                if sent < length {
                    return Err(End::Client);
                }
            }
            let answer = receive(server)?;
            match fault {
                Fault::CutResponse => return Err(End::Client),
                Fault::TruncateResponse(bytes) => {
                    let bytes = bytes.min(answer.len() - 1);
                    let _client_may_be_gone = client.get_mut().write_all(&answer[..bytes]);
                    return Err(End::Client);
                }
                Fault::Delay(time) => thread::sleep(time),
                _ => {}
            }
            Ok(answer)
        }
    }
}

/// Passes a request on, and says how much body there was.
fn send(
    shared: &Shared,
    server: &mut Option<Stream>,
    request: &Message,
    body: &mut impl Read,
) -> Result<u64, End> {
    if server.is_none() {
        let connected = TcpStream::connect(shared.server).and_then(stream);
        *server = connected.ok();
    }
    let sent = match server {
        Some(server) => {
            let server = server.get_mut();
            server.write_all(&request.head).and_then(|()| io::copy(body, server))
        }
        None => Err(io::ErrorKind::NotConnected.into()),
    };
    sent.map_err(|_| {
        // The client hears of it once all that it sends has been read.
        let _client_may_be_gone = io::copy(body, &mut io::sink());
        End::Server
    })
}

/// The whole answer of the server.
fn receive(server: &mut Option<Stream>) -> Result<Vec<u8>, End> {
    let server = server.as_mut().ok_or(End::Server)?;
    let answer = Message::read_response(server).and_then(|answer| answer.with_body(server));
    let answer = answer.map_err(|_| End::Server)?;
    Ok([answer.head, answer.body].concat())
}

/// Reads what goes no further.
fn skip(client: &mut Stream, bytes: u64) -> Result<(), End> {
    match io::copy(&mut client.take(bytes), &mut io::sink()) {
        Ok(skipped) if skipped == bytes => Ok(()),
        _ => Err(End::Client),
    }
}

fn stream(stream: TcpStream) -> io::Result<Stream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(BufReader::new(stream))
}
