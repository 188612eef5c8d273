//! A server application: told of complete uploads, and answering them.

use std::io::{self, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use testing::http1::Message;

/// The application at work, on threads that end with the test's process.
#[derive(Debug)]
pub struct Application {
    url: String,
    seen: Arc<Mutex<Vec<Message>>>,
}

/// What it says to an upload: the status, more headers with CRLF behind each, and the body.
type Answer = (u16, &'static str, Vec<u8>);

impl Application {
    pub fn start(answer: impl Fn(&Message) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/notify", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::default());
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for server in listener.incoming().flatten() {
                let _server_is_gone = converse(server, &answer, &noted);
            }
        });
        Self { url, seen }
    }

    /// What `--notification-url` names.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every notification so far.
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }
}

fn converse(
    server: TcpStream,
    answer: impl Fn(&Message) -> Answer,
    seen: &Mutex<Vec<Message>>,
) -> io::Result<()> {
    let mut server = BufReader::new(server);
    while let Some(notification) = Message::read_request(&mut server)? {
        let notification = notification.with_body(&mut server)?;
        let (status, headers, body) = answer(&notification);
        seen.lock().unwrap().push(notification);
        let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        server.get_mut().write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}
