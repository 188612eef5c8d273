//! Both programs with nginx between them, as the README says: what it shows, and what happens without each line of it.
//!
//! `NGINX` names nginx's binary; without it the tests look for `/usr/sbin/nginx`, and say so if there is none.

mod proxy;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;

use end_to_end::{Application, Connection, DEADLINE, Desk, Ended, Port, Server, assert_same, eventually};
use proxy::{Configuration, Nginx};

const TOTAL: usize = 1_000_000;
const HALF: usize = TOTAL / 2;
const LARGE_FRAGMENTS: [&str; 2] = ["--fragment-size", "4MiB"];

/// Uploads a file through nginx, over TLS.
fn upload(nginx: &Nginx, desk: &Desk, options: &[&str], path: &str) -> Ended {
    let certificate = nginx.certificate();
    desk.run(&[&["--cacert", certificate.to_str().unwrap()], options].concat(), &nginx.url(path))
}

/// The head of a fragment, and the first half of its bytes.
fn send_half(nginx: &Nginx, id: &str) -> TcpStream {
    let head = format!(
        "BITS_POST /a.bin HTTP/1.1\r\nHost: a\r\nBITS-Packet-Type: Fragment\r\nBITS-Session-Id: {id}\r\n\
         Content-Range: bytes 0-{}/{TOTAL}\r\nContent-Length: {TOTAL}\r\n\r\n",
        TOTAL - 1
    );
    let mut stream = TcpStream::connect(nginx.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&[b'a'; HALF]).unwrap();
    stream
}

/// The status of the answer to a fragment with all bytes from this one on.
fn send_rest(nginx: &Nginx, id: &str, from: usize) -> u16 {
    let range = format!("bytes {from}-{}/{TOTAL}", TOTAL - 1);
    let headers =
        [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", id), ("Content-Range", range.as_str())];
    Connection::open(nginx.address())
        .request("BITS_POST", "/a.bin", &headers, &vec![b'b'; TOTAL - from])
        .status
}

fn received(server: &Server) -> usize {
    server.metric("bits_received_bytes_total") as usize
}

#[test]
fn files_of_every_size_arrive_through_nginx() {
    let server = Server::start(&[]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.start();
    for size in [0, 1, (1 << 20) + 1, 9_000_000] {
        let (desk, name) = (Desk::with_file(size), format!("{size}.bin"));
        let ended = upload(&nginx, &desk, &LARGE_FRAGMENTS, &format!("/{name}"));
        ended.succeeded();
        assert!(!ended.stdout.contains("too large"), "{}", ended.stdout);
        assert_same(&desk.source(), &server.file(&name));
    }
}

#[test]
fn without_http_1_1_every_upload_fails() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(10));
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.without("proxy_http_version 1.1;").start();
    upload(&nginx, &desk, &[], "/a.bin").failed(1, &["Create-Session", "400"]);
    assert_eq!(server.published(), [""; 0]);
}

#[test]
fn without_a_larger_body_size_fragments_shrink_to_1_mib() {
    let (server, desk) = (Server::start(&[]), Desk::with_file(9_000_000));
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.without("client_max_body_size 0;").start();
    let ended = upload(&nginx, &desk, &LARGE_FRAGMENTS, "/a.bin");
    ended.succeeded();
    assert!(ended.stdout.contains("1048576 bytes from now on"), "{}", ended.stdout);
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!(nginx.access_log().matches("\" 413 ").count(), 2, "4 MiB, and 2 MiB");
}

#[test]
fn what_came_before_a_connection_broke_counts() {
    let server = Server::start(&[]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.start();
    let id = Connection::open(nginx.address()).create_session("/a.bin");
    drop(send_half(&nginx, &id));
    eventually("something is stored", || received(&server) > 0);
    assert_eq!(send_rest(&nginx, &id, received(&server)), 200);
    assert!(!nginx.error_log().contains("temporary file"), "{}", nginx.error_log());
}

#[test]
fn with_buffering_a_fragment_that_breaks_off_is_lost_and_one_that_does_not_is_written_twice() {
    let server = Server::start(&[]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.without("proxy_request_buffering off;").start();
    let id = Connection::open(nginx.address()).create_session("/a.bin");
    drop(send_half(&nginx, &id));
    eventually("nginx is done with it", || nginx.access_log().lines().count() == 2);
    assert_eq!(received(&server), 0);
    assert_eq!(send_rest(&nginx, &id, 1), 416);
    assert_eq!(send_rest(&nginx, &id, 0), 200);
    assert!(nginx.error_log().contains("a client request body is buffered to a temporary file"));
}

#[test]
fn a_client_that_hangs_is_dropped_and_what_came_counts() {
    let server = Server::start(&[]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx =
        readme.with("proxy_read_timeout 6m;", "proxy_read_timeout 6m; client_body_timeout 1s;").start();
    let id = Connection::open(nginx.address()).create_session("/a.bin");
    let mut hung = send_half(&nginx, &id);
    hung.set_read_timeout(Some(DEADLINE)).unwrap();
    let _closed_or_reset = hung.read_to_end(&mut Vec::new());
    eventually("all that came is stored", || received(&server) == HALF);
    assert_eq!(send_rest(&nginx, &id, HALF), 200);
}

#[test]
fn an_answer_that_takes_too_long_for_nginx_is_heard_in_the_end() {
    let (done, wait) = channel();
    let application = Application::start(move |_| {
        wait.recv().unwrap();
        (200, "BITS-Copy-File-To-Destination: 1\r\n", vec![])
    });
    let server = Server::start(&["--notify", "by-reference", "--notification-url", application.url()]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let nginx = readme.with("proxy_read_timeout 6m;", "proxy_read_timeout 1s;").start();
    let (desk, certificate) = (Desk::with_file(100_000), nginx.certificate());
    let mut uploading = desk.upload(&["--cacert", certificate.to_str().unwrap()], &nginx.url("/a.bin"));
    eventually("nginx loses patience", || uploading.printed().contains("status 504"));
    done.send(()).unwrap();
    uploading.wait().succeeded();
    assert_same(&desk.source(), &server.file("a.bin"));
    assert_eq!(application.seen().len(), 1);
}

/// What the application is told is the URL of the upload, and the reply that the client fetched.
fn reply(tls: Port, options: &[&str]) -> Option<(String, Vec<u8>)> {
    let copy = "BITS-Copy-File-To-Destination: 1\r\n";
    let application = Application::start(move |_| (200, copy, b"well done".to_vec()));
    let notify = ["--serve", "--notify", "by-value", "--notification-url", application.url()];
    let server = Server::start(&[&notify, options].concat());
    let (nginx, desk) = (Configuration::of_the_readme_at(tls, &server)?.start(), Desk::with_file(10));
    upload(&nginx, &desk, &["--reply", "reply.bin", "--follow-host", "any"], "/a.bin").succeeded();
    let told = application.seen()[0].header("bits-original-request-url").replace(&nginx.url(""), "PUBLIC");
    let told = told.replace(&server.url(""), "BACK-END");
    Some((told, fs::read(desk.path("reply.bin")).unwrap()))
}

#[test]
fn by_its_public_url_the_server_is_known_to_its_application_and_its_replies_are_found() {
    let tls = Port::reserve();
    let url = format!("https://{}", tls.address);
    let Some((told, reply)) = reply(tls, &["--public-url", &url]) else { return };
    assert_eq!((told.as_str(), reply.as_slice()), ("PUBLIC/a.bin", &b"well done"[..]));
}

#[test]
fn without_it_the_application_is_told_the_address_behind_nginx() {
    let Some((told, _)) = reply(Port::reserve(), &[]) else { return };
    assert_eq!(told, "BACK-END/a.bin");
}

#[test]
fn where_only_get_and_post_may_pass_the_method_override_does() {
    let server = Server::start(&["--allow-method-override"]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    let limit = "proxy_read_timeout 6m; limit_except GET POST { deny all; }";
    let nginx = readme.with("proxy_read_timeout 6m;", limit).start();
    let desk = Desk::with_file(3_000_000);
    upload(&nginx, &desk, &[], "/a.bin").failed(1, &["403"]);
    upload(&nginx, &desk, &["--method-override"], "/b.bin").succeeded();
    assert_same(&desk.source(), &server.file("b.bin"));
    assert_eq!(server.published(), ["b.bin"]);
}

#[test]
fn nginx_has_no_name_for_the_method() {
    let server = Server::start(&[]);
    let Some(readme) = Configuration::of_the_readme(&server) else { return };
    assert!(readme.check().status.success());
    let limit = "proxy_read_timeout 6m; limit_except BITS_POST { deny all; }";
    let output = readme.with("proxy_read_timeout 6m;", limit).check();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("invalid method \"BITS_POST\""), "{text}");
}
