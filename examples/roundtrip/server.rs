//! The whole of a server: it does what the table of sessions asks for, step by step, until that says what to respond.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Keep, Output, Refusal, Report, Store};
use http::{Request, Response};

use crate::conversation::Conversation;
use crate::listen;
use crate::storage::Storage;
use crate::turns::{Task, Turns};

pub(crate) struct Server {
    turns: Turns,
    storage: Storage,
    conversation: Arc<Conversation>,
}

impl Server {
    /// Starts the server on threads of its own.
    pub(crate) fn start(storage: Storage, conversation: Arc<Conversation>) -> io::Result<SocketAddr> {
        // The sessions of this server die with its process. One that keeps them saves what it is asked to save.
        let directory = Directory::builder().keep(Keep::Nothing).build().map_err(io::Error::other)?;
        let server = Self { turns: Turns::new(directory), storage, conversation };
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        listen::serve(listener, move |head, body, connection| server.answer(head, body, connection));
        Ok(address)
    }

    /// One exchange, from the head of the request to the response.
    fn answer(
        &self,
        head: &Request<()>,
        body: &mut impl Read,
        connection: &Arc<TcpStream>,
    ) -> Option<Response<()>> {
        self.discard_expired();
        let Some(task) = self.turns.begin(head, connection) else { return Some(listen::not_found()) };
        let response = self.drive(&task, head.uri().path(), body)?.to_response();
        self.conversation.response(&response);
        Some(response)
    }

    /// Does what a session asks for, and reports it, until the exchange is over.
    fn drive(&self, task: &Task<'_>, path: &str, body: &mut impl Read) -> Option<Ack<'static>> {
        loop {
            let report = match task.next() {
                Output::Respond(ack) => return Some(ack),
                Output::Done => return None,
                // Everybody may upload.
                Output::Admit => Report::Admitted,
                output => self.step(task.session()?, output, path, body).unwrap_or_else(Report::Failed),
            };
            task.report(report);
        }
    }

    /// One step of a session's work.
    fn step(
        &self,
        session: Guid,
        output: Output,
        path: &str,
        body: &mut impl Read,
    ) -> Result<Report, Refusal> {
        match output {
            Output::Open => self.storage.open(session, path),
            Output::Store(store) => self.store(session, store, body),
            Output::Publish { .. } => self.storage.publish(session, path),
            Output::Discard => self.storage.discard(session),
            // This server has no application and keeps no records, and its directory says so: it is never asked.
            _ => Err(Refusal::Internal),
        }
    }

    fn store(&self, session: Guid, store: Store, body: &mut impl Read) -> Result<Report, Refusal> {
        let (skip, length) = (store.skip(), store.length());
        if skip > 0 {
            self.conversation.note(format_args!("the server has {skip} bytes of it, and skips them"));
        }
        let report = self.storage.store(session, store, body)?;
        match report {
            Report::Stored(stored) if stored < length => {
                self.conversation.note(format_args!("the server stored {stored} bytes of it: they count"));
            }
            _ => {}
        }
        Ok(report)
    }

    /// With every request is often enough: sessions last for days.
    fn discard_expired(&self) {
        while let Some(task) = self.turns.expired() {
            // No body comes, and nothing is published.
            self.drive(&task, "/", &mut io::empty());
        }
    }
}
