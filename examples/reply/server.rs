//! The upload server, with an application behind it.

use std::error::Error;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bits_proto::notify::{
    Config, DataFilePath, DataFiles, Delivery, Notification, NotificationType, iis_reply_url,
};
use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Keep, Output, Refusal, Report};
use bits_proto::{Guid, ReplyUrl};
use http::{Request, Response, Uri};

use crate::back_end::{self, Places};
use crate::conversation::{Conversation, Party};
use crate::listen;
use crate::replies::Replies;
use crate::storage::Storage;
use crate::turns::{Task, Turns};

/// What IIS tells in `upload-reply/02-create-session.ack`.
const HOST_ID_FALLBACK_TIMEOUT: Duration = Duration::from_secs(110);

/// What a server is made of.
pub(crate) struct Server {
    pub(crate) notification: NotificationType,
    pub(crate) storage: Storage,
    pub(crate) replies: Arc<Replies>,
    /// Where those are served.
    pub(crate) reply_server: SocketAddr,
    pub(crate) conversation: Arc<Conversation>,
}

/// A server at work.
struct Running {
    server: Server,
    /// Where it listens. What a client calls it in `Host` does not matter.
    address: SocketAddr,
    turns: Turns,
}

impl Server {
    /// Starts the server on threads of its own.
    pub(crate) fn start(self) -> Result<SocketAddr, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        // The rest of a session goes to a host that the server names: here itself, under another name.
        let host = format!("localhost:{}", address.port()).parse()?;
        let directory = Directory::builder()
            .notification(self.notification.clone())
            .host(host, Some(HOST_ID_FALLBACK_TIMEOUT))
            .keep(Keep::Nothing)
            .build()?;
        let running = Running { server: self, address, turns: Turns::new(directory) };
        listen::serve(listener, move |head, body, connection| running.answer(head, body, connection));
        Ok(address)
    }
}

impl Running {
    /// One exchange, from the head of the request to the response.
    fn answer(
        &self,
        head: &Request<()>,
        body: &mut impl Read,
        connection: &Arc<TcpStream>,
    ) -> Option<Response<()>> {
        self.discard_expired();
        let Some(task) = self.turns.begin(head, connection) else { return Some(listen::not_found()) };
        let response = self.drive(&task, head.uri(), body)?.to_response();
        self.server.conversation.response(Party::Server, Party::Client, &response);
        Some(response)
    }

    /// Does what a session asks for, and reports it, until the exchange is over.
    fn drive(&self, task: &Task<'_>, target: &Uri, body: &mut impl Read) -> Option<Ack<'static>> {
        loop {
            let report = match task.next() {
                Output::Respond(ack) => return Some(ack),
                Output::Done => return None,
                // Everybody may upload.
                Output::Admit => Report::Admitted,
                output => self.step(task.session()?, output, target, body).unwrap_or_else(Report::Failed),
            };
            task.report(report);
        }
    }

    /// One step of a session's work.
    fn step(
        &self,
        session: Guid,
        output: Output,
        target: &Uri,
        body: &mut impl Read,
    ) -> Result<Report, Refusal> {
        let Server { storage, replies, .. } = &self.server;
        match output {
            Output::Open => storage.open(session, target.path()),
            Output::Store(store) => storage.store(session, store, body),
            Output::Notify { size } => Ok(self.notify(session, target, size)),
            Output::Publish { .. } => {
                replies.discard(session);
                storage.publish(session, target.path())
            }
            Output::Discard => {
                replies.discard(session);
                storage.discard(session)
            }
            // This server keeps no records, and its directory says so: it is never asked.
            _ => Err(Refusal::Internal),
        }
    }

    /// With every request is often enough: sessions last for days.
    fn discard_expired(&self) {
        while let Some(task) = self.turns.expired() {
            // No body comes, and nothing is published.
            self.drive(&task, &Uri::from_static("/"), &mut io::empty());
        }
    }

    fn notify(&self, id: Guid, target: &Uri, size: u64) -> Report {
        // What an earlier notification left behind is no reply to this one.
        self.server.replies.discard(id);
        match self.notification(id, target, size) {
            Ok(notification) => {
                let (entity, reply) = (self.server.storage.unfinished(id), self.server.replies.path(id));
                let places = Places { entity: &entity, reply: &reply };
                back_end::notify(notification, &places, &self.server.conversation).into()
            }
            Err(error) => {
                self.server.conversation.note(error);
                Report::Failed(Refusal::Internal)
            }
        }
    }

    fn notification(&self, id: Guid, target: &Uri, size: u64) -> Result<Notification, Box<dyn Error>> {
        let Server { notification, storage, replies, reply_server, .. } = &self.server;
        let entity = storage.unfinished(id);
        let destination = format!("http://{}{target}", self.address).parse()?;
        let (url, delivery) = match notification {
            NotificationType::None => return Err("there is no application".into()),
            NotificationType::ByValue(url) => (url, Delivery::ByValue { size }),
            NotificationType::ByReference(url) => {
                let path = |path: &std::path::Path| {
                    DataFilePath::from_bytes(path.as_os_str().as_encoded_bytes().to_vec())
                };
                let files = DataFiles { request: path(&entity)?, response: path(&replies.path(id))? };
                (url, Delivery::ByReference(files))
            }
        };
        // Where IIS has it, but on a server of its own: so its URL is absolute.
        let reply_url = iis_reply_url(id).resolve(&format!("http://{reply_server}{target}").parse()?)?;
        let reply_url = ReplyUrl::from_bytes(reply_url.to_string().into_bytes())?;
        let notification = Notification::new(Instant::now(), url, &destination, delivery, Config::default())?;
        Ok(notification.with_stored_reply(reply_url))
    }
}
