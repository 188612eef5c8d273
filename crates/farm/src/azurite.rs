//! Azurite, which speaks Azure Blob Storage, for a test of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bits_proto::download::HttpDate;
use object_store::azure::MicrosoftAzureBuilder;
use ring::hmac;
use testing::http1::{Message, request_head};

use crate::emulator::Emulator;

const CONTAINER: &str = "farm";
const VERSION: &str = "2021-12-02";

/// The account that every Azurite has, and its key: they are in its manual, and no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// An Azurite that ends with the test. Everything is in its memory.
#[derive(Debug)]
pub struct Azurite(Emulator);

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
        let azurite = Self(Emulator::start(|address| {
            let mut command = Command::new(program);
            command
                .args(["--inMemoryPersistence", "--silent", "--skipApiVersionCheck", "--disableTelemetry"])
                .args(["--blobPort", &address.port().to_string()]);
            command
        }));
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
            .with_endpoint(format!("http://{}/{ACCOUNT}", self.0.address))
            .with_container_name(CONTAINER)
    }

    fn make_container(&self) -> Message {
        let date = HttpDate::from(SystemTime::now()).to_string();
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/{CONTAINER}\nrestype:container");
        let signed = format!("PUT{}x-ms-date:{date}\nx-ms-version:{VERSION}\n{resource}", "\n".repeat(12));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(KEY).unwrap());
        let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let (host, authorization) = (self.0.address.to_string(), format!("SharedKey {ACCOUNT}:{signature}"));
        let headers = [
            ("Host", &*host),
            ("Content-Length", "0"),
            ("x-ms-date", &date),
            ("x-ms-version", VERSION),
            ("Authorization", &authorization),
            ("Connection", "close"),
        ];
        self.0.ask(&request_head("PUT", &format!("/{ACCOUNT}/{CONTAINER}?restype=container"), &headers))
    }
}

fn program() -> Option<PathBuf> {
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/azurite"));
    let program = target.join("node_modules/.bin/azurite-blob");
    program.exists().then_some(program)
}
