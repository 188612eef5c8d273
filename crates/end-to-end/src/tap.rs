//! A wire between client and server that is listened to.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One that passes everything on, and notes it down. Its threads end with the test's process.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    connections: Arc<Mutex<Vec<Recording>>>,
}

/// What was said on one connection, in the order in which it was said.
pub type Recording = Arc<Mutex<Vec<(Speaker, Vec<u8>)>>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    Client,
    Server,
}

impl Tap {
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<Vec<Recording>>>::default();
        let all = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(server).unwrap();
                let recording = Recording::default();
                all.lock().unwrap().push(Arc::clone(&recording));
                pass(&client, &server, Speaker::Client, &recording);
                pass(&server, &client, Speaker::Server, &recording);
            }
        });
        Self { address, connections }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every connection so far.
    pub fn connections(&self) -> Vec<Recording> {
        self.connections.lock().unwrap().clone()
    }
}

/// Notes down before it passes on: so an answer comes behind its question.
fn pass(from: &TcpStream, to: &TcpStream, speaker: Speaker, recording: &Recording) {
    to.set_nodelay(true).unwrap();
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let recording = Arc::clone(recording);
    thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            recording.lock().unwrap().push((speaker, bytes[..length].to_vec()));
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _gone_already = to.shutdown(Shutdown::Write);
    });
}
