//! One exchange of an upload: a request on its way, and what is heard of it.

use std::future::Future;
use std::pin::Pin;

use bits_proto::client::{ExchangeId, Transmit};
use bits_proto::packet::Payload;
use http::Response;
use reqwest::Body;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::file_body::FileBody;
use crate::network::{Network, Trouble, drain, head};
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    use bits_proto::client::{Config, Output, Upload};
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    /// The library's timers rely on it: a request that was given up must not arrive behind the next one.
    #[tokio::test(flavor = "current_thread")]
    async fn an_exchange_that_is_given_up_takes_its_connection_with_it() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/a", listener.local_addr().unwrap());
        let (arrived, mut has_arrived) = unbounded_channel();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut head = [0; 4096];
            assert!(stream.read(&mut head).unwrap() > 0);
            arrived.send(()).unwrap();
            // The end of the connection, not the time-out.
            stream.read(&mut head).unwrap()
        });
        let options = Options::try_parse_from(["bits-upload", "Cargo.toml", &url]).unwrap();
        let source = Source::open(&options.file).unwrap();
        let network = Network::new(&options).unwrap();
        let entity = source.entity().clone();
        let mut upload = Upload::new(Instant::now(), options.url, entity, Config::default()).unwrap();
        let Some(Output::Transmit(transmit)) = upload.poll_output() else { panic!("a request goes first") };
        let mut exchange = Exchange::begin(&network, transmit, &source);
        tokio::select! {
            _ = exchange.next() => panic!("nobody answers"),
            arrived = has_arrived.recv() => assert_eq!(arrived, Some(())),
        }
        drop(exchange);
        while !server.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(server.join().unwrap(), 0);
    }
}
