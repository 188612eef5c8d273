//! Proxies: those that open no tunnel, those that want credentials, and those that are none.

use std::io::Read;

use crate::boxes::{box_in_between, proxy, serve};
use crate::common::{Desk, Ended, Server};

const FAR: &str = "https://server.example/a";

#[test]
fn a_proxy_that_opens_no_tunnel_ends_the_upload_and_is_named() {
    let desk = Desk::with_size(10);
    for status in ["403 Forbidden", "405 Method Not Allowed", "502 Bad Gateway"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        let url = format!("http://127.0.0.1:{}", box_in_between(answer.leak().as_bytes()));
        let words = ["the proxy refuses", status, &url, "no_proxy"];
        desk.run(&["--proxy", &url], FAR).failed(1, &words);
        for (name, user) in [("https_proxy", ""), ("ALL_PROXY", "user:secret@")] {
            let mut command = desk.command(&[], FAR);
            let ended =
                Ended::of(command.env(name, url.replace("//", &format!("//{user}"))).spawn().unwrap());
            ended.failed(1, &words);
            ended.failed(1, &[name]);
            assert!(!ended.stderr.contains("secret"), "{ended:?}");
        }
    }
}

#[test]
fn what_a_proxy_wants_is_told_with_the_options_that_answer_it() {
    let desk = Desk::with_size(10);
    for (challenge, words) in [
        ("Basic realm=\"x\"", ["wants a name and a password", "--proxy-user"]),
        ("NTLM", ["wants a name and a password", "--proxy-user"]),
        ("Digest realm=\"x\", nonce=\"y\"", ["wants a name and a password", "--proxy-user"]),
        ("Bearer", ["wants credentials by Bearer", "Basic, Digest, NTLM and Negotiate"]),
    ] {
        let answer =
            format!("HTTP/1.1 407 No\r\nProxy-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n");
        let url = format!("http://127.0.0.1:{}", box_in_between(answer.leak().as_bytes()));
        for far in [FAR, "http://server.example/a"] {
            let ended = desk.run(&["--proxy", &url], far);
            ended.failed(1, &words);
            ended.failed(1, &[&url]);
        }
    }
}

#[test]
fn a_proxy_that_may_have_answered_in_the_servers_place_is_named() {
    let desk = Desk::with_size(10);
    let hangs_up = serve(|mut stream| drop(stream.read(&mut [0; 4096])));
    for (port, code, words) in [
        (box_in_between(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), 1, "403 Forbidden"),
        (box_in_between(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), 3, "502 Bad Gateway"),
        (hangs_up, 3, "no progress"),
    ] {
        let url = format!("http://127.0.0.1:{port}");
        let options = ["--proxy", &url, "--give-up-after", "0.3"];
        let ended = desk.run(&options, "http://server.example/a");
        ended.failed(code, &[words, &format!("the proxy {url}")]);
    }
}

#[test]
fn a_password_that_a_proxy_does_not_take_is_refused_once() {
    let (url, seen) = proxy("Basic dTpzZXNhbWU=");
    let desk = Desk::with_size(10);
    let ended = desk.run(&["--proxy", &url, "--proxy-user", "u:barley"], FAR);
    ended.failed(1, &["does not accept", &url, "--proxy-user"]);
    assert!(!ended.stderr.contains("barley"), "{ended:?}");
    assert_eq!(seen.lock().unwrap().len(), 2, "asked once without, once with it");
}

#[test]
fn a_tunnel_is_dug_with_the_password_that_the_proxy_asks_for() {
    let (url, seen) = proxy("Basic dTpzZXNhbWU=");
    let ((server, pem), desk) = (crate::tls::server("127.0.0.1"), Desk::with_size(300_000));
    std::fs::write(desk.path("ca.pem"), pem).unwrap();
    let options = ["--cacert", "ca.pem", "--fragment-size", "64KiB"];
    let with = [&options[..], &["--proxy", &url, "--proxy-user", "u:sesame"]].concat();
    desk.run(&with, &server.url("/a")).succeeded();
    assert!(server.published("/a") == Some(desk.bytes.clone()));
    // In the address of the proxy, as other programs have it.
    let mut command = desk.command(&options, &server.url("/b"));
    Ended::of(command.env("https_proxy", url.replace("//", "//u:sesame@")).spawn().unwrap()).succeeded();
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|head| head.starts_with("CONNECT 127.0.0.1:")), "{seen:?}");
}

#[test]
fn no_proxy_goes_around_it() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    let mut command = desk.command(&[], &server.url("/a"));
    Ended::of(command.env("http_proxy", "http://127.0.0.1:1").env("no_proxy", "127.0.0.1").spawn().unwrap())
        .succeeded();
    let mut command = desk.command(&["--proxy", "none"], &server.url("/b"));
    Ended::of(command.env("http_proxy", "http://127.0.0.1:1").spawn().unwrap()).succeeded();
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_tried_again() {
    let desk = Desk::with_size(10);
    for far in [FAR, "http://server.example/a"] {
        let ended = desk.run(&["--proxy", "http://127.0.0.1:1", "--give-up-after", "0.2"], far);
        ended.failed(3, &["no progress", "the proxy http://127.0.0.1:1", "refused"]);
    }
}

#[test]
fn what_is_no_proxy_ends_the_upload() {
    let url = format!("http://127.0.0.1:{}", box_in_between(b"SSH-2.0-OpenSSH_9.9\r\n"));
    for far in [FAR, "http://server.example/a"] {
        Desk::with_size(10).run(&["--proxy", &url], far).failed(1, &[&url, "no HTTP"]);
    }
}

#[test]
fn a_proxy_of_another_kind_is_named_and_never_gone_around() {
    let (server, desk) = (Server::start(), Desk::with_size(10));
    for scheme in ["ftp", "socks4", "socks4a"] {
        let url = format!("{scheme}://127.0.0.1:1");
        desk.run(&["--proxy", &url], &server.url("/a")).failed(2, &["--proxy", "not supported", scheme]);
        for name in ["http_proxy", "all_proxy"] {
            let mut command = desk.command(&[], &server.url("/a"));
            Ended::of(command.env(name, &url).spawn().unwrap()).failed(1, &[name, "not supported", scheme]);
        }
    }
    assert!(server.seen().is_empty());
}
