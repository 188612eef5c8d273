//! Tells the server application of a complete upload: `bits_proto::notify`, driven to its end.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bits_proto::Guid;
use bits_proto::InvalidValue;
use bits_proto::notify::{
    Config, DataFilePath, DataFiles, Delivery, Notification, NotificationType, NotificationUrl, Outcome,
    Output, Reply, Transmit, iis_reply_url,
};
use bits_proto::server::{Refusal, Report};
use http::Response;
use http::request::Parts;
use reqwest::{Body, Client};
use tokio::sync::oneshot;

use crate::application::{self, BodyError};
use crate::origin::Origin;
use crate::refusal::refusal;
use crate::storage::Storage;

/// How the server application is told.
pub(crate) struct Notifications {
    pub(crate) notification: NotificationType,
    pub(crate) client: Client,
    /// This server, as the application shall know it.
    pub(crate) origin: Origin,
    /// Whether replies can be fetched here.
    pub(crate) serves: bool,
}

/// Notifies the server application, and says what came of it.
pub(crate) async fn notify(
    notifications: &Option<Notifications>,
    storage: &Arc<Storage>,
    id: Guid,
    head: &Parts,
    size: u64,
) -> Report {
    let failed = Report::Failed { stored: 0, refusal: Refusal::Internal };
    // Without an application the directory says so, and no session asks for it.
    let Some(notifications) = notifications else { return failed };
    let Some(url) = notifications.notification.url() else { return failed };
    let files = Files { entity: storage.part_path(id), reply: storage.reply_path(id) };
    match begin(notifications, url, &files, id, head, size) {
        Ok(notification) => {
            let client = notifications.client.clone();
            let outcome = Exchange { notification, client, files, body: None }.run().await;
            if let Outcome::Failed(failure) = &outcome {
                // Not where it listens: the query may be what lets somebody in.
                tracing::warn!(%failure, "the server application did not take an upload");
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
    head: &Parts,
    size: u64,
) -> Result<Notification, InvalidValue> {
    let destination = notifications.origin.url(head).map_err(|_| InvalidValue::Destination)?;
    let path = |path: &PathBuf| DataFilePath::from_bytes(path.as_os_str().as_encoded_bytes().to_vec());
    let delivery = match notifications.notification {
        NotificationType::ByReference(_) => {
            Delivery::ByReference(DataFiles { request: path(&files.entity)?, response: path(&files.reply)? })
        }
        _ => Delivery::ByValue { size },
    };
    let notification = Notification::new(Instant::now(), url, &destination, delivery, Config::default())?;
    if notifications.serves {
        Ok(notification.with_stored_reply(iis_reply_url(id)))
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
    client: Client,
    files: Files,
    /// Of the application's answer. Dropped, it takes the connection with it.
    body: Option<Body>,
}

impl Exchange {
    async fn run(mut self) -> Outcome {
        loop {
            match self.notification.poll_output() {
                Some(Output::Transmit(transmit)) => self.transmit(transmit).await,
                Some(Output::FindResponseFile) => {
                    let exists = tokio::task::block_in_place(|| self.files.reply.exists());
                    self.notification.handle_response_file(exists);
                }
                Some(Output::StoreBody { limit }) => self.store_body(limit).await,
                Some(Output::Discard | Output::Abort) => self.body = None,
                Some(Output::Done(outcome)) => {
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

    async fn transmit(&mut self, transmit: Transmit) {
        let (sent, mut is_sent) = oneshot::channel();
        let entity = self.files.entity.clone();
        let mut answer = pin!(application::send(self.client.clone(), transmit.request, entity, sent));
        // The application has its own time, from here on.
        let first = self.in_time(async {
            tokio::select! {
                Ok(()) = &mut is_sent => None,
                answer = &mut answer => Some(answer),
            }
        });
        let answer = match first.await {
            None => return,
            Some(Some(answer)) => Some(answer),
            Some(None) => {
                self.notification.handle_sent(Instant::now());
                self.in_time(answer).await
            }
        };
        match answer {
            None => {}
            Some(Ok(response)) => self.answered(response),
            Some(Err(error)) => {
                tracing::warn!(%error, "the server application cannot be reached");
                self.notification.handle_transport_error();
            }
        }
    }

    fn answered(&mut self, response: Response<Body>) {
        self.notification.handle_response(Instant::now(), &response);
        self.body = Some(response.into_body());
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
        let Some(body) = self.body.take() else { return };
        match self.in_time(application::store_body(body, self.files.reply.clone(), limit)).await {
            None => {}
            Some(Ok(bytes)) => {
                self.notification.handle_body(bytes);
                self.notification.handle_body_end();
            }
            Some(Err(BodyError::Transport)) => self.notification.handle_transport_error(),
            Some(Err(BodyError::Storage(error))) => {
                self.notification.handle_failure(refusal(&error));
            }
        }
    }

    async fn wait(&mut self) {
        let _timed_out = self.in_time(std::future::pending::<()>()).await;
    }
}
