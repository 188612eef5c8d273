//! Published files, and the replies to uploads (§3.5), by GET and HEAD.

use std::sync::Arc;

use bits_proto::Guid;
use bits_proto::download::{self, Entity};
use http::header::HeaderValue;
use http::request::Parts;
use http::{Method, Response, StatusCode};

use super::body::Body;
use super::contents::{DynContents, DynReader};
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
        let reader = match reply_session(path) {
            Some(id) => match self.turns.session(id).await {
                Some(upload) if upload.owner == *owner => {
                    self.turns.reply_served(id).await;
                    contents.reply(id).await
                }
                _ => return empty(StatusCode::NOT_FOUND),
            },
            None => contents.published(path).await,
        };
        let Ok(reader) = reader else { return empty(StatusCode::NOT_FOUND) };
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
    let mut entity = Entity::new(reader.size()).ok()?;
    if let Some(etag) = reader.etag() {
        entity = entity.with_etag(etag.parse().ok()?);
    }
    if let Some(modified) = reader.modified() {
        let modified = httpdate::fmt_http_date(modified);
        entity = entity.with_last_modified(HeaderValue::from_str(&modified).ok()?);
    }
    Some(entity)
}

/// The session to whose reply a path leads: where [`iis_reply_url`](bits_proto::notify::iis_reply_url) says.
fn reply_session(path: &str) -> Option<Guid> {
    let mut segments = path.rsplit('/');
    let (name, id) = (segments.next()?, segments.next()?);
    let is_reply = name == "responsefile.bin"
        && segments.next() == Some("Replies")
        && segments.next() == Some("BITS-Sessions");
    // Braces are percent-encoded, or not.
    let id = id.replace("%7B", "{").replace("%7b", "{").replace("%7D", "}").replace("%7d", "}");
    is_reply.then(|| id.parse().ok()).flatten()
}
