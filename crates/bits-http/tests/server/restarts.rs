//! Servers that end at any time, and those that come after them.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bits_http::server::Uploads;
use bits_http::storage::Folder;
use tempfile::TempDir;

use crate::harness::{Log, Session, builder, directory};

/// A server on a folder.
async fn open(root: &TempDir, log: &Log) -> Uploads {
    // The folder of the server before is given up when its last task ends.
    for _ in 0..500 {
        if let Ok(folder) = Folder::open(root.path()) {
            let uploads = builder(folder.clone(), log).open(&directory().build().unwrap(), folder).await;
            return uploads.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", Folder::open(root.path()).unwrap_err());
}

fn state_file(root: &TempDir, extension: &str) -> PathBuf {
    let entries = fs::read_dir(root.path().join(".bits")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
    found.next().unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_after_every_request() {
    let (root, log) = (TempDir::new().unwrap(), Log::default());
    let bytes: Vec<u8> = (0..50_000_u32).map(|at| (at % 251) as u8).collect();
    let mut session = Session::create(&open(&root, &log).await, "/a.bin").await;
    for (number, piece) in bytes.chunks(10_000).enumerate() {
        session = go_on(session, &root, &log).await;
        let end = (number as u64 + 1) * 10_000;
        assert_eq!(session.fragment(piece, number * 10_000, bytes.len()).await.received(), Some(end));
    }
    session = go_on(session, &root, &log).await;
    assert_eq!(session.close().await.status, 200);
    assert_eq!(fs::read(root.path().join("a.bin")).unwrap(), bytes);
    // Whoever takes the file away does not find it again.
    fs::remove_file(root.path().join("a.bin")).unwrap();
    session = go_on(session, &root, &log).await;
    assert_eq!(session.close().await.status, 200);
    assert!(!root.path().join("a.bin").exists());
    assert!(!log.has("failed") && !log.has("found"), "{:?}", log.take());
}

/// Another server, after the end of the one before.
async fn go_on(session: Session, root: &TempDir, log: &Log) -> Session {
    let Session { uploads, path, id } = session;
    uploads.shutdown().await;
    drop(uploads);
    Session { uploads: open(root, log).await, path, id }
}

#[tokio::test]
async fn records_that_cannot_be_used_are_named_and_left_alone() {
    let (root, log) = (TempDir::new().unwrap(), Log::default());
    let uploads = open(&root, &log).await;
    let session = Session::create(&uploads, "/a.bin").await;
    session.fragment(b"abc", 0, 10).await;
    drop((session, uploads));
    let record = state_file(&root, "json");
    for broken in ["{", "[]", r#"{"version":99}"#] {
        fs::write(&record, broken).unwrap();
        let uploads = open(&root, &log).await;
        assert!(log.has("found Record"), "{broken}: {:?}", log.take());
        log.take();
        assert_eq!(fs::read_to_string(&record).unwrap(), broken);
        assert_eq!(uploads.open_sessions(), 0);
        let hidden = fs::read_dir(root.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with(".bits-"));
        assert_eq!(hidden.count(), 1, "its bytes stay");
    }
    // They do not stay for ever.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(40 * 24 * 60 * 60);
    fs::File::open(&record).unwrap().set_modified(long_ago).unwrap();
    let _uploads = open(&root, &log).await;
    assert!(!record.exists());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "the state folder alone");
}
