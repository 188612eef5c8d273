//! Server applications: told by value and by reference, and their replies.

use std::convert::Infallible;
use std::fs;
use std::sync::{Arc, Mutex};

use bits_http::server::{Application, Body, Uploads};
use bits_http::storage::{Contents, Folder, Memory, Records, Storage};
use bits_proto::notify::NotificationType;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use tempfile::TempDir;

use crate::harness::{Log, Session, directory, send};

/// An application that answers with what a test says.
#[derive(Clone, Default)]
struct Desk {
    told: Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>,
    reply: &'static [u8],
    refuses: bool,
}

impl Application for Desk {
    type Body = Full<Bytes>;
    type Error = Infallible;

    async fn send(&self, request: Request<Body>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if let Some(path) = head.headers.get("bits-response-datafile-name").filter(|_| !self.reply.is_empty())
        {
            fs::write(path.to_str().unwrap(), self.reply).unwrap();
        }
        let by_value = !head.headers.contains_key("bits-request-datafile-name");
        self.told.lock().unwrap().push((head, body));
        let response = Response::builder().status(if self.refuses { 403 } else { 200 });
        let reply = if by_value && !self.refuses { self.reply } else { b"" };
        let response =
            response.header("BITS-Copy-File-To-Destination", "1").header("Content-Length", reply.len());
        Ok(response.body(Full::from(reply)).unwrap())
    }
}

async fn notified<S: Contents + Storage + Records + Clone>(
    storage: S,
    kind: NotificationType,
    desk: &Desk,
) -> (Uploads, Log) {
    let log = Log::default();
    let told = log.clone();
    let uploads = Uploads::builder(storage.clone())
        .events(move |event| told.note(event))
        .serve()
        .notify(desk.clone(), |head| format!("http://server.example{}", head.uri).parse().ok())
        .open(&directory().notification(kind).build().unwrap(), storage)
        .await;
    (uploads.unwrap(), log)
}

fn url() -> bits_proto::notify::NotificationUrl {
    "http://application.example/take".parse().unwrap()
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::builder().uri(path).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn an_application_is_sent_the_entity_and_its_reply_is_fetched() {
    let desk = Desk { reply: b"thank you", ..Desk::default() };
    let (uploads, log) = notified(Memory::new(), NotificationType::ByValue(url()), &desk).await;
    let session = Session::create(&uploads, "/a").await;
    let answer = session.fragment(b"hello", 0, 5).await;
    let reply = answer.header("bits-reply-url").expect("a reply").to_owned();
    let (head, body) = desk.told.lock().unwrap().remove(0);
    assert_eq!((&*body, head.headers["content-length"].to_str().unwrap()), (&b"hello"[..], "5"));
    let path = &format!("/{reply}");
    assert_eq!(send(&uploads, get(path)).await.body, &b"thank you"[..]);
    assert_eq!(session.close().await.status, 200);
    assert_eq!(send(&uploads, get("/a")).await.body, &b"hello"[..]);
    assert_eq!(send(&uploads, get(path)).await.status, 404, "the session is over");
    assert!(log.has("notified: taken"));
    assert!(!log.has("failed"), "{:?}", log.take());
}

#[tokio::test]
async fn an_application_is_told_where_the_file_is() {
    let root = TempDir::new().unwrap();
    let desk = Desk { reply: b"thank you", ..Desk::default() };
    let folder = Folder::open(root.path()).unwrap();
    let (uploads, log) = notified(folder, NotificationType::ByReference(url()), &desk).await;
    let session = Session::create(&uploads, "/a").await;
    let answer = session.fragment(b"hello", 0, 5).await;
    let (head, _) = desk.told.lock().unwrap().remove(0);
    let request = head.headers["bits-request-datafile-name"].to_str().unwrap();
    assert_eq!(fs::read(request).unwrap(), b"hello");
    let reply = answer.header("bits-reply-url").expect("a reply").to_owned();
    let path = &format!("/{reply}");
    assert_eq!(send(&uploads, get(path)).await.body, &b"thank you"[..]);
    assert_eq!(session.close().await.status, 200);
    assert_eq!(fs::read(root.path().join("a")).unwrap(), b"hello");
    assert!(!log.has("failed"), "{:?}", log.take());
}

#[tokio::test]
async fn an_application_that_refuses_is_heard() {
    let desk = Desk { refuses: true, ..Desk::default() };
    let (uploads, log) = notified(Memory::new(), NotificationType::ByValue(url()), &desk).await;
    let session = Session::create(&uploads, "/a").await;
    let answer = session.fragment(b"hello", 0, 5).await;
    assert_eq!((answer.status.as_u16(), answer.header("bits-error-context")), (403, Some("0x7")));
    assert!(log.has("403: the server application did not take an upload"), "{:?}", log.take());
    assert!(log.has("notified: refused"));
}
