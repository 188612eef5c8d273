//! Other hosts that a server names get nothing that belongs to the user.

use crate::common::{Desk, Server};

/// A server that moves every upload to `localhost`.
pub(crate) fn moving() -> Server {
    let host = "localhost".parse::<bits_proto::HostId>().unwrap().into_owned();
    Server::build().directory(|directory| directory.host(host, None)).start()
}

pub(crate) fn last_host(server: &Server) -> String {
    server.seen().last().unwrap().headers["host"].to_str().unwrap().to_owned()
}

#[test]
fn another_host_is_followed_where_there_is_nothing_to_lose() {
    let server = moving();
    Desk::with_size(10).run(&[], &server.url("/a")).succeeded();
    assert!(last_host(&server).starts_with("localhost:"));
}

#[test]
fn what_belongs_to_the_user_stays_with_the_host_that_the_user_named() {
    for options in [&["--user", "a:secret"][..], &["--header", "X-Token: secret"]] {
        let server = moving();
        let ended = Desk::with_size(10).run(options, &server.url("/a"));
        ended.succeeded();
        assert!(ended.stdout.contains("--follow-host forbids it"), "{ended:?}");
        assert!(
            server.seen().iter().all(|seen| !seen.headers["host"].to_str().unwrap().starts_with("localhost"))
        );
    }
}

#[test]
fn who_says_any_means_it() {
    let server = moving();
    let options = ["--header", "X-Token: secret", "--follow-host", "any"];
    Desk::with_size(10).run(&options, &server.url("/a")).succeeded();
    assert!(last_host(&server).starts_with("localhost:"));
}
