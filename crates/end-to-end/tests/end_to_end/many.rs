//! Many uploads at once.

use end_to_end::{Desk, Kind, Server, Upload, assert_same, with_both_servers, write_file};

const UPLOADS: u64 = 200;

with_both_servers! { two_hundred_uploads_at_once_arrive }

fn two_hundred_uploads_at_once_arrive(kind: Kind) {
    let (server, desk) = (Server::start_a(kind), Desk::with_file(0));
    let name = |number: u64| format!("{number}.bin");
    for number in 0..UPLOADS {
        // From nothing to two fragments and a half.
        write_file(&desk.path(&name(number)), number * number * 64, number);
    }
    let start = |number| {
        let url = server.url(&format!("/folder/{}", name(number)));
        Upload::start(desk.folder(), &desk.path(&name(number)), &["-v"], &url)
    };
    let uploads: Vec<_> = (0..UPLOADS).map(start).collect();
    for upload in uploads {
        let ended = upload.wait();
        ended.succeeded();
        assert!(!ended.stdout.contains("trying again"), "nobody is turned away: {}", ended.stdout);
    }
    for number in 0..UPLOADS {
        assert_same(&desk.path(&name(number)), &server.file(&format!("folder/{}", name(number))));
    }
    assert_eq!((server.closed(), server.leftovers()), (200, vec![]));
}
