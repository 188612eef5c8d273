//! Sessions on the way to where a test begins.

use bits_proto::Conformance;
use bits_proto::server::Report;

use super::{Server, Turn, Work, assert_bare, assert_offset, close, fragment};

/// A session of a 100-byte entity, the first 60 of which one exchange is storing.
pub fn storing(conformance: Conformance) -> (Server, String, Turn) {
    let mut server = Server::with(conformance);
    let id = server.create();
    let older = server.begin(fragment(&id, 0..60, 100));
    assert_eq!(*older.store().range(), 0..60);
    (server, id, older)
}

/// A complete session, which one exchange is publishing.
pub fn publishing(conformance: Conformance) -> (Server, String, Turn) {
    let mut server = Server::with(conformance);
    let id = server.upload(100);
    let older = server.begin(close(&id));
    assert_eq!(older.work(), Work::Publish);
    (server, id, older)
}

/// A complete session, of which one exchange is notifying the application.
pub fn notifying() -> (Server, String, Turn) {
    let mut server = Server::notifying();
    let id = server.create();
    let mut older = server.begin(fragment(&id, 0..100, 100));
    server.perform(&mut older);
    assert_eq!(older.work(), Work::Notify);
    (server, id, older)
}

/// The older exchange stored so many bytes when it was told to stop. Its client is gone; were it not, it would come back.
#[track_caller]
pub fn stop(server: &mut Server, older: &mut Turn, stored: u64) {
    server.store_part(older, stored);
    server.report(older, Report::Stored(stored));
    assert_bare(&older.response(), 503);
    assert_offset(&older.response(), None);
}
