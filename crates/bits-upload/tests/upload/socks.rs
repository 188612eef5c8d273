//! SOCKS proxies (RFC 1928 and 1929), which know nothing of HTTP.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::boxes::serve;
use crate::common::{Desk, Ended, Server};

/// What a proxy was asked for: hosts as they were named, with their ports.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy that leads to `server` whatever it is asked for, or says no with this code. It wants a name and a password if there are any.
fn socks(server: SocketAddr, wanted: Option<&'static str>, code: u8) -> (u16, Asked) {
    let asked = Asked::default();
    let noted = Arc::clone(&asked);
    let port = serve(move |stream| drop(lead(stream, server, wanted, code, &noted)));
    (port, asked)
}

fn lead(
    mut stream: TcpStream,
    server: SocketAddr,
    wanted: Option<&str>,
    code: u8,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let [_, methods] = take(&mut stream)?;
    let methods = take_some(&mut stream, methods)?;
    let method = if wanted.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xFF]);
    }
    stream.write_all(&[5, method])?;
    if let Some(wanted) = wanted {
        let [_, length] = take(&mut stream)?;
        let name = take_some(&mut stream, length)?;
        let [length] = take(&mut stream)?;
        let both = [name, take_some(&mut stream, length)?].join(&b':');
        let is_good = both == wanted.as_bytes();
        stream.write_all(&[1, u8::from(!is_good)])?;
        if !is_good {
            return Ok(());
        }
    }
    let [_, _, _, kind] = take(&mut stream)?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(take(&mut stream)?).to_string(),
        _ => {
            let [length] = take(&mut stream)?;
            String::from_utf8(take_some(&mut stream, length)?).unwrap()
        }
    };
    let port = u16::from_be_bytes(take(&mut stream)?);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    stream.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])?;
    if code != 0 {
        return Ok(());
    }
    let mut there = TcpStream::connect(server)?;
    let (mut answers, mut back) = (there.try_clone()?, stream.try_clone()?);
    thread::spawn(move || {
        let _ended = io::copy(&mut answers, &mut back);
        back.shutdown(Shutdown::Both)
    });
    let _ended = io::copy(&mut stream, &mut there);
    there.shutdown(Shutdown::Both)
}

fn take<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_some(stream: &mut TcpStream, length: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn an_upload_goes_through_a_socks_proxy_that_looks_names_up_if_it_is_told_to() {
    let (server, desk) = (Server::start(), Desk::with_size(300_000));
    let (port, asked) = socks(server.address, None, 0);
    for (scheme, host) in [("socks5", "127.0.0.1"), ("socks5h", "localhost")] {
        let proxy = format!("{scheme}://127.0.0.1:{port}");
        let far = format!("http://localhost:{}/{scheme}", server.address.port());
        desk.run(&["--proxy", &proxy, "--fragment-size", "64KiB"], &far).succeeded();
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        assert!(
            !asked.is_empty() && asked.iter().all(|name| name.starts_with(&format!("{host}:"))),
            "{asked:?}"
        );
    }
    let mut command = desk.command(&[], "http://server.invalid/b");
    command.env("all_proxy", format!("socks5h://127.0.0.1:{port}"));
    Ended::of(command.spawn().unwrap()).succeeded();
    assert!(server.published("/b") == Some(desk.bytes.clone()), "no other machine knows the name");
    assert_eq!(asked.lock().unwrap()[0], "server.invalid:80");
}

#[test]
fn tls_goes_through_it_with_a_name_and_a_password() {
    let ((server, pem), desk) = (crate::tls::server("server.invalid"), Desk::with_size(100_000));
    fs::write(desk.path("ca.pem"), pem).unwrap();
    let (port, _) = socks(server.address, Some("u:sesame"), 0);
    let proxy = format!("socks5h://127.0.0.1:{port}");
    let far = "https://server.invalid/a";
    let with = |user| desk.run(&["--cacert", "ca.pem", "--proxy", &proxy, "--proxy-user", user], far);
    with("u:sesame").succeeded();
    assert!(server.published("/a") == Some(desk.bytes.clone()));
    with("u:barley").failed(1, &["it wants a name and a password", &proxy, "--proxy-user"]);
    let ended = desk.run(&["--cacert", "ca.pem", "--proxy", &proxy], far);
    ended.failed(1, &["it wants a name and a password", &proxy, "--proxy-user"]);
}

#[test]
fn a_socks_proxy_that_says_no_is_named_and_never_gone_around() {
    let (server, desk) = (TcpListener::bind("127.0.0.1:0").unwrap(), Desk::with_size(10));
    let address = server.local_addr().unwrap();
    let far = format!("http://{address}/a");
    let run = |port: u16| {
        let proxy = format!("socks5h://127.0.0.1:{port}");
        (desk.run(&["--proxy", &proxy, "--give-up-after", "0.2"], &far), proxy)
    };
    // By its rules; the server's port is closed; the proxy is not there.
    let (ended, proxy) = run(socks(address, None, 2).0);
    ended.failed(1, &["the proxy refuses", &proxy]);
    for port in [socks(address, None, 5).0, 1] {
        let (ended, proxy) = run(port);
        ended.failed(3, &["no progress", &proxy]);
    }
    server.set_nonblocking(true).unwrap();
    assert_eq!(server.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock, "not even a question");
}
