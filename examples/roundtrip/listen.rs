//! The serving half of an HTTP library: a thread for every connection, which answers its requests one after another.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bits_proto::limits::MAX_FRAGMENT_SIZE;
use http::{Request, Response};

use crate::http1::{Body, Connection, body_length, is_last};

/// How long a connection may be silent: a client that is gone must not hold its thread for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// Answers every request that arrives, on threads of its own. `answer` gets the request's head, its body, and the connection
/// that brings it; where it has no answer, the connection is closed.
pub(crate) fn serve<A>(listener: TcpListener, answer: A)
where
    A: Fn(&Request<()>, &mut Body<'_>, &Arc<TcpStream>) -> Option<Response<()>> + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // A connection that fails is the client's loss, and its retry.
            thread::spawn(move || serve_connection(stream, &*answer));
        }
    });
}

fn serve_connection(
    stream: TcpStream,
    answer: impl Fn(&Request<()>, &mut Body<'_>, &Arc<TcpStream>) -> Option<Response<()>>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let shared = Arc::new(stream.try_clone()?);
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.read_request()? {
        let length = body_length(request.headers());
        let mut body = connection.body(length.unwrap_or_default());
        let Some(response) = answer(&request, &mut body, &shared) else { return Ok(()) };
        let unread = body.remaining();
        let last = length.is_none()
            || body.broke_off()
            || unread > MAX_FRAGMENT_SIZE
            || is_last(request.version(), request.headers());
        connection.write_response(&response, last)?;
        if last {
            return Ok(());
        }
        // The body of a refused fragment stands before the next request.
        io::copy(&mut connection.body(unread), &mut io::sink())?;
    }
    Ok(())
}

/// The answer to a request that is not of this protocol.
pub(crate) fn not_found() -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = http::StatusCode::NOT_FOUND;
    response.headers_mut().extend([(http::header::CONTENT_LENGTH, 0.into())]);
    response
}
