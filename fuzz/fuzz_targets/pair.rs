//! Client and server, joined through an arbitrary network.
#![no_main]

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bits_proto::client::{self, Config, Entity, Event, Recovery, Suspend, TransportError, Upload};
use bits_proto::packet::Payload;
use bits_proto::server::{self, Arrival, Directory, Report, Sessions, Store};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    size: u16,
    fragment: u16,
    restart: bool,
    fates: Vec<Fate>,
}

/// What becomes of one exchange.
#[derive(Arbitrary, Debug, Clone, Copy)]
enum Fate {
    Arrives,
    /// The request never leaves.
    Unsent,
    /// The request's body breaks off after so many bytes.
    Cut(u16),
    /// The answer is lost.
    Lost,
    /// The request arrives twice.
    Twice,
    /// Something in between answers.
    Proxy(u16),
    /// The server forgets the session.
    Forgotten,
    Suspended(Suspend),
}

/// More exchanges than any upload of this size takes once the network is well.
const PATIENCE: usize = 100_000;

struct Server {
    sessions: Sessions,
    stored: Vec<u8>,
    published: Vec<Vec<u8>>,
    random: u8,
}

fuzz_target!(|input: Input| {
    let source: Vec<u8> = (0..input.size).map(|at| (at % 251) as u8).collect();
    let mut server = Server {
        sessions: Sessions::new(Directory::default()),
        stored: Vec::new(),
        published: Vec::new(),
        random: 0,
    };
    let config = Config::builder()
        .fragment_size(u64::from(input.fragment).max(1 + u64::from(input.size) / 100))
        .recovery(if input.restart { Recovery::Restart } else { Recovery::Resend })
        .build()
        .expect("it makes sense");
    let mut now = Instant::now();
    let destination = "http://server/a".parse().expect("a URL");
    let entity = Entity::new(u64::from(input.size)).expect("small enough");
    let mut upload = Upload::new(now, destination, entity, config).expect("a good destination");
    let mut fates = input.fates.iter().copied().take(200).chain(std::iter::repeat_n(Fate::Arrives, PATIENCE));
    let outcome = loop {
        let Some(output) = upload.poll_output() else {
            if upload.state() == client::State::Suspended {
                upload.resume(now).expect("it is suspended");
                continue;
            }
            now = now.max(upload.poll_timeout().expect("it waits for a timer"));
            upload.handle_timeout(now);
            continue;
        };
        match output {
            client::Output::Transmit(transmit) => {
                let fate = fates.next().expect("the upload ends");
                now += Duration::from_millis(10);
                deliver(fate, now, &mut upload, &mut server, transmit, &source);
            }
            client::Output::Event(Event::Completed { confirmed }) => break Some(confirmed),
            client::Output::Event(Event::Failed(_)) => break None,
            client::Output::Event(_) | client::Output::Abort(_) => {}
        }
    };
    for published in &server.published {
        assert!(*published == source, "something else was published");
    }
    // Unconfirmed is what nobody knows: the session was gone when a Close went again (C17).
    if outcome == Some(true) {
        assert_eq!(server.published.len(), 1, "published once");
    }
});

fn deliver(
    fate: Fate,
    now: Instant,
    upload: &mut Upload,
    server: &mut Server,
    transmit: client::Transmit,
    source: &[u8],
) {
    let id = transmit.id;
    let (parts, payload) = transmit.request.into_parts();
    let body = match payload {
        Payload::Empty => &[][..],
        Payload::Range(range) => &source[range.start as usize..range.end as usize],
    };
    let head = http::Request::from_parts(parts, ());
    match fate {
        Fate::Unsent => upload.handle_transport_error(now, id, TransportError::Unsent),
        Fate::Cut(bytes) if !body.is_empty() => {
            server.serve(now, &head, &body[..usize::from(bytes) % body.len()]);
            upload.handle_transport_error(now, id, TransportError::Interrupted);
        }
        Fate::Lost => {
            server.serve(now, &head, body);
            upload.handle_transport_error(now, id, TransportError::Interrupted);
        }
        Fate::Twice => {
            server.serve(now, &head, body);
            let response = server.serve(now, &head, body);
            upload.handle_response(now, id, &response);
        }
        Fate::Proxy(status) => match http::Response::builder().status(status).body(()) {
            Ok(page) if !page.status().is_informational() => {
                // A proxy that says "created" or "closed" in the server's place lies, and nobody can tell.
                let lies =
                    page.status().is_success() && head.headers()["bits-packet-type"] == "Close-Session";
                if lies || page.status() == 401 || page.status() == 407 {
                    return upload.handle_transport_error(now, id, TransportError::Interrupted);
                }
                upload.handle_response(now, id, &page);
            }
            _ => upload.handle_transport_error(now, id, TransportError::Interrupted),
        },
        Fate::Suspended(how) => {
            let _ = upload.suspend(now, how);
            let response = server.serve(now, &head, body);
            upload.handle_response(now, id, &response);
        }
        Fate::Forgotten => {
            let all: Vec<_> = server.sessions.iter().map(|session| session.id()).collect();
            all.into_iter().for_each(|id| drop(server.sessions.evict(id)));
            let response = server.serve(now, &head, body);
            upload.handle_response(now, id, &response);
        }
        Fate::Arrives | Fate::Cut(_) => {
            let response = server.serve(now, &head, body);
            upload.handle_response(now, id, &response);
        }
    }
}

impl Server {
    /// Serves one exchange whose body is, or breaks off as, `body`.
    fn serve(&mut self, now: Instant, head: &http::Request<()>, body: &[u8]) -> http::Response<()> {
        let request = match self.sessions.directory().decode(head) {
            Ok(request) => request.expect("a packet"),
            Err(error) => return error.to_response(),
        };
        let arrival = Arrival { request: &request, target: head.uri(), owner: &() };
        self.random = self.random.wrapping_add(1);
        let random = [self.random; 16];
        let (exchange, mut output) = self.sessions.handle_request(now, &arrival, || random);
        loop {
            let report = match output {
                server::Output::Open => {
                    self.stored.clear();
                    Report::Opened
                }
                server::Output::Store(store) => Report::Stored(self.store(&store, body)),
                server::Output::Publish => {
                    self.published.push(self.stored.clone());
                    Report::Published
                }
                server::Output::Discard => Report::Discarded,
                server::Output::Respond(ack) => return ack.to_response(),
                other => unreachable!("one exchange at a time needs no {other:?}"),
            };
            output = self.sessions.handle_report(now, exchange, report);
        }
    }

    fn store(&mut self, store: &Store, body: &[u8]) -> u64 {
        assert_eq!(self.stored.len() as u64, store.range.start, "a hole, or bytes that are overwritten");
        let new = body.get(store.skip as usize..).unwrap_or_default();
        let new = &new[..new.len().min((store.range.end - store.range.start) as usize)];
        self.stored.extend_from_slice(new);
        new.len() as u64
    }
}
