//! moto, which speaks S3, for a test of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use testing::http1::{Message, request_head};

use crate::emulator::Emulator;

/// The bucket of every test.
const BUCKET: &str = "farm";

/// A moto that ends with the test. Everything is in its memory.
#[derive(Debug)]
pub struct Moto(Emulator);

impl Moto {
    /// Starts one, with a bucket that remembers every version of its objects.
    ///
    /// # Panics
    /// moto is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let moto = Self(Emulator::start(|address| {
            let mut command = Command::new(program());
            command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
            command
        }));
        assert_eq!(moto.request("PUT", &format!("/{BUCKET}"), b"").status, 200);
        let versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        assert_eq!(moto.request("PUT", &format!("/{BUCKET}?versioning"), versioning).status, 200);
        moto
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// The environment of a program that uses it, at this address.
    #[must_use]
    pub fn environment(address: SocketAddr) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ENDPOINT", format!("http://{address}")),
        ]
    }

    /// The URL of the bucket.
    #[must_use]
    pub fn url() -> String {
        format!("s3://{BUCKET}/files")
    }

    /// What a published file has.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        let answer = self.request("GET", &format!("/{BUCKET}/files{path}"), b"");
        (answer.status == 200).then_some(answer.body)
    }

    /// The keys of all objects.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let answer = self.request("GET", &format!("/{BUCKET}?list-type=2&max-keys=100000"), b"");
        texts(&answer.body, "Key")
    }

    /// The keys of all versions that objects ever had, deleted ones among them.
    #[must_use]
    pub fn versions(&self) -> Vec<String> {
        let answer = self.request("GET", &format!("/{BUCKET}?versions&max-keys=100000"), b"");
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let versions =
            body.split("<Version>").skip(1).filter_map(|version| version.split("</Version>").next());
        versions.flat_map(|version| texts(version.as_bytes(), "Key")).collect()
    }

    /// The multipart uploads that have parts and were neither completed nor aborted.
    #[must_use]
    pub fn unfinished(&self) -> Vec<String> {
        let has_parts = |(key, id): &(String, String)| {
            let parts = self.request("GET", &format!("/{BUCKET}/{key}?uploadId={id}"), b"");
            !texts(&parts.body, "PartNumber").is_empty()
        };
        self.uploads().into_iter().filter(has_parts).map(|(key, _)| key).collect()
    }

    /// The multipart uploads that were neither completed nor aborted: keys below the bucket, and ids.
    #[must_use]
    pub fn uploads(&self) -> Vec<(String, String)> {
        let answer = self.request("GET", &format!("/{BUCKET}?uploads"), b"");
        texts(&answer.body, "Key").into_iter().zip(texts(&answer.body, "UploadId")).collect()
    }

    /// Puts a part, as a server does that slept.
    ///
    /// # Panics
    /// It is refused.
    pub fn put_part(&self, key: &str, upload: &str, number: u32, bytes: &[u8]) {
        let target = format!("/{BUCKET}/{key}?partNumber={number}&uploadId={upload}");
        assert_eq!(self.request("PUT", &target, bytes).status, 200);
    }

    fn request(&self, method: &str, target: &str, body: &[u8]) -> Message {
        let (host, length) = (self.0.address.to_string(), body.len().to_string());
        // It looks at the service's name alone.
        let key = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";
        let headers =
            [("Host", &*host), ("Content-Length", &length), ("Authorization", key), ("Connection", "close")];
        let mut bytes = request_head(method, target, &headers);
        bytes.extend_from_slice(body);
        self.0.ask(&bytes)
    }
}

/// `MOTO` names it; else `.ci/run` has put it into `target`, or it is in the path.
fn program() -> PathBuf {
    let target = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/moto/bin/moto_server"));
    let named = std::env::var_os("MOTO").map(PathBuf::from);
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|path| {
        std::env::split_paths(&path).map(|folder| folder.join("moto_server")).collect::<Vec<_>>()
    });
    let mut all = named.into_iter().chain([target.to_owned()]).chain(in_path);
    all.find(|program| program.exists()).unwrap_or_else(|| {
        panic!("moto is missing: python3 -m venv target/moto && target/moto/bin/pip install 'moto[server]'")
    })
}

/// The texts of all elements with this name.
fn texts(xml: &[u8], name: &str) -> Vec<String> {
    let xml = String::from_utf8_lossy(xml);
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&*begin).skip(1).filter_map(|rest| rest.split(&*end).next().map(str::to_owned)).collect()
}
