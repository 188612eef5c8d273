//! An async server in any stack whose requests have an [`http_body::Body`]: from the head of a request to its Ack.

use std::io;
use std::sync::Arc;

use bits_proto::server::{Arrival, Directory, Output, Refusal, Report};
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body::Body;

use crate::body;
use crate::folder::{Folder, refusal};
use crate::turns::Turns;

#[derive(Debug)]
pub struct Server {
    directory: Directory,
    turns: Turns,
    folder: Folder,
}

impl Server {
    #[must_use]
    pub fn new(directory: Directory, folder: Folder) -> Arc<Self> {
        Arc::new(Self { turns: Turns::new(directory.clone()), directory, folder })
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
        // 1. What is it?
        let request = match self.directory.decode(head) {
            Ok(request) => request?,
            Err(error) => return Some(error.to_response()),
        };
        // 2. Hand it to its session. Here everybody is one owner; a real server names its authenticated user.
        self.discard_expired().await;
        let arrival = Arrival { request: &request, target: &head.uri, owner: &() };
        let (task, mut output) = self.turns.begin(&arrival);
        let (id, path) = (task.exchange.session(), head.uri.path());
        // 3. Do what the session asks for, and report it, until it responds.
        loop {
            let report = match output {
                Output::Open => report(self.folder.create(id, path).await, Report::Opened),
                Output::Store(store) => match self.folder.open_part(id, store.range.start).await {
                    Ok(file) => body::store(file, &store, body, &task.stop).await,
                    Err(error) => failed(&error),
                },
                Output::Publish => report(self.folder.publish(id, path).await, Report::Published),
                Output::Discard => report(self.folder.discard(id).await, Report::Discarded),
                // This server has no application behind it, and its directory says so: it is never asked.
                Output::Notify => Report::Failed { stored: 0, refusal: Refusal::Internal },
                Output::Abort(_) | Output::Wait => {
                    output = task.wait_for_turn(output).await;
                    continue;
                }
                Output::Respond(ack) => return Some(ack.to_response()),
            };
            output = task.report(report);
        }
    }

    /// With every request is often enough: sessions last for days.
    async fn discard_expired(&self) {
        for session in self.turns.expired() {
            let _goes_at_the_next_start = self.folder.discard(session.id()).await;
        }
    }
}

fn report(done: io::Result<()>, success: Report) -> Report {
    match done {
        Ok(()) => success,
        Err(error) => failed(&error),
    }
}

fn failed(error: &io::Error) -> Report {
    Report::Failed { stored: 0, refusal: refusal(error) }
}
