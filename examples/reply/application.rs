//! The server application: answers every file with its bytes inverted.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bits_proto::notify::{Application, DataFiles, Delivery, NotificationRequest, NotificationResponse};
use bits_proto::packet::Payload;
use http::{Request, Response, StatusCode};

use crate::conversation::{Conversation, Party};
use crate::files::random_number;
use crate::http1::{Body, Connection};
use crate::inverted::Inverted;

/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct InvertingApplication {
    folder: PathBuf,
    conversation: Arc<Conversation>,
}

impl InvertingApplication {
    pub(crate) fn create(folder: PathBuf, conversation: Arc<Conversation>) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        Ok(Self { folder, conversation })
    }

    /// Starts the application on threads of its own.
    pub(crate) fn start(self) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let application = Arc::new(self);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let application = Arc::clone(&application);
                // What fails here, the server learns from the connection.
                thread::spawn(move || application.serve(stream));
            }
        });
        Ok(address)
    }

    /// One notification, and the end of its connection.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let mut connection = Connection::new(stream)?;
        let Some(request) = connection.read_request()? else { return Ok(()) };
        let reply = self.folder.join(format!("{:016x}", random_number()));
        let response = self.answer(&request, &mut connection, &reply);
        self.conversation.response(Party::Application, Party::Server, &response);
        connection.write_response(&response, true)?;
        if let Payload::Range(_) = response.body() {
            io::copy(&mut File::open(&reply)?, &mut connection.stream())?;
            fs::remove_file(&reply)?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request<()>, connection: &mut Connection, reply: &Path) -> Response<Payload> {
        // 1. What is it?
        let notification = match Application::default().read(request) {
            Ok(Some(notification)) => notification,
            Ok(None) => return not_a_notification(),
            Err(error) => return error.to_response(),
        };
        // 2. Work on the file. To answer is to say that this is finished.
        let answer = match &notification.delivery {
            Delivery::ByValue { size } => invert_body(&notification, &mut connection.body(*size), reply),
            Delivery::ByReference(files) => invert_file(&notification, files),
        };
        // 3. Say what came of it. After a 500 the server comes back when its client does.
        answer.unwrap_or_else(|_| refusal(&notification)).to_response()
    }
}

/// By value: the reply is the body of the answer, and the file shall be published.
fn invert_body(
    notification: &NotificationRequest<'_>,
    body: &mut Body<'_>,
    reply: &Path,
) -> Result<NotificationResponse<'static>, Box<dyn Error>> {
    let size = io::copy(&mut Inverted(&mut *body), &mut File::create_new(reply)?)?;
    if body.broke_off() {
        return Err("the body is not whole".into());
    }
    Ok(notification.reply_in_body(size)?.and_copy_to_destination())
}

/// By reference: the reply goes into the response file, and the file need not be kept.
///
/// An application reads and writes where a notification says: it must take them from its own server alone. That this one
/// listens to this machine alone is enough for an example.
fn invert_file(
    notification: &NotificationRequest<'_>,
    files: &DataFiles<'_>,
) -> Result<NotificationResponse<'static>, Box<dyn Error>> {
    let entity = files.request.as_str().ok_or("a path that is not in UTF-8")?;
    let reply = files.response.as_str().ok_or("a path that is not in UTF-8")?;
    io::copy(&mut Inverted(File::open(entity)?), &mut File::create_new(reply)?)?;
    Ok(notification.reply_in_file()?)
}

fn refusal(notification: &NotificationRequest<'_>) -> NotificationResponse<'static> {
    let refusal = notification.refuse(StatusCode::INTERNAL_SERVER_ERROR, None);
    refusal.unwrap_or_else(|_| unreachable!("500 is the status of an error"))
}

fn not_a_notification() -> Response<Payload> {
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().extend([(http::header::CONTENT_LENGTH, 0.into())]);
    response
}
