//! Uploads from their beginning to their end, refusals, and what is served.

use bits_http::server::{Body, Uploads};
use bits_http::storage::Memory;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{Empty, Full};

use crate::harness::{Log, Session, builder, directory, in_memory, packet, send};

#[tokio::test]
async fn an_upload_is_published_and_its_events_are_told() {
    let (uploads, memory, log) = in_memory().await;
    let session = Session::create(&uploads, "/a/b.bin?token=secret").await;
    assert_eq!(session.fragment(b"hello ", 0, 11).await.received(), Some(6));
    assert_eq!(session.fragment(b"world", 6, 11).await.received(), Some(11));
    assert_eq!((uploads.open_sessions(), memory.file("/a/b.bin")), (1, None));
    assert_eq!(session.close().await.status, 200);
    assert_eq!(memory.file("/a/b.bin").as_deref(), Some(&b"hello world"[..]));
    assert_eq!(uploads.open_sessions(), 0);
    assert_eq!(session.close().await.status, 200, "the repeat");
    assert_eq!(
        log.take(),
        ["opened /a/b.bin", "stored 6 up to 6", "stored 5 up to 11", "published /a/b.bin of 11"]
    );
}

#[tokio::test]
async fn pings_empty_files_and_cancels_are_answered() {
    let (uploads, memory, log) = in_memory().await;
    let ping = packet("/a", "Ping", None).header("Content-Length", 0);
    assert_eq!(send(&uploads, ping.body(Full::<Bytes>::default()).unwrap()).await.status, 200);
    assert_eq!(Session::create(&uploads, "/empty").await.close().await.status, 200);
    assert_eq!(memory.file("/empty").unwrap(), Bytes::new());
    let session = Session::create(&uploads, "/cancelled").await;
    session.fragment(b"abc", 0, 10).await;
    assert_eq!(session.end("Cancel-Session").await.status, 200);
    assert_eq!(session.end("Cancel-Session").await.status, 200, "the repeat");
    assert!(!log.has("failed"));
    let taken = send(&uploads, create("/empty")).await;
    assert_eq!((taken.status, taken.header("bits-error")), (StatusCode::FORBIDDEN, Some("0x80070005")));
    assert!(log.has("403: the destination exists"), "{:?}", log.take());
}

fn create(path: &str) -> Request<Full<Bytes>> {
    packet(path, "Create-Session", None).header("Content-Length", 0).body(Full::default()).unwrap()
}

#[tokio::test]
async fn the_owner_of_a_session_is_who_the_function_says() {
    let (memory, log) = (Memory::new(), Log::default());
    let told = log.clone();
    let uploads = Uploads::builder(memory.clone())
        .owner(|head| match head.headers.get("Authorization") {
            Some(name) => Ok(name.to_str().unwrap().to_owned()),
            None => {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::UNAUTHORIZED;
                Err(answer)
            }
        })
        .events(move |event| told.note(event))
        .open(&directory().build().unwrap(), memory.clone())
        .await
        .unwrap();
    assert_eq!(send(&uploads, create("/a")).await.status, 401);
    assert_eq!(log.take(), ["unauthorized"]);
    let mut request = create("/a");
    request.headers_mut().insert("Authorization", "ann".parse().unwrap());
    let answer = send(&uploads, request).await;
    let id = answer.header("bits-session-id").unwrap();
    for (name, status) in [("bob", 403), ("ann", 200)] {
        let head =
            packet("/a", "Close-Session", Some(id)).header("Content-Length", 0).header("Authorization", name);
        assert_eq!(
            send(&uploads, head.body(Full::<Bytes>::default()).unwrap()).await.status,
            status,
            "{name}"
        );
    }
}

fn get(path: &str, range: Option<&str>, method: &str) -> Request<Empty<Bytes>> {
    let request = Request::builder().method(method).uri(path);
    range
        .map_or(Request::builder().method(method).uri(path), |range| request.header("Range", range))
        .body(Empty::new())
        .unwrap()
}

#[tokio::test]
async fn published_files_are_served_by_get_and_head_with_ranges() {
    let (memory, log) = (Memory::new(), Log::default());
    let uploads =
        builder(memory.clone(), &log).serve().open(&directory().build().unwrap(), memory).await.unwrap();
    let session = Session::create(&uploads, "/a").await;
    session.fragment(b"hello world", 0, 11).await;
    assert_eq!(send(&uploads, get("/a", None, "GET")).await.status, 404, "it is not published yet");
    session.close().await;
    let whole = send(&uploads, get("/a", None, "GET")).await;
    assert_eq!((whole.status, &*whole.body), (StatusCode::OK, &b"hello world"[..]));
    let part = send(&uploads, get("/a", Some("bytes=6-"), "GET")).await;
    assert_eq!((part.status, &*part.body), (StatusCode::PARTIAL_CONTENT, &b"world"[..]));
    let parts = send(&uploads, get("/a", Some("bytes=0-1,9-10"), "GET")).await;
    assert!(parts.header("content-type").unwrap().starts_with("multipart/byteranges"));
    assert_eq!(parts.header("content-length").unwrap(), parts.body.len().to_string());
    let head = send(&uploads, get("/a", None, "HEAD")).await;
    assert_eq!((head.header("content-length"), head.body.len()), (Some("11"), 0));
}

#[tokio::test]
async fn other_methods_are_told_which_ones_are_allowed() {
    let (uploads, ..) = in_memory().await;
    assert_eq!(send(&uploads, get("/a", None, "GET")).await.status, 404);
    for method in ["PUT", "POST", "DELETE", "OPTIONS"] {
        let answer = send(&uploads, get("/a", None, method)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("BITS_POST")), "{method}");
    }
}

#[tokio::test]
async fn sessions_that_rest_for_too_long_expire() {
    let (memory, log) = (Memory::new(), Log::default());
    let directory = directory().session_timeout(std::time::Duration::from_millis(300)).build().unwrap();
    let uploads = builder(memory.clone(), &log).open(&directory, memory).await.unwrap();
    let session = Session::create(&uploads, "/a").await;
    session.fragment(b"abc", 0, 10).await;
    crate::harness::eventually("it expires", || log.has("expired /a")).await;
    assert_eq!(uploads.open_sessions(), 0);
    assert_eq!(session.close().await.header("bits-error"), Some("0x8020001F"));
}
