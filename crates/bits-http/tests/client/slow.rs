//! Servers that read slowly, or not at all for a while: the time that sending may take is the protocol's.

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bits_http::client::{Config, Event, Reqwest, upload};
use bits_proto::client::Reason;
use testing::http1::Message;

/// A server that stops for a while in the middle of its first Fragment, and how many connections it has had.
fn pausing(pause: Duration) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let pause = (counted.fetch_add(1, Ordering::SeqCst) == 0).then_some(pause);
            std::thread::spawn(move || drop(serve(&stream, pause)));
        }
    });
    (url, connections)
}

fn serve(mut stream: &TcpStream, mut pause: Option<Duration>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(request) = Message::read_request(&mut reader)? {
        let length = request.length();
        if length > 0 {
            std::thread::sleep(pause.take().unwrap_or_default());
        }
        if io::copy(&mut reader.by_ref().take(length), &mut io::sink())? < length {
            return Ok(());
        }
        let more = match request.header("bits-packet-type") {
            "Create-Session" => "BITS-Session-Id: {00000000-0000-4000-8000-000000000001}\r\n".to_owned(),
            "Fragment" => format!("BITS-Received-Content-Range: {length}\r\n"),
            _ => String::new(),
        };
        let ack = format!("HTTP/1.1 200 OK\r\nBITS-Packet-Type: Ack\r\n{more}Content-Length: 0\r\n\r\n");
        stream.write_all(ack.as_bytes())?;
    }
    Ok(())
}

/// More than the buffers of both systems take.
const SIZE: usize = 32 << 20;

/// Uploads, and returns the reasons of all waits.
fn run(pause: Duration, sending_time: Duration) -> (Vec<Reason>, usize) {
    let (url, connections) = pausing(pause);
    let _installed_already = rustls::crypto::ring::default_provider().install_default();
    // reqwest's own default would end the connection after 30 seconds.
    let builder = || {
        let builder = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        #[cfg(target_os = "linux")]
        let builder = builder.tcp_user_timeout(Duration::from_millis(300));
        builder
    };
    let network = Reqwest::new(builder).unwrap();
    let protocol = bits_proto::client::Config::builder()
        .fragment_size(SIZE as u64)
        .timeouts(sending_time, Duration::from_secs(60))
        .retry_delays(Duration::from_millis(10), Duration::from_millis(10))
        .give_up_after(Duration::from_secs(100));
    let waits = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&waits);
    let config = Config::new().protocol(protocol).on_event(move |event| {
        if let Event::Protocol { event: bits_proto::client::Event::Waiting { cause, .. }, .. } = event {
            told.lock().unwrap().push(cause.reason);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(upload(vec![7; SIZE], url.parse().unwrap(), &network, config)).unwrap();
    let waits = waits.lock().unwrap().clone();
    (waits, connections.load(Ordering::SeqCst))
}

#[test]
fn no_socket_option_ends_the_connection_of_a_server_that_stops_reading() {
    let begin = Instant::now();
    assert_eq!(run(Duration::from_secs(3), Duration::from_secs(60)), (vec![], 1));
    assert!(begin.elapsed() > Duration::from_secs(3));
}

#[test]
fn the_time_of_the_protocol_does() {
    let (waits, connections) = run(Duration::from_secs(3), Duration::from_millis(500));
    assert_eq!((&waits[..1], connections > 1), (&[Reason::RequestTimeout][..], true), "{waits:?}");
}

/// As long as the defaults of reqwest and of the protocol say: 30 seconds, and two minutes.
#[test]
#[ignore = "takes 45 seconds"]
fn a_server_may_stop_reading_for_45_seconds() {
    assert_eq!(run(Duration::from_secs(45), Duration::from_secs(120)), (vec![], 1));
}
