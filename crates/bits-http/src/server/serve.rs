//! Published files, and the replies to uploads (§3.5), by GET and HEAD.

use std::sync::Arc;
use std::time::SystemTime;

use bits_proto::download::{self, Entity};
use bits_proto::notify::iis_reply_session;
use bits_proto::server::Refusal;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::body::Body;
use super::contents::{DynContents, DynReader};
use super::event::Event;
use super::service::{Server, empty};
use super::table::random;
use super::turns::Turns;
use crate::storage::Storage;

impl<S: Storage, T: Turns> Server<S, T> {
    pub(super) async fn serve(
        &self,
        contents: &dyn DynContents,
        head: &Parts,
        owner: &T::Owner,
    ) -> Response<Body> {
        let path = head.uri.path();
        let reader = match iis_reply_session(path) {
            Some(id) => match self.turns.session(id).await {
                Some(upload) if upload.owner == *owner => {
                    self.turns.reply_served(id).await;
                    contents.reply(id).await
                }
                _ => return empty(StatusCode::NOT_FOUND),
            },
            None => contents.published(path).await,
        };
        let reader = match reader {
            Ok(reader) => reader,
            // A root that is gone for a while: a client that is told so does not take the file for deleted.
            Err(failure) if failure.refusal() == Refusal::Internal => {
                (self.events)(&Event::Failed(failure.reason()));
                return empty(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Err(_) => return empty(StatusCode::NOT_FOUND),
        };
        let (Some(entity), Ok(boundary)) = (entity(&*reader), random()) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let conformance = self.turns.directory().conformance();
        let response = download::respond(head, &entity, conformance, || boundary);
        let is_head = head.method == Method::HEAD;
        response.map(|body| match is_head {
            true => Body::empty(),
            false => Body::segments(Arc::clone(&reader), body.into_iter().collect::<Vec<_>>()),
        })
    }
}

fn entity(reader: &dyn DynReader) -> Option<Entity> {
    // Every reply has a date (§3.5); where the storage knows none, it is one that never changes.
    let modified = reader.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let entity = Entity::new(reader.size(), modified).ok()?;
    match reader.etag() {
        Some(etag) => Some(entity.with_etag(etag.parse().ok()?)),
        None => Some(entity),
    }
}
