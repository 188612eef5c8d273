//! The back-end client: the server's arm that notifies an application of a complete file.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Instant;

use bits_proto::notify::{Notification, Outcome, Output, Reply, State, Transmit};
use bits_proto::server::Refusal;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Response};

use crate::conversation::{Conversation, Party};
use crate::exchange::send;
use crate::http1::{Connection, body_length};

/// Where the files of one notification are.
pub(crate) struct Places<'p> {
    /// The complete file.
    pub(crate) entity: &'p Path,
    /// Where the reply goes, whoever writes it.
    pub(crate) reply: &'p Path,
}

/// Runs one notification to its end.
pub(crate) fn notify(
    mut notification: Notification,
    places: &Places<'_>,
    conversation: &Conversation,
) -> Outcome {
    // A body that is not known to be the reply is stored apart from it.
    let body = places.reply.with_extension("body");
    let mut open = None;
    loop {
        match notification.poll_output() {
            Some(Output::Transmit(transmit)) => {
                conversation.request(Party::Server, Party::Application, &transmit.request);
                open = exchange(&mut notification, &transmit, places.entity);
            }
            Some(Output::FindResponseFile) => {
                notification.handle_response_file(places.reply.exists());
            }
            Some(Output::StoreBody { .. }) => store(&mut notification, open.take(), &body),
            Some(Output::Discard | Output::Abort) => open = None,
            Some(Output::Done(outcome)) => return settle(outcome, &body, places.reply),
            // Nothing to do now: sleep until it has taken too long.
            None => {
                let due = notification.poll_timeout().unwrap_or_else(Instant::now);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                notification.handle_timeout(Instant::now());
            }
        }
    }
}

/// Sends the notification, and tells the head of the answer; the connection, for the body of that.
fn exchange(
    notification: &mut Notification,
    transmit: &Transmit,
    entity: &Path,
) -> Option<(Connection, Response<()>)> {
    let Ok(entity) = File::open(entity) else {
        notification.handle_failure(Refusal::EntityMissing);
        return None;
    };
    let answer = connect(transmit).and_then(|mut connection| {
        send(&mut connection, &transmit.request, &entity)?;
        notification.handle_sent(Instant::now());
        let response = connection.read_response()?;
        Ok((connection, response))
    });
    match answer {
        Ok((connection, response)) => {
            notification.handle_response(Instant::now(), &response);
            Some((connection, response))
        }
        Err(_) => {
            notification.handle_transport_error();
            None
        }
    }
}

fn connect(transmit: &Transmit) -> io::Result<Connection> {
    // The application of this example is at a URL with a port, and without TLS.
    let authority = transmit.request.uri().authority().ok_or(io::ErrorKind::InvalidInput)?;
    let stream = TcpStream::connect(authority.as_str())?;
    // The notification has timers of its own. Here a thread blocks, so its sockets keep the same times.
    stream.set_write_timeout(Some(transmit.send_timeout))?;
    stream.set_read_timeout(Some(transmit.head_timeout))?;
    Connection::new(stream)
}

/// Stores the body of the answer as it arrives.
fn store(notification: &mut Notification, open: Option<(Connection, Response<()>)>, path: &Path) {
    let Some((mut connection, response)) = open else {
        return notification.handle_transport_error();
    };
    let Ok(mut file) = File::create(path) else {
        return notification.handle_failure(Refusal::Internal);
    };
    let Some((length, ends_with_connection)) = length(response.headers()) else {
        return notification.handle_transport_error();
    };
    let mut body = connection.body(length);
    let mut buffer = vec![0; 64 * 1024];
    while notification.state() == State::ReceivingReply {
        match body.read(&mut buffer) {
            Ok(0) if body.broke_off() && !ends_with_connection => {
                notification.handle_transport_error();
            }
            Ok(0) => notification.handle_body_end(),
            Ok(length) if file.write_all(&buffer[..length]).is_ok() => {
                notification.handle_body(length as u64);
            }
            Ok(_) => notification.handle_failure(Refusal::DiskFull),
            Err(_) => notification.handle_transport_error(),
        }
    }
}

/// How long the body is at most, and whether the end of the connection ends it; `None`: it comes in chunks.
fn length(headers: &HeaderMap) -> Option<(u64, bool)> {
    if headers.contains_key(CONTENT_LENGTH) {
        Some((body_length(headers)?, false))
    } else {
        (!headers.contains_key(TRANSFER_ENCODING)).then_some((u64::MAX, true))
    }
}

/// The body becomes the reply if it is, and is deleted if it is not.
fn settle(outcome: Outcome, body: &Path, reply: &Path) -> Outcome {
    if matches!(outcome, Outcome::Taken { reply: Reply::Body(_), .. }) {
        if fs::rename(body, reply).is_err() {
            return Outcome::Failed(bits_proto::notify::Failure::Server(Refusal::Internal));
        }
    } else {
        let _there_is_none = fs::remove_file(body);
    }
    outcome
}
