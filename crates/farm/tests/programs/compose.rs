//! The servers of `compose.yaml`, without containers: the same arguments, the same balancer, an upload through all of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use end_to_end::Upload;
use farm::{Database, Moto, Server, any_port};
use tempfile::TempDir;

use crate::harness::contents;

const COMPOSE: &str = include_str!("../../../bits-server/compose.yaml");

/// The lines of a block: those after this one that are indented more, without their indent.
fn block(name: &str) -> Vec<&'static str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = COMPOSE.lines().skip_while(|line| line.trim_start() != name);
    let outer = indent(lines.next().unwrap_or_else(|| panic!("no {name} in compose.yaml")));
    lines.take_while(|line| line.is_empty() || indent(line) > outer).map(str::trim).collect()
}

/// What the file asks of a server to know whether it serves, with another port.
fn is_healthy(port: u16) -> bool {
    let check = block("healthcheck:")
        .into_iter()
        .find_map(|line| line.strip_prefix(r#"test: ["CMD", "bash", "-c", ""#));
    let check =
        check.and_then(|check| check.strip_suffix(r#""]"#)).expect("the first healthcheck is in bash");
    assert!(check.contains("127.0.0.1/9090"), "{check}");
    let check = check.replace(r"\\", r"\").replace("/9090", &format!("/{port}"));
    Command::new("bash").args(["-c", &check]).status().unwrap().success()
}

/// An nginx in the foreground, which ends with the test. `None`, and a note, where there is none.
struct Nginx {
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    fn start(server: &str) -> Option<Self> {
        let target = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/nginx/usr/sbin/nginx");
        let named = std::env::var_os("NGINX").map(PathBuf::from);
        let known = named.into_iter().chain(["/usr/sbin/nginx", target].map(PathBuf::from));
        let Some(program) = known.into_iter().find(|program| program.exists()) else {
            println!("skipped: nginx is missing: .ci/run installs it");
            return None;
        };
        let folder = TempDir::new().unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {}/{kind};", folder.path().display()))
            .concat();
        let all = format!(
            "daemon off; master_process off; pid {0}/pid; error_log stderr; events {{}} http {{ access_log off; {temporary} {server} }}",
            folder.path().display()
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, all).unwrap();
        let child = Command::new(program).arg("-c").arg(path).stderr(Stdio::inherit()).spawn().unwrap();
        Some(Self { child, _folder: folder })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _dead_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

#[test]
fn the_arguments_and_the_balancer_of_the_compose_file_take_an_upload() {
    let (moto, database, folder) = (Moto::start(), Database::start(), TempDir::new().unwrap());
    let environment = block("environment:");
    for (name, _) in Moto::environment(moto.address()) {
        assert!(environment.iter().any(|line| line.starts_with(&format!("{name}: "))), "{name}");
    }
    let metrics: Vec<_> = (0..3).map(|_| any_port().local_addr().unwrap().port()).collect();
    let servers: Vec<_> = metrics
        .iter()
        .map(|metrics| {
            assert!(!is_healthy(*metrics), "nothing listens yet");
            let options: Vec<_> = block("command:")
                .into_iter()
                .map(|line| line.strip_prefix("- ").unwrap().to_owned())
                .map(|option| match option.split_once('=').unwrap().0 {
                    "--listen" => "--listen=127.0.0.1:0".to_owned(),
                    "--state" => format!("--state={}", database.url()),
                    "--root" => format!("--root={}", Moto::url()),
                    "--metrics" => format!("--metrics=127.0.0.1:{metrics}"),
                    _ => option,
                })
                .collect();
            assert_eq!(options.len(), 6, "{options:?}");
            let server = Server::start(&options, Moto::environment(moto.address()));
            assert!(is_healthy(*metrics));
            server
        })
        .collect();
    let port = any_port().local_addr().unwrap().port();
    let mut balancer = block("content: |").join("\n");
    for (name, server) in ["one", "two", "three"].iter().zip(&servers) {
        assert!(balancer.contains(&format!("server {name}:8080;")), "{balancer}");
        balancer = balancer.replace(&format!("{name}:8080"), &server.address().to_string());
    }
    let balancer = balancer.replace("listen 8080", &format!("listen 127.0.0.1:{port}"));
    let Some(_nginx) = Nginx::start(&balancer) else { return };
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let begin = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20), "nginx does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (source, bytes) = (folder.path().join("source"), contents(9 * 1024 * 1024));
    std::fs::write(&source, &bytes).unwrap();
    let url = format!("http://{address}/a/b.bin");
    Upload::start(folder.path(), &source, &["--fragment-size", "1MiB"], &url).wait().succeeded();
    assert!(moto.file("/a/b.bin") == Some(bytes));
}
