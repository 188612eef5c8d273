//! Azurite, which speaks Azure Blob Storage, for a test of its own.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bits_proto::download::HttpDate;
use object_store::azure::MicrosoftAzureBuilder;
use ring::hmac;
use testing::http1::{Message, request_head};

const DEADLINE: Duration = Duration::from_secs(60);
const CONTAINER: &str = "farm";
const VERSION: &str = "2021-12-02";

/// The account that every Azurite has, and its key: they are in its manual, and no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An Azurite that ends with the test. Everything is in its memory.
#[derive(Debug)]
pub struct Azurite {
    server: Child,
    address: SocketAddr,
}

impl Azurite {
    /// Starts one, with an empty container. `None`, and a note, where it is not installed.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            println!("skipped: Azurite is missing: npm install --prefix target/azurite azurite");
            return None;
        };
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let server = Command::new(program)
            .args(["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"])
            .args(["--blobPort", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let azurite = Self { server, address };
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "Azurite does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        let made = azurite.make_container();
        assert_eq!(made.status, 201, "{made:?}");
        Some(azurite)
    }

    /// The container.
    #[must_use]
    pub fn container(&self) -> MicrosoftAzureBuilder {
        MicrosoftAzureBuilder::new()
            .with_account(ACCOUNT)
            .with_access_key(KEY)
            .with_endpoint(format!("http://{}/{ACCOUNT}", self.address))
            .with_container_name(CONTAINER)
    }

    fn make_container(&self) -> Message {
        let date = HttpDate::from(SystemTime::now()).to_string();
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container");
        let signed = format!("PUT{}x-ms-date:{date}\nx-ms-version:{VERSION}\n{resource}", "\n".repeat(12));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(KEY).unwrap());
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let (host, authorization) = (self.address.to_string(), format!("SharedKey {ACCOUNT}:{signature}"));
        let headers = [
            ("Host", &*host),
            ("Content-Length", "0"),
            ("x-ms-date", &date),
            ("x-ms-version", VERSION),
            ("Authorization", &authorization),
            ("Connection", "close"),
        ];
        let mut stream = BufReader::new(TcpStream::connect(self.address).unwrap());
        let head = request_head("PUT", &format!("/{ACCOUNT}/{CONTAINER}?restype=container"), &headers);
        stream.get_mut().write_all(&head).unwrap();
        Message::read_response(&mut stream).unwrap().with_body(&mut stream).unwrap()
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _dead_already = self.server.kill();
        let _reaped_already = self.server.wait();
    }
}

fn program() -> Option<PathBuf> {
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/azurite"));
    let program = target.join("node_modules/.bin/azurite-blob");
    program.exists().then_some(program)
}
