//! A client that uploads twelve bytes to a server that may die.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::Full;
use tower_service::Service;

use super::super::fail_point::Plan;
use crate::server::Uploads;

pub(super) const FILE: &[u8] = b"twelve bytes";
const PIECE: usize = 5;

/// How an upload ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Closed,
    Cancelled,
}

/// What a client knows.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Client {
    pub(super) id: Option<String>,
    /// What was acknowledged.
    pub(super) offset: usize,
    pub(super) done: bool,
    /// Whether the server knew fewer bytes than it had acknowledged.
    pub(super) went_back: bool,
    /// Whether the server did not know the session any more.
    pub(super) was_lost: bool,
}

/// A server, and whether it has died.
pub(super) struct Server {
    pub(super) uploads: Uploads,
    pub(super) plan: Arc<Plan>,
}

impl Server {
    /// The status and the headers of an answer; `None`: the server died before.
    pub(super) async fn send(
        &mut self,
        packet: &str,
        headers: &[(&str, &str)],
        body: &'static [u8],
    ) -> Option<(u16, HeaderMap)> {
        let request = Request::builder().method("BITS_POST").uri("/a").header("BITS-Packet-Type", packet);
        let request = request.header("Content-Length", body.len());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer =
            self.uploads.call(request.body(Full::new(Bytes::from_static(body))).unwrap()).await.unwrap();
        match self.plan.died() {
            Some(_) => None,
            None => Some((answer.status().as_u16(), answer.headers().clone())),
        }
    }
}

impl Client {
    /// Goes on as far as the server lives.
    pub(super) async fn go_on(&mut self, server: &mut Server, end: End) -> Option<()> {
        if self.id.is_none() {
            let protocols = ("BITS-Supported-Protocols", "{7df0354d-249b-430f-820d-3d2a9bef4931}");
            let (status, headers) = server.send("Create-Session", &[protocols], b"").await?;
            assert_eq!(status, 200, "Create");
            self.id = Some(headers["bits-session-id"].to_str().unwrap().to_owned());
            server.plan.acknowledged(self);
        }
        let id = self.id.clone().unwrap();
        let session = ("BITS-Session-Id", &*id);
        // What is cancelled is not sent whole.
        let size = if end == End::Closed { FILE.len() } else { PIECE };
        while self.offset < size {
            let to = (self.offset + PIECE).min(size);
            let range = format!("bytes {}-{}/{}", self.offset, to - 1, FILE.len());
            let headers = [session, ("Content-Range", &*range)];
            let (status, headers) = server.send("Fragment", &headers, &FILE[self.offset..to]).await?;
            if status == 500 && headers["bits-error-code"] == "0x8020001F" {
                assert_eq!(self.offset, 0, "a session with bytes is known");
                self.was_lost = true;
                self.id = None;
                return Box::pin(self.go_on(server, end)).await;
            }
            assert!([200, 416].contains(&status), "Fragment is answered {status}: {headers:?}");
            let received = headers["bits-received-content-range"].to_str().unwrap().parse().unwrap();
            self.went_back |= received < self.offset;
            self.offset = received;
            assert!(status == 416 || self.offset >= to, "what is acknowledged is stored");
            server.plan.acknowledged(self);
        }
        let last = if end == End::Closed { "Close-Session" } else { "Cancel-Session" };
        let (status, headers) = server.send(last, &[session], b"").await?;
        assert_eq!(status, 200, "{last}: {headers:?}");
        self.done = true;
        server.plan.acknowledged(self);
        Some(())
    }
}
