//! Both programs with a proxy of Debian between them, with the lines that the README says.
//!
//! A proxy that is not installed is named, with how to get it. nginx has tests of its own.

mod proxy;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use end_to_end::{Application, Connection, Desk, Message, Server, assert_same, eventually};
use proxy::{ALL, CADDY_WITH_LIMIT, MODSECURITY, MODSECURITY_ALONE, Proxy, REFUSING};
use socket2::{Domain, Socket, Type};

/// Tries something with each proxy that is here, in front of a server of its own.
fn with_each(options: &[&str], test: impl Fn(&Proxy, &Server)) {
    for kind in ALL {
        let server = Server::start(options);
        if let Some(proxy) = kind.start(&server) {
            test(&proxy, &server);
        }
    }
}

#[test]
fn files_of_every_size_arrive() {
    with_each(&[], |proxy, server| {
        for size in [0, 1, (1 << 20) + 1, 9_000_000] {
            let (desk, name) = (Desk::with_file(size), format!("{size}.bin"));
            let ended = desk.run(&["--fragment-size", "4MiB"], &proxy.url(&format!("/{name}")));
            ended.succeeded();
            assert!(!ended.stdout.contains("trying again"), "{}: {}", proxy.name(), ended.stdout);
            assert_same(&desk.source(), &server.file(&name));
        }
    });
}

#[test]
fn what_came_before_a_connection_broke_counts() {
    with_each(&[], |proxy, server| {
        let id = Connection::open(proxy.address()).create_session("/a.bin");
        let head = format!(
            "BITS_POST /a.bin HTTP/1.1\r\nHost: a\r\nBITS-Packet-Type: Fragment\r\nBITS-Session-Id: {id}\r\n\
             Content-Range: bytes 0-999999/1000000\r\nContent-Length: 1000000\r\n\r\n"
        );
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&[b'a'; 500_000]).unwrap();
        drop(stream);
        eventually("something is stored", || server.metric("bits_received_bytes_total") > 0);
        let from = server.metric("bits_received_bytes_total");
        let range = format!("bytes {from}-999999/1000000");
        let headers =
            [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", &*id), ("Content-Range", &*range)];
        let rest = vec![b'b'; 1_000_000 - usize::try_from(from).unwrap()];
        let begin = std::time::Instant::now();
        let status = Connection::open(proxy.address()).request("BITS_POST", "/a.bin", &headers, &rest).status;
        println!("{}: from {from}: {status} after {:?}", proxy.name(), begin.elapsed());
        assert_eq!(status, 200, "{}", proxy.name());
    });
}

/// The status of a Ping from an address of this machine, with headers of its own.
fn ping_from(proxy: &Proxy, address: Ipv4Addr, lie: &str, times: usize) -> Vec<u16> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(address, 0)).into()).unwrap();
    socket.connect(&proxy.address().into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let ping = format!(
        "BITS_POST /from-{address} HTTP/1.1\r\nHost: a\r\nBITS-Packet-Type: Ping\r\nContent-Length: 0\r\n{lie}\r\n"
    );
    let mut answers = Vec::new();
    for _ in 0..times {
        if stream.write_all(ping.as_bytes()).is_err() {
            break;
        }
        let mut reader = std::io::BufReader::new(&stream);
        match Message::read_response(&mut reader) {
            Ok(answer) => answers.push(answer.with_body(&mut reader).unwrap().status),
            // It does not keep the connection.
            Err(_) => break,
        }
    }
    answers
}

#[test]
fn the_server_knows_who_is_behind_a_trusted_proxy_whatever_that_one_says() {
    let client = Ipv4Addr::new(127, 0, 0, 77);
    for lie in ["", "X-Forwarded-For: 192.0.2.66\r\n"] {
        with_each(&["--trusted-proxy", "127.0.0.1"], |proxy, server| {
            let answers = ping_from(proxy, client, lie, 2);
            assert!(!answers.is_empty() && answers.iter().all(|status| *status == 200), "{}", proxy.name());
            eventually("it is logged", || server.log().contains("/from-"));
            for line in server.log().lines().filter(|line| line.contains("/from-")) {
                assert!(line.contains("client=127.0.0.77 "), "{} {lie}: {line}", proxy.name());
            }
        });
    }
}

#[test]
fn an_application_that_takes_its_time_is_waited_for() {
    let application = Application::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        (200, "BITS-Copy-File-To-Destination: 1\r\n", vec![])
    });
    let notify = ["--notify", "by-reference", "--notification-url", application.url()];
    with_each(&notify, |proxy, server| {
        let desk = Desk::with_file(100_000);
        let ended = desk.run(&[], &proxy.url("/a.bin"));
        ended.succeeded();
        assert!(!ended.stdout.contains("trying again"), "{}: {}", proxy.name(), ended.stdout);
        assert_same(&desk.source(), &server.file("a.bin"));
    });
}

#[test]
fn a_limit_that_answers_502_is_found_and_kept_to() {
    let server = Server::start(&[]);
    let Some(proxy) = CADDY_WITH_LIMIT.start(&server) else { return };
    for (size, name) in [("4MiB", "one-size.bin"), ("auto", "auto.bin")] {
        let desk = Desk::with_file(5_000_000);
        let ended = desk.run(&["--fragment-size", size], &proxy.url(&format!("/{name}")));
        ended.succeeded();
        assert!(ended.stdout.contains("502"), "{}", ended.stdout);
        assert_same(&desk.source(), &server.file(name));
    }
    assert_eq!(server.packets("Create-Session"), 2, "nothing starts over");
}

#[test]
fn where_only_known_methods_pass_the_method_override_does() {
    for kind in REFUSING {
        let server = Server::start(&["--allow-method-override"]);
        let Some(proxy) = kind.start(&server) else { continue };
        let desk = Desk::with_file(100_000);
        desk.run(&[], &proxy.url("/a.bin")).failed(1, &["501"]);
        desk.run(&["--method-override"], &proxy.url("/b.bin")).succeeded();
        assert_same(&desk.source(), &server.file("b.bin"));
        assert_eq!(server.published(), ["b.bin"], "{}", proxy.name());
    }
}

#[test]
fn the_core_rules_of_modsecurity_refuse_the_method_and_the_line_of_the_readme_lets_it_pass() {
    let server = Server::start(&[]);
    let desk = Desk::with_file(1_500_000);
    if let Some(proxy) = MODSECURITY_ALONE.start(&server) {
        desk.run(&[], &proxy.url("/a.bin")).failed(1, &["403"]);
    }
    if let Some(proxy) = MODSECURITY.start(&server) {
        desk.run(&[], &proxy.url("/a.bin")).succeeded();
        assert_same(&desk.source(), &server.file("a.bin"));
    }
}
