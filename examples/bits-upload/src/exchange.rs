//! One exchange of an upload: a request on its way, and what is heard of it.

use std::future::Future;
use std::pin::Pin;

use bits_proto::client::{ExchangeId, Transmit};
use bits_proto::packet::Payload;
use http::Response;
use reqwest::Body;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::network::{FileBody, Network, Trouble, drain, head};
use crate::source::Source;

/// A request on its way. Dropped, it takes its connection with it.
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    pub(crate) length: u64,
    answer: Pin<Box<dyn Future<Output = Answer>>>,
    sent: UnboundedReceiver<u64>,
}

type Answer = Result<Response<()>, Trouble>;

pub(crate) enum News {
    /// So many bytes of the body have been handed over.
    Sent(u64),
    /// The head of the answer; its body has been drained.
    Answer(Answer),
}

impl Exchange {
    pub(crate) fn begin(network: &Network, transmit: Transmit, source: &Source) -> Self {
        let (told, sent) = unbounded_channel();
        let length = transmit.request.body().len();
        let request = transmit.request.map(|payload| match payload {
            Payload::Empty => Body::from(""),
            Payload::Range(range) => Body::wrap(FileBody::new(source.file(), range, told)),
        });
        let network = network.clone();
        let answer = Box::pin(async move {
            let response = network.send(request).await?;
            let head = head(&response);
            drain(response).await;
            Ok(head)
        });
        Self { id: transmit.id, length, answer, sent }
    }

    pub(crate) async fn next(&mut self) -> News {
        tokio::select! {
            biased;
            Some(bytes) = self.sent.recv() => News::Sent(bytes),
            answer = &mut self.answer => News::Answer(answer),
        }
    }
}
