//! Tells the server application of a complete upload, over HTTP/1.1 without TLS, as IIS does (C48).

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bits_proto::notify::{
    Config, DataFilePath, DataFiles, Delivery, Notification, NotificationType, NotificationUrl, Outcome,
    Output, Reply, iis_reply_url,
};
use bits_proto::packet::Payload;
use bits_proto::server::{Refusal, Report};
use bits_proto::{Guid, InvalidValue};
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::storage::{Storage, refusal, write_all};
use crate::stream;

/// How the server application is told.
pub(crate) struct Notifications {
    pub(crate) notification: NotificationType,
    /// This server, as the application knows it: `http://ADDR:PORT`.
    pub(crate) origin: String,
    /// Whether replies can be fetched here.
    pub(crate) serves: bool,
}

/// Notifies the server application, and says what came of it.
pub(crate) async fn notify(
    notifications: &Option<Notifications>,
    storage: &Arc<Storage>,
    id: Guid,
    target: &Uri,
    size: u64,
) -> Report {
    let failed = Report::Failed { stored: 0, refusal: Refusal::Internal };
    // Without an application the directory says so, and no session asks for it.
    let Some(notifications) = notifications else { return failed };
    let Some(url) = notifications.notification.url() else { return failed };
    let files = Files { entity: storage.part_path(id), reply: storage.reply_path(id) };
    match begin(notifications, url, &files, id, target, size) {
        Ok(notification) => {
            let outcome = Exchange { notification, files, response: None, connection: None }.run().await;
            if let Outcome::Failed(failure) = &outcome {
                tracing::warn!(%failure, %url, "the server application did not take an upload");
            }
            outcome.into()
        }
        Err(error) => {
            tracing::error!(%error, "the server application cannot be notified");
            failed
        }
    }
}

fn begin(
    notifications: &Notifications,
    url: &NotificationUrl,
    files: &Files,
    id: Guid,
    target: &Uri,
    size: u64,
) -> Result<Notification, InvalidValue> {
    let target = target.path_and_query().map_or("/", |target| target.as_str());
    let destination =
        format!("{}{target}", notifications.origin).parse().map_err(|_| InvalidValue::Destination)?;
    let path = |path: &PathBuf| DataFilePath::from_bytes(path.as_os_str().as_encoded_bytes().to_vec());
    let delivery = match notifications.notification {
        NotificationType::ByReference(_) => {
            Delivery::ByReference(DataFiles { request: path(&files.entity)?, response: path(&files.reply)? })
        }
        _ => Delivery::ByValue { size },
    };
    let notification = Notification::new(Instant::now(), url, &destination, delivery, Config::default())?;
    if notifications.serves {
        Ok(notification.with_stored_reply(iis_reply_url(&destination, id)?))
    } else {
        Ok(notification)
    }
}

struct Files {
    entity: PathBuf,
    reply: PathBuf,
}

struct Exchange {
    notification: Notification,
    files: Files,
    response: Option<Response<Incoming>>,
    connection: Option<AbortHandle>,
}

impl Exchange {
    async fn run(mut self) -> Outcome {
        loop {
            match self.notification.poll_output() {
                Some(Output::Transmit(transmit)) => {
                    let Some(sent) =
                        self.in_time(transmit_request(transmit.request, self.files.entity.clone())).await
                    else {
                        continue;
                    };
                    match sent {
                        Ok((response, connection)) => {
                            self.notification.handle_sent(Instant::now());
                            self.notification.handle_response(Instant::now(), &response);
                            (self.response, self.connection) = (Some(response), Some(connection));
                        }
                        Err(error) => {
                            tracing::warn!(%error, "the server application cannot be reached");
                            self.notification.handle_transport_error(Instant::now());
                        }
                    }
                }
                Some(Output::FindResponseFile) => {
                    let exists = self.files.reply.exists();
                    self.notification.handle_response_file(Instant::now(), exists);
                }
                Some(Output::StoreBody { limit }) => self.store_body(limit).await,
                Some(Output::Discard | Output::Abort) => self.close(),
                Some(Output::Done(outcome)) => {
                    self.close();
                    if !matches!(&outcome, Outcome::Taken { reply: Reply::File(_) | Reply::Body(_), .. }) {
                        let _none_was_stored =
                            tokio::task::block_in_place(|| std::fs::remove_file(&self.files.reply));
                    }
                    return outcome;
                }
                None => self.wait().await,
            }
        }
    }

    /// The result of some work, unless a timer of the notification goes off first.
    async fn in_time<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let Some(deadline) = self.notification.poll_timeout() else { return Some(work.await) };
        tokio::select! {
            done = &mut work => Some(done),
            () = tokio::time::sleep_until(deadline.into()) => {
                self.notification.handle_timeout(Instant::now());
                None
            }
        }
    }

    async fn store_body(&mut self, limit: u64) {
        let Some(response) = self.response.take() else { return };
        let store = store_body(response.into_body(), self.files.reply.clone(), limit);
        match self.in_time(store).await {
            None => {}
            Some(Ok(bytes)) => {
                self.notification.handle_body(Instant::now(), bytes);
                self.notification.handle_body_end(Instant::now());
            }
            Some(Err(BodyError::Transport)) => self.notification.handle_transport_error(Instant::now()),
            Some(Err(BodyError::Storage(error))) => {
                self.notification.handle_failure(Instant::now(), refusal(&error));
            }
        }
    }

    fn close(&mut self) {
        self.response = None;
        if let Some(connection) = self.connection.take() {
            connection.abort();
        }
    }

    async fn wait(&mut self) {
        let _timed_out = self.in_time(std::future::pending::<()>()).await;
    }
}

async fn transmit_request(
    request: Request<Payload>,
    entity: PathBuf,
) -> io::Result<(Response<Incoming>, AbortHandle)> {
    let (mut head, payload) = request.into_parts();
    let authority = head.uri.authority().cloned().ok_or(io::ErrorKind::InvalidInput)?;
    if head.uri.scheme_str() != Some("http") {
        return Err(io::Error::other("only http is spoken with server applications"));
    }
    let stream = TcpStream::connect((authority.host(), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let connection = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the server application failed");
        }
    });
    head.headers.insert(HOST, HeaderValue::from_str(authority.as_str()).map_err(io::Error::other)?);
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    head.uri = target.parse().map_err(io::Error::other)?;
    let body = match payload {
        Payload::Empty => Body::empty(),
        Payload::Range(range) => {
            head.headers.insert(CONTENT_LENGTH, (range.end - range.start).into());
            let file = spawn_blocking(move || std::fs::File::open(entity)).await??;
            stream::file(file, range)
        }
    };
    let response = sender.send_request(Request::from_parts(head, body)).await.map_err(io::Error::other)?;
    Ok((response, connection.abort_handle()))
}

enum BodyError {
    Transport,
    Storage(io::Error),
}

/// Stores a body up to one byte more than it may have, which is enough to refuse it.
async fn store_body(mut body: Incoming, path: PathBuf, limit: u64) -> Result<u64, BodyError> {
    let storage = |error: tokio::task::JoinError| BodyError::Storage(error.into());
    let file = spawn_blocking(move || std::fs::File::create(path)).await.map_err(storage)?;
    let file = Arc::new(file.map_err(BodyError::Storage)?);
    let mut at = 0;
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| BodyError::Transport)?.into_data() else { continue };
        let (file, length) = (Arc::clone(&file), chunk.len() as u64);
        let written = spawn_blocking(move || write_all(&file, &[chunk], at).1).await.map_err(storage)?;
        written.map_err(BodyError::Storage)?;
        at += length;
        if at > limit {
            return Ok(at);
        }
    }
    let synced = spawn_blocking(move || file.sync_all()).await.map_err(storage)?;
    synced.map(|()| at).map_err(BodyError::Storage)
}
