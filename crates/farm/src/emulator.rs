//! The program of a store that is only like one: it is started for a test, and ends with it.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testing::http1::Message;
use testing::machine::free_address;

/// How long it may take to start. The machine may be busy with much else.
const DEADLINE: Duration = Duration::from_secs(60);

/// A program that listens at an address of its own.
#[derive(Debug)]
pub(crate) struct Emulator {
    server: Child,
    pub(crate) address: SocketAddr,
}

impl Emulator {
    /// Starts a program that is told where to listen, and waits until it does.
    ///
    /// # Panics
    /// It does not start.
    pub(crate) fn start(command: impl FnOnce(SocketAddr) -> Command) -> Self {
        let address = free_address();
        let mut command = command(address);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let emulator = Self { server, address };
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        emulator
    }

    /// Sends a request that asks for its connection to be closed, and reads the answer.
    pub(crate) fn ask(&self, request: &[u8]) -> Message {
        let mut stream = BufReader::new(TcpStream::connect(self.address).unwrap());
        stream.get_mut().write_all(request).unwrap();
        Message::read_response(&mut stream).unwrap().with_body(&mut stream).unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _dead_already = self.server.kill();
        let _reaped_already = self.server.wait();
    }
}
