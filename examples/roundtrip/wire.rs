//! A network that fails: passes connections on to the server, and cuts the first one off.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::conversation::Conversation;

/// Starts the wire. After `cut_after` bytes from the client its first connection breaks; later ones never do.
pub(crate) fn start(
    server: SocketAddr,
    cut_after: u64,
    conversation: Arc<Conversation>,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let mut limit = cut_after;
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(server) else { continue };
            for stream in [&client, &server] {
                let _slower = stream.set_nodelay(true);
            }
            join(Arc::new(client), Arc::new(server), limit, Arc::clone(&conversation));
            limit = u64::MAX;
        }
    });
    Ok(address)
}

fn join(client: Arc<TcpStream>, server: Arc<TcpStream>, limit: u64, conversation: Arc<Conversation>) {
    let (back, front) = (Arc::clone(&server), Arc::clone(&client));
    thread::spawn(move || {
        let passed = io::copy(&mut (&*client).take(limit), &mut &*server).unwrap_or_default();
        if passed == limit {
            conversation.note("the connection breaks");
        }
        close(&client, &server);
    });
    thread::spawn(move || {
        let _passed = io::copy(&mut &*back, &mut &*front);
        close(&front, &back);
    });
}

/// Ends both copies: what was passed on still arrives, and nothing else does.
fn close(one: &TcpStream, other: &TcpStream) {
    for stream in [one, other] {
        let _closed_already = stream.shutdown(Shutdown::Both);
    }
}
