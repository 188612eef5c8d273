//! A certificate that nobody has signed.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

/// For 127.0.0.1, in files.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub fn create() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let this = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(this.chain(), made.cert.pem()).unwrap();
        fs::write(this.key(), made.signing_key.serialize_pem()).unwrap();
        this
    }

    pub fn chain(&self) -> PathBuf {
        self.folder.path().join("chain.pem")
    }

    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }
}
