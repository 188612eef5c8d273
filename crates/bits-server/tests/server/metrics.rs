//! Metrics that one would build alerts on.

use std::net::{SocketAddr, TcpListener};

use tempfile::TempDir;

use crate::harness::{DEADLINE, Server, entity, free_address};
use crate::http1::{Session, connect, read_request, request};
use crate::tls::Certificate;

fn text(address: SocketAddr) -> String {
    String::from_utf8(request(address, "GET", "/metrics", &[], b"").body).unwrap()
}

#[track_caller]
fn has(address: SocketAddr, line: &str) {
    let begin = std::time::Instant::now();
    while !text(address).lines().any(|found| found == line) {
        assert!(begin.elapsed() < DEADLINE, "{line} is not in:\n{}", text(address));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn what_was_refused_is_counted_by_its_reason() {
    let metrics = free_address();
    let options =
        ["--metrics", &metrics.to_string(), "--user", "Aladdin:open sesame", "--sessions-per-owner", "1"];
    let server = Server::start(&options);
    let aladdin = [("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")];
    let create = |path, headers: &[(&str, &str)]| Session::try_create(server.address, path, headers);
    std::fs::write(server.root().join("there"), "").unwrap();
    assert!(create("/there", &aladdin).is_err() && create("/no/folder", &aladdin).is_err());
    assert!(create("/NUL", &aladdin).is_err() && create("/NUL.txt", &aladdin).is_err());
    assert!(create("/a", &[]).is_err());
    assert!(create("/a", &[("Authorization", "Basic QWxhZGRpbjp4")]).is_err());
    let session = create("/a", &aladdin).ok().unwrap();
    assert!(create("/b", &aladdin).is_err());
    let file = entity(1000);
    assert_eq!(session.fragment(&file, 500, 1000).status, 416);
    assert_eq!(session.cancel().status, 200);
    assert_eq!(session.fragment(&file, 0, 500).status, 500);
    assert_eq!(request(server.address, "PUT", "/a", &aladdin, b"").status, 405);
    for line in [
        r#"bits_refused_total{reason="destination_exists"} 1"#,
        r#"bits_refused_total{reason="no_such_folder"} 1"#,
        r#"bits_refused_total{reason="access_denied"} 2"#,
        r#"bits_refused_total{reason="no_password"} 1"#,
        r#"bits_refused_total{reason="wrong_password"} 1"#,
        r#"bits_refused_total{reason="too_many_sessions"} 1"#,
        r#"bits_refused_total{reason="wrong_range"} 1"#,
        r#"bits_refused_total{reason="session_not_found"} 1"#,
        r#"bits_refused_total{reason="method"} 1"#,
    ] {
        has(metrics, line);
    }
}

#[test]
fn latencies_bytes_files_sessions_connections_and_room_are_told() {
    let metrics = free_address();
    let server = Server::start(&["--metrics", &metrics.to_string()]);
    let _idle = connect(server.address);
    has(metrics, "bits_connections_open 1");
    let session = Session::create(server.address, "/a");
    has(metrics, "bits_sessions_open 1");
    assert_eq!(session.fragment(&entity(1234), 0, 1234).status, 200);
    assert_eq!(session.close().status, 200);
    for line in [
        "bits_sessions_open 0",
        "bits_received_bytes_total 1234",
        "bits_published_total 1",
        "bits_published_bytes_total 1234",
        "bits_failures_total 0",
        "bits_packet_seconds_count 3",
        r#"bits_packet_seconds_bucket{le="+Inf"} 3"#,
        r#"bits_packet_seconds_bucket{le="600"} 3"#,
    ] {
        has(metrics, line);
    }
    let text = text(metrics);
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{text}")).parse().unwrap()
    };
    assert!(value("bits_free_bytes") > 0.0 && value("bits_connections_max") >= 1.0);
    let seconds = value("bits_packet_seconds_sum");
    assert!(seconds > 0.0 && seconds < 60.0, "{seconds}");
    // Each has a type and a help, as the format wants it.
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let base =
            ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        assert!(
            text.contains(&format!("# TYPE {base} ")) && text.contains(&format!("# HELP {base} ")),
            "{name}"
        );
    }
}

#[test]
fn notifications_are_counted_by_what_came_of_them() {
    let (metrics, application) = (free_address(), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/", application.local_addr().unwrap());
    let answers = std::thread::spawn(move || {
        for answer in ["200 OK\r\nBITS-Copy-File-To-Destination: 1", "403 Forbidden", ""] {
            let (mut stream, _) = application.accept().unwrap();
            read_request(&stream).unwrap();
            if !answer.is_empty() {
                let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
                std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
            }
        }
    });
    let options = ["--metrics", &metrics.to_string(), "--notify", "by-value", "--notification-url", &url];
    let server = Server::start(&options);
    for path in ["/a", "/b", "/c"] {
        Session::create(server.address, path).fragment(b"x", 0, 1);
    }
    answers.join().unwrap();
    for outcome in ["taken", "refused", "failed"] {
        has(metrics, &format!("bits_notifications_total{{outcome=\"{outcome}\"}} 1"));
    }
    has(metrics, "bits_notification_seconds_count 3");
}

#[test]
fn the_end_of_the_certificate_is_told() {
    let (folder, metrics) = (TempDir::new().unwrap(), free_address());
    // 2030-01-02, as seconds since 1970.
    let certificate = Certificate::until(2030, 1, 2);
    let (chain, key) = (certificate.write(folder.path()), certificate.write_key(folder.path()));
    let _server =
        Server::start(&["--metrics", &metrics.to_string(), "--tls-cert", &chain, "--tls-key", &key]);
    has(metrics, "bits_certificate_expiry_timestamp_seconds 1893542400");
}
