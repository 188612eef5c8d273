//! Tests of this example's server.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use bits_proto::packet::Ack;
use bits_proto::server::{Directory, Keep, Output, Report};
use http::Request;

use crate::conversation::Conversation;
use crate::files::TemporaryFolder;
use crate::hung;
use crate::server::Server;
use crate::storage::Storage;
use crate::turns::Turns;

#[test]
fn a_hung_connection_is_stopped_within_a_second() {
    let folder = TemporaryFolder::create().unwrap();
    let files = folder.path().join("server");
    let storage = Storage::create(files.clone()).unwrap();
    let server = Server::start(storage, Arc::new(Conversation::begin())).unwrap();
    hung::is_stopped_within_a_second(server, &files);
}

#[test]
fn a_thread_that_dies_gives_its_turn_away() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let connection = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let turns = Turns::new(Directory::builder().keep(Keep::Nothing).build().unwrap());
    let packet = |name| Request::builder().method("BITS_POST").uri("/a").header("BITS-Packet-Type", name);

    let create = packet("Create-Session")
        .header("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}")
        .header("Content-Length", 0)
        .body(())
        .unwrap();
    let created = turns.begin(&create, &connection).unwrap();
    assert_eq!(created.next(), Output::Open);
    created.report(Report::Opened);
    let Output::Respond(Ack::CreateSession(_)) = created.next() else { panic!("no session") };
    let session = created.session().unwrap();

    let fragment = packet("Fragment")
        .header("BITS-Session-Id", session.to_string())
        .header("Content-Range", "bytes 0-9/10")
        .header("Content-Length", 10)
        .body(())
        .unwrap();
    let died = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let task = turns.begin(&fragment, &connection).unwrap();
            assert!(matches!(task.next(), Output::Store(_)));
            panic!("this thread dies while it stores");
        });
        thread.join()
    });
    assert!(died.is_err());
    let next = turns.begin(&fragment, &connection).unwrap();
    assert!(matches!(next.next(), Output::Store(_)));
}
