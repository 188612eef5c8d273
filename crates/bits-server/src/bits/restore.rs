//! Sessions that outlive the process.

use std::io;
use std::time::Instant;

use bits_proto::limits;
use bits_proto::packet::{CloseSession, Request};
use bits_proto::server::{Arrival, Notified, Output, Report, Session, Snapshot};

use super::{Bits, log};
use crate::storage::Saved;
use crate::users::Owner;

impl Bits {
    /// Takes up the sessions of an earlier process, before the first request. What they say was stored, and what is:
    /// the lesser counts.
    pub(crate) fn restore(&self) -> io::Result<()> {
        for saved in self.storage.saved()? {
            let session = match self.restored(&saved) {
                Ok(session) => session,
                Err(error) => {
                    tracing::error!(session = log::shown(saved.id), %error, "a saved session is ignored");
                    continue;
                }
            };
            let closed = saved.stored.is_none().then(|| session.clone());
            if self.table().sessions.insert(Instant::now(), session).is_err() {
                tracing::error!(
                    session = log::shown(saved.id),
                    "two sessions have the same name: one is ignored"
                );
            } else if let Some(session) = closed {
                self.close_again(&session);
            }
        }
        let sessions = self.sessions_open();
        if sessions > 0 {
            tracing::info!(sessions, "sessions restored");
        }
        Ok(())
    }

    fn restored(&self, saved: &Saved) -> Result<Session<Owner>, Box<dyn std::error::Error>> {
        let snapshot: Snapshot<Owner> = serde_json::from_slice(&saved.json)?;
        if snapshot.id() != saved.id {
            return Err("it has another name than its file".into());
        }
        // Its timeout went on while no server ran.
        let now = Instant::now();
        let mut session = Session::restore(now.checked_sub(saved.age).unwrap_or(now), snapshot)?;
        // Where the bytes are gone they were published: the client's repeat finds them at the destination.
        session.recover(Some(saved.stored.unwrap_or(limits::MAX_ENTITY_SIZE)));
        if saved.stored.is_some() {
            self.storage.truncate(saved, session.received())?;
        }
        Ok(session)
    }

    /// Leads a session whose upload is published already to its end, so that it is remembered like any that has ended.
    fn close_again(&self, session: &Session<Owner>) {
        let Ok(target) = session.destination().parse() else { return };
        let request =
            Request::CloseSession(CloseSession { session_id: session.id().into(), content_name: None });
        let arrival = Arrival { request: &request, target: &target, owner: session.owner() };
        let (task, mut output) = self.begin(&arrival);
        loop {
            output = task.report(match output {
                Output::Notify => Report::Notified(Notified { copy_to_destination: true, reply_url: None }),
                Output::Publish => Report::Published,
                Output::Discard => Report::Discarded,
                _ => return,
            });
        }
    }
}
