//! An async server in any stack whose requests have an [`http_body::Body`]: from the head of a request to its Ack.

use std::sync::Arc;
use std::time::Instant;

use bits_http::tasks::{Task, Tasks};
use bits_proto::packet::Ack;
use bits_proto::server::{
    DirectoryBuilder, InvalidDirectory, Keep, Output, Refusal, Report, Sessions,
};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Empty;

use crate::body;
use crate::folder::Folder;

#[derive(Debug)]
pub struct Server {
    tasks: Tasks,
    folder: Folder,
}

impl Server {
    /// The sessions of this example end with its process: it keeps no records of them.
    ///
    /// # Errors
    /// The directory makes no sense.
    pub fn new(directory: DirectoryBuilder, folder: Folder) -> Result<Arc<Self>, InvalidDirectory> {
        let sessions = Sessions::new(directory.keep(Keep::Nothing).build()?);
        Ok(Arc::new(Self {
            tasks: Tasks::new(sessions, Instant::now),
            folder,
        }))
    }

    /// Answers a request; `None`: it is not of this protocol.
    ///
    /// In a task of its own: when a connection breaks, its handler is dropped wherever it stands, but what is under way
    /// with an upload must come to its end and be reported.
    pub async fn respond<B>(self: Arc<Self>, request: Request<B>) -> Option<Response<()>>
    where
        B: Body<Data: Send, Error: Send> + Send + Unpin + 'static,
    {
        let task = tokio::spawn(async move {
            let (head, mut body) = request.into_parts();
            let response = self.exchange(&head, &mut body).await;
            // A client that waits for `100 Continue` keeps its body.
            if !head.headers.contains_key(header::EXPECT) {
                body::drain(&mut body).await;
            }
            response
        });
        task.await.unwrap_or_else(|_panicked| {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Some(response)
        })
    }

    async fn exchange(&self, head: &Parts, body: &mut (impl Body + Unpin)) -> Option<Response<()>> {
        self.discard_expired().await;
        // Here everybody is one owner; a real server names its authenticated user.
        let task = self.tasks.begin(head, &(), randomness)?;
        let ack = self.drive(&task, head.uri.path(), body).await?;
        Some(ack.to_response())
    }

    /// Does what a session asks for, and reports it, until the exchange is over.
    async fn drive(
        &self,
        task: &Task,
        path: &str,
        body: &mut (impl Body + Unpin),
    ) -> Option<Ack<'static>> {
        loop {
            let report = match task.next().await {
                Output::Respond(ack) => return Some(ack),
                Output::Done => return None,
                // Everybody may upload.
                Output::Admit => Report::Admitted,
                output => self
                    .step(task, output, path, body)
                    .await
                    .unwrap_or_else(Report::Failed),
            };
            task.report(report);
        }
    }

    /// One step of a session's work.
    async fn step(
        &self,
        task: &Task,
        output: Output,
        path: &str,
        body: &mut (impl Body + Unpin),
    ) -> Result<Report, Refusal> {
        let id = task.exchange().session().ok_or(Refusal::Internal)?;
        match output {
            Output::Open => self.folder.create(id, path).await,
            Output::Store(store) => {
                let file = self.folder.open_part(id, store.range().start).await?;
                body::store(file, store, body, task).await
            }
            Output::Publish { .. } => self.folder.publish(id, path).await,
            Output::Discard => self.folder.discard(id).await,
            // This server has no application and keeps no records, and its directory says so: it is never asked.
            _ => Err(Refusal::Internal),
        }
    }

    /// With every request is often enough: sessions last for days.
    async fn discard_expired(&self) {
        while let Some(task) = self.tasks.expired() {
            // No body comes, and nothing is published.
            self.drive(&task, "/", &mut Empty::<Bytes>::new()).await;
        }
    }
}

/// Whoever guesses a session's id can write into the session.
fn randomness() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system has randomness");
    bytes
}
