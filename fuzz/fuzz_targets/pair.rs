//! Client and server, joined through an arbitrary network.
#![no_main]

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bits_proto::client::{self, Config, Entity, Event, Recovery, Suspend, TransportError, Upload};
use bits_proto::packet::Payload;
use bits_proto::server::{Directory, Exchange, Keep, Output, Report, Sessions};
use bits_proto_fuzz::disk::Disk;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    size: u16,
    fragment: u16,
    restart: bool,
    /// What the server keeps: nothing, records, or records without the offset.
    keep: u8,
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
    /// The server's process is killed within the exchange: after so many steps, the last of which was done and not reported, or
    /// not done at all. It starts again with records of this age in seconds, and perhaps knows what it published.
    Killed {
        steps: u8,
        done: bool,
        age: u16,
        tells: bool,
    },
    Suspended(Suspend),
}

/// More exchanges than any upload of this size takes once the network is well.
const PATIENCE: usize = 100_000;

struct Server {
    directory: Directory,
    sessions: Sessions,
    disk: Disk<()>,
    created: u32,
}

fuzz_target!(|input: Input| {
    let source: Vec<u8> = (0..input.size).map(|at| (at % 251) as u8).collect();
    let keep = [Keep::Nothing, Keep::Records, Keep::RecordsWithoutOffset][usize::from(input.keep % 3)];
    let directory = Directory::builder().keep(keep).build().expect("it makes sense");
    let sessions = Sessions::new(directory.clone());
    let mut server = Server { directory, sessions, disk: Disk::default(), created: 0 };
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
    for (_, published) in &server.disk.published {
        assert!(*published == source, "something else was published");
    }
    // Unconfirmed is what nobody knows: the session was gone when a Close went again (C17).
    if outcome == Some(true) {
        assert_eq!(server.disk.published.len(), 1, "published once");
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
            all.into_iter().for_each(|id| assert!(server.sessions.evict(now, id)));
            server.expire(now);
            let response = server.serve(now, &head, body);
            upload.handle_response(now, id, &response);
        }
        Fate::Killed { steps, done, age, tells } => {
            server.is_killed(now, &head, body, steps % 8, done);
            let age = Duration::from_secs(u64::from(age));
            server.sessions = server.disk.restart(now, server.directory.clone(), age, tells);
            server.expire(now);
            upload.handle_transport_error(now, id, TransportError::Interrupted);
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
        let exchange = self.begin(now, head);
        loop {
            match self.sessions.poll_output(now, exchange).expect("nobody else is at work") {
                Output::Respond(ack) => return ack.to_response(),
                output => {
                    let report = self.work(exchange, &output, body);
                    self.sessions.handle_report(now, exchange, report);
                }
            }
        }
    }

    /// Serves an exchange, and dies after so many steps, before it reports the last of them.
    fn is_killed(&mut self, now: Instant, head: &http::Request<()>, body: &[u8], steps: u8, done: bool) {
        let exchange = self.begin(now, head);
        for step in 0..=steps {
            match self.sessions.poll_output(now, exchange).expect("nobody else is at work") {
                Output::Respond(_) => return,
                output if step == steps => {
                    if done {
                        self.work(exchange, &output, body);
                    }
                }
                output => {
                    let report = self.work(exchange, &output, body);
                    self.sessions.handle_report(now, exchange, report);
                }
            }
        }
    }

    /// Does what no client asked for.
    fn expire(&mut self, now: Instant) {
        while let Some(exchange) = self.sessions.poll_expired(now) {
            loop {
                match self.sessions.poll_output(now, exchange).expect("nobody else is at work") {
                    Output::Done => break,
                    output => {
                        let report = self.work(exchange, &output, &[]);
                        self.sessions.handle_report(now, exchange, report);
                    }
                }
            }
        }
    }

    fn begin(&mut self, now: Instant, head: &http::Request<()>) -> Exchange {
        self.created += 1;
        let mut random = [0; 16];
        random[..4].copy_from_slice(&self.created.to_be_bytes());
        self.sessions.handle_request(now, head, &(), || random).expect("a packet")
    }

    fn work(&mut self, exchange: Exchange, output: &Output, body: &[u8]) -> Report {
        match exchange.session() {
            Some(id) => self.disk.work(id, output, body),
            None => Report::Admitted,
        }
    }
}
