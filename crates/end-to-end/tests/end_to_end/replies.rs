//! Upload-reply, with an application that answers each file with its bytes in reverse.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use end_to_end::{Application, Desk, Fault, Page, Proxy, Server, assert_same};

const SIZE: u64 = 300_000;
const REPLY: [&str; 6] = ["--reply", "reply.bin", "--state", "upload.state", "--fragment-size", "100KiB"];

fn reversed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.reverse();
    bytes
}

fn server_for(application: &Application, how: &str) -> Server {
    Server::start(&["--serve", "--notify", how, "--notification-url", application.url()])
}

/// An application that gets the file and sends its reply, and wants the file to be published.
fn by_value() -> Application {
    Application::start(|notification| {
        (200, "BITS-Copy-File-To-Destination: 1\r\n", reversed(notification.body.clone()))
    })
}

/// The reply is there, whole, and nothing is left over of the upload on either side.
fn is_answered(desk: &Desk, server: &Server) {
    let expected = reversed(fs::read(desk.source()).unwrap());
    assert!(fs::read(desk.path("reply.bin")).unwrap() == expected, "the reply is another one");
    assert_eq!(server.leftovers(), [""; 0]);
    assert!(!desk.state().exists() && !desk.path("reply.bin.part").exists());
}

#[test]
fn by_value_the_file_goes_to_the_application_and_its_reply_to_the_client() {
    let application = by_value();
    let (server, desk) = (server_for(&application, "by-value"), Desk::with_file(SIZE));
    desk.run(&REPLY, &server.url("/a.bin")).succeeded();
    is_answered(&desk, &server);
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!(application.seen().len(), 1);
}

#[test]
fn by_reference_the_application_reads_and_writes_files() {
    let application = Application::start(|notification| {
        let file = fs::read(notification.header("bits-request-datafile-name")).unwrap();
        fs::write(notification.header("bits-response-datafile-name"), reversed(file)).unwrap();
        (200, "", vec![])
    });
    let (server, desk) = (server_for(&application, "by-reference"), Desk::with_file(SIZE));
    desk.run(&REPLY, &server.url("/a.bin")).succeeded();
    is_answered(&desk, &server);
    assert_eq!(server.published(), [""; 0], "the application has read it, and does not want it published");
    assert_eq!(application.seen().len(), 1);
}

#[test]
fn a_reply_that_breaks_off_is_fetched_to_its_end() {
    let application = by_value();
    let (server, desk) = (server_for(&application, "by-value"), Desk::with_file(SIZE));
    let proxy = Proxy::start(server.address(), |seen| match (&*seen.method, seen.nth) {
        ("GET", 1..=3) => Fault::TruncateResponse(50_000),
        _ => Fault::Pass,
    });
    desk.run(&REPLY, &proxy.url("/a.bin")).succeeded();
    is_answered(&desk, &server);
    assert!(proxy.seen().iter().filter(|seen| seen.method == "GET").count() > 3);
    assert_same(&desk.source(), &server.file("a.bin"));
}

#[test]
fn what_the_application_refuses_is_told_and_not_published() {
    let refusal = "BITS-Error-Code: 0x80004005\r\n";
    let application = Application::start(move |_| (403, refusal, vec![]));
    let (server, desk) = (server_for(&application, "by-value"), Desk::with_file(SIZE));
    let ended = desk.run(&REPLY, &server.url("/a.bin"));
    ended.failed(1, &["403", "0x80004005", "application"]);
    assert_eq!(server.published(), [""; 0]);
    assert!(!desk.path("reply.bin").exists());
}

#[test]
fn an_application_that_is_down_for_a_while_is_notified_again() {
    let application = Application::start({
        let calls = AtomicUsize::new(0);
        move |notification| match calls.fetch_add(1, Ordering::SeqCst) {
            0..2 => (503, "", vec![]),
            _ => (200, "BITS-Copy-File-To-Destination: 1\r\n", reversed(notification.body.clone())),
        }
    });
    let (server, desk) = (server_for(&application, "by-value"), Desk::with_file(SIZE));
    desk.run(&REPLY, &server.url("/a.bin")).succeeded();
    is_answered(&desk, &server);
    assert_eq!(application.seen().len(), 3);
    assert_same(&desk.source(), &server.file("a.bin"));
}

#[test]
fn a_login_page_is_not_taken_for_the_reply() {
    let application = by_value();
    let (server, desk) = (server_for(&application, "by-value"), Desk::with_file(SIZE));
    let logged_in = Arc::new(AtomicBool::new(false));
    let is_logged_in = Arc::clone(&logged_in);
    let proxy = Proxy::start(server.address(), move |seen| match &*seen.method {
        "GET" if !is_logged_in.load(Ordering::SeqCst) => Fault::Answer(Page::LOGIN),
        _ => Fault::Pass,
    });
    let ended = desk.run(&[&REPLY[..], &["--give-up-after", "2"]].concat(), &proxy.url("/a.bin"));
    ended.failed(3, &["the reply could not be fetched"]);
    assert!(ended.stdout.contains("a login page or a portal"), "{ended:?}");
    assert!(!desk.path("reply.bin").exists() && desk.state().exists());
    // It would have deleted the reply.
    assert_eq!(proxy.count("Close-Session"), 0);

    logged_in.store(true, Ordering::SeqCst);
    desk.run(&REPLY, &proxy.url("/a.bin")).succeeded();
    is_answered(&desk, &server);
}

#[test]
fn what_an_application_wrote_before_it_failed_is_no_reply() {
    let application = Application::start({
        let calls = AtomicUsize::new(0);
        move |notification| match calls.fetch_add(1, Ordering::SeqCst) {
            0 => {
                fs::write(notification.header("bits-response-datafile-name"), "half a reply").unwrap();
                (503, "", vec![])
            }
            _ => (200, "BITS-Copy-File-To-Destination: 1\r\n", vec![]),
        }
    });
    let (server, desk) = (server_for(&application, "by-reference"), Desk::with_file(SIZE));
    let ended = desk.run(&["-v"], &server.url("/a.bin"));
    ended.succeeded();
    assert_eq!(application.seen().len(), 2);
    assert!(!ended.stdout.contains("BITS-Reply-URL"), "{}", ended.stdout);
    assert_eq!(server.leftovers(), [""; 0]);
}
