//! Wireshark reads a conversation of both programs as HTTP, and has nothing to complain about.

use end_to_end::{Application, Capture, Desk, Recording, Server, Speaker, Tap, assert_same};

/// 20 fragments and a half.
const SIZE: u64 = 20 * 20_480 + 10_240;

/// An upload with everything in it: a Ping, fragments, a reply.
fn is_read(method: &str, client_options: &[&str], server_options: &[&str]) {
    let application = Application::start(|notification| (200, "", notification.body.clone()));
    let notify = ["--serve", "--notify", "by-value", "--notification-url", application.url()];
    let (server, desk) = (Server::start(&[&notify, server_options].concat()), Desk::with_file(SIZE));
    let tap = Tap::start(server.address());
    let options = ["--fragment-size", "20KiB", "--ping-first", "--reply", "reply.bin"];
    desk.run(&[&options, client_options].concat(), &tap.url("/a%20b.bin")).succeeded();
    assert_same(&desk.source(), &desk.path("reply.bin"));

    let mut messages = vec![];
    for recording in tap.connections() {
        let capture = Capture::of(&recording);
        assert_eq!((capture.complaints(), capture.unread()), (vec![], vec![]));
        let request = ["http.request.method", "http.request.uri"];
        let fields = [&request[..], &["http.response.code", "http.content_length"]].concat();
        messages.extend(capture.messages(&fields));
    }
    // Ping and Create-Session; the fragments; the reply; Close-Session.
    let lengths = [0, 0].into_iter().chain([20_480; 20]).chain([10_240]);
    let post = |length| [format!("{method}\t/a%20b.bin\t\t{length}"), "\t\t200\t0".to_owned()];
    let mut expected: Vec<_> = lengths.flat_map(post).collect();
    let reply = messages.iter().find_map(|message| message.strip_prefix("GET\t")).unwrap();
    assert!(reply.ends_with("/responsefile.bin\t\t"), "{reply}");
    expected.extend([format!("GET\t{reply}"), format!("\t\t200\t{SIZE}")]);
    expected.extend(post(0));
    assert_eq!(messages, expected);
}

#[test]
fn every_message_of_an_upload_is_read() {
    is_read(Capture::IN_PLACE_OF_BITS_POST, &[], &[]);
}

#[test]
fn every_message_of_an_upload_by_post_is_read_as_it_was_sent() {
    is_read("POST", &["--method-override"], &["--allow-method-override"]);
}

#[test]
fn what_is_no_http_is_complained_about() {
    let recording = Recording::default();
    let say = |speaker, text: &str| recording.lock().unwrap().push((speaker, text.as_bytes().to_vec()));
    let judge = || {
        let capture = Capture::of(&recording);
        (capture.complaints().len(), capture.unread().len(), capture.messages(&["http.request.method"]).len())
    };
    say(Speaker::Client, "BITS_POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n");
    say(Speaker::Server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(judge(), (0, 0, 2));
    say(Speaker::Client, "\r\nBITS_POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(judge(), (1, 0, 3));
    // A body that never comes.
    say(Speaker::Server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(judge(), (1, 1, 3));
}
