//! A server that appends whatever comes, as some do: to it a repeated fragment corrupts the file.

use std::collections::BTreeMap;
use std::time::Instant;

use http::{Request, Response};

use super::server::Serve;

#[derive(Debug, Default)]
pub struct Appending {
    open: BTreeMap<String, Vec<u8>>,
    published: Vec<Vec<u8>>,
    created: u32,
}

impl Serve for Appending {
    fn serve(&mut self, _now: Instant, head: &Request<()>, body: &[u8]) -> Response<()> {
        let header = |name| head.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let session = header("bits-session-id").to_owned();
        let ack = Response::builder().header("BITS-Packet-Type", "Ack").header("Content-Length", "0");
        let gone = || Response::builder().status(500).header("BITS-Error-Code", "0x8020001F");
        let response = match header("bits-packet-type") {
            "Ping" => ack,
            "Create-Session" => {
                self.created += 1;
                let session = format!("upload-{}", self.created);
                self.open.insert(session.clone(), Vec::new());
                ack.header("BITS-Session-Id", session)
            }
            "Fragment" => match self.open.get_mut(&session) {
                Some(bytes) => {
                    bytes.extend_from_slice(body);
                    ack
                }
                None => gone(),
            },
            "Close-Session" => match self.open.remove(&session) {
                Some(bytes) => {
                    self.published.push(bytes);
                    ack
                }
                None => gone(),
            },
            "Cancel-Session" => match self.open.remove(&session) {
                Some(_) => ack,
                None => gone(),
            },
            other => panic!("{other}"),
        };
        response.body(()).unwrap()
    }

    fn stick(&mut self, now: Instant, head: &Request<()>, body: &[u8], stored: usize, _dies: bool) {
        let _nobody_listens = self.serve(now, head, &body[..stored.min(body.len())]);
    }

    fn forget(&mut self, _now: Instant) {
        self.open.clear();
    }

    fn published(&self) -> &[Vec<u8>] {
        &self.published
    }
}
