//! Boxes in between, and ports with another language.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Something that serves each connection in this way. Returns its port.
pub(crate) fn serve(behave: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let behave = Arc::new(behave);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behave = Arc::clone(&behave);
            thread::spawn(move || behave(stream));
        }
    });
    port
}

/// Something that reads a request and answers this to each, whatever it is. Returns its port.
pub(crate) fn box_in_between(answer: &'static [u8]) -> u16 {
    serve(move |mut stream| {
        let mut head = [0; 4096];
        while matches!(stream.read(&mut head), Ok(1..)) && stream.write_all(answer).is_ok() {}
    })
}

/// The heads that a proxy has seen.
type Heads = Arc<Mutex<Vec<String>>>;

/// A proxy that digs tunnels for whoever shows these credentials. Returns its address, and the heads that it has seen.
pub(crate) fn proxy(wanted: &'static str) -> (String, Heads) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let port = serve(move |mut stream| {
        while let Ok(head) = read_head(&mut stream) {
            seen.lock().unwrap().push(head.clone());
            if !head.contains(&format!("\r\nProxy-Authorization: {wanted}\r\n")) {
                let answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 4\r\n\r\npage";
                stream.write_all(answer.as_bytes()).unwrap();
                continue;
            }
            let target = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let (mut there, mut back) = (target.try_clone().unwrap(), stream.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut &target, &mut back));
            let _ended = io::copy(&mut stream, &mut there);
            return;
        }
    });
    (format!("http://127.0.0.1:{port}"), heads)
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}
