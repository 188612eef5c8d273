//! The image of bits-server: a static program and nothing else, made and run where there is Docker or podman.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use end_to_end::{Connection, Port, eventually};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const TARGET: &str = "x86_64-unknown-linux-musl";

/// The first of the tools that works.
fn tool() -> Option<&'static str> {
    let works = |tool: &&str| {
        let done = Command::new(tool).arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    let tool = ["docker", "podman"].into_iter().find(works);
    if tool.is_none() {
        println!("skipped: neither docker nor podman works here: apt-get install podman");
    }
    tool
}

fn run(tool: &str, words: &[&str]) -> String {
    let output = Command::new(tool).args(words).current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "{tool} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A container that runs. Dropped, it is removed.
struct Container<'t>(&'t str, String);

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _best_effort = Command::new(self.0).args(["logs", &self.1]).status();
        }
        let _best_effort = Command::new(self.0).args(["rm", "--force", &self.1]).output();
    }
}

/// The image has one file, which runs without any other.
fn assert_is_static_and_alone(container: &Container<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("image.tar");
    run(container.0, &["export", "--output", tar.to_str().unwrap(), &container.1]);
    let listed = Command::new("tar").arg("--list").arg("--file").arg(&tar).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    // The tool adds places to mount things at, and a volume.
    let programs: Vec<_> =
        listed.lines().filter(|name| name.contains("bin") || name.contains(".so")).collect();
    assert!(programs.is_empty() && listed.lines().any(|name| name == "bits-server"), "{listed}");
    let (archive, into) = (tar.to_str().unwrap(), folder.path().to_str().unwrap());
    let unpack = ["--extract", "--file", archive, "--directory", into, "bits-server"];
    assert!(Command::new("tar").args(unpack).status().unwrap().success());
    let told = Command::new(folder.path().join("bits-server")).arg("--version").env_clear().output().unwrap();
    assert!(told.status.success() && told.stdout.starts_with(b"bits-server "), "{told:?}");
    let linked = Command::new("ldd").arg(folder.path().join("bits-server")).output().unwrap();
    let linked = String::from_utf8_lossy(&[linked.stdout, linked.stderr].concat()).into_owned();
    assert!(linked.contains("statically linked") || linked.contains("not a dynamic"), "{linked}");
}

#[test]
fn the_image_of_the_dockerfile_serves_a_folder() {
    let Some(tool) = tool() else { return };
    run("rustup", &["target", "add", TARGET]);
    let build = ["build", "--locked", "--target", TARGET, "--package", "bits-server"];
    let built = Command::new(env!("CARGO"))
        .args(build)
        .current_dir(ROOT)
        // No C library is needed of which only musl's compiler has the headers.
        .env("CC_x86_64_unknown_linux_musl", "cc")
        .status();
    assert!(built.unwrap().success());
    let context = tempfile::tempdir().unwrap();
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| format!("{ROOT}/target"));
    fs::copy(Path::new(&target).join(TARGET).join("debug/bits-server"), context.path().join("bits-server"))
        .unwrap();
    let context_path = context.path().to_str().unwrap();
    let image = format!("localhost/bits-server-test-{}", std::process::id());
    run(tool, &["build", "--tag", &image, "--file", "crates/bits-server/Dockerfile", context_path]);
    let (root, port) = (tempfile::tempdir().unwrap(), Port::reserve());
    let owner = fs::metadata(root.path()).unwrap();
    let volume = format!("{}:/srv", root.path().display());
    let user = format!("{}:{}", owner.uid(), owner.gid());
    let listen = port.address.to_string();
    let words =
        ["create", "--network", "host", "--user", &user, "--volume", &volume, &image, "--listen", &listen];
    let container = Container(tool, run(tool, &words));
    assert_is_static_and_alone(&container);
    let started = Command::new(tool).args(["start", &container.1]).output().unwrap();
    if !started.status.success() {
        // In a container itself, perhaps.
        println!("skipped: no container starts here: {}", String::from_utf8_lossy(&started.stderr));
        drop(container);
        run(tool, &["rmi", "--force", &image]);
        return;
    }
    eventually("it listens", || std::net::TcpStream::connect(port.address).is_ok());
    let id = Connection::open(port.address).create_session("/a.bin");
    let headers =
        [("BITS-Packet-Type", "Fragment"), ("BITS-Session-Id", &*id), ("Content-Range", "bytes 0-4/5")];
    let send = |headers: &[(&str, &str)], body| {
        Connection::open(port.address).request("BITS_POST", "/a.bin", headers, body).status
    };
    assert_eq!(send(&headers, b"hello"), 200);
    assert_eq!(send(&[("BITS-Packet-Type", "Close-Session"), ("BITS-Session-Id", &id)], b""), 200);
    assert_eq!(fs::read(root.path().join("a.bin")).unwrap(), b"hello");
    drop(container);
    run(tool, &["rmi", "--force", &image]);
}
