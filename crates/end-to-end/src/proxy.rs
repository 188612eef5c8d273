//! A proxy between client and server, which misbehaves as told.
//!
//! It speaks HTTP/1.1 on both sides, one request after another, as forward and reverse proxies do. Where the server is not
//! there, or gives no whole answer, the client gets a 502.

mod chaos;
mod fault;
mod relay;

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

pub use chaos::chaos;
pub use fault::{Fault, Page, Seen};

type Script = Box<dyn FnMut(&Seen) -> Fault + Send>;

/// The proxy at work, on threads that end with the test's process.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Proxy {
    /// A proxy to `server`. The script says what happens to each request.
    pub fn start(server: SocketAddr, script: impl FnMut(&Seen) -> Fault + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared =
            Arc::new(Shared { server, script: Mutex::new(Box::new(script)), seen: Mutex::default() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                // Whatever breaks is what the proxy is for.
                thread::spawn(move || drop(relay::relay(&shared, client)));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// How many requests with this packet have come.
    pub fn count(&self, packet: &str) -> usize {
        self.seen().iter().filter(|seen| seen.packet == packet).count()
    }
}

impl Shared {
    /// Notes a request, and decides what happens to it.
    fn fault(&self, method: &str, packet: &str, length: u64) -> Fault {
        let mut all = self.seen.lock().unwrap();
        let nth = 1 + all.iter().filter(|seen| seen.packet == packet).count();
        let seen =
            Seen { number: all.len(), method: method.to_owned(), packet: packet.to_owned(), nth, length };
        all.push(seen.clone());
        drop(all);
        (self.script.lock().unwrap())(&seen)
    }
}
