//! A client on reqwest: async.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::time::Instant;

use bits_proto::client::{Config, Event, Output, TransportError, Upload};
use bits_proto::packet::Payload;
use futures_util::FutureExt;
use futures_util::future::Fuse;
use http::{Request, Response, Uri};
use reqwest::redirect::Policy;
use reqwest::{Body, ClientBuilder, retry};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::time::sleep_until;
use tokio_util::io::ReaderStream;

use crate::source::Source;

/// Uploads a file; returns once the server has published it, or with the reason why it has not. Dropped, it leaves the
/// upload to the server's session timeout.
///
/// `client` has the certificates, the proxy and so on that the caller wants.
///
/// # Errors
/// The file cannot be uploaded, or may not be.
pub async fn upload(
    client: ClientBuilder,
    source: &Source,
    destination: Uri,
    config: Config,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // To follow, to try again and to give up are the upload's to decide: reqwest has no timeouts of its own.
    let client = client
        .redirect(Policy::none())
        .retry(retry::never())
        .build()?;
    let mut upload = Upload::new(Instant::now(), destination, source.entity()?, config)?;
    let mut exchange = pin!(Fuse::terminated());
    loop {
        // 1. Do what the upload asks for, until it asks for nothing.
        while let Some(output) = upload.poll_output() {
            match output {
                Output::Transmit(transmit) => match with_body(transmit.request, source) {
                    Ok(request) => {
                        let (client, id) = (client.clone(), transmit.id);
                        exchange.set(async move { (id, send(client, request).await) }.fuse());
                        // reqwest does not tell when the body has left: one timer is for sending and for the answer.
                        upload.handle_sent(Instant::now(), id);
                    }
                    Err(_gone_or_changed) => upload.source_changed(Instant::now())?,
                },
                // Dropped, it takes its connection with it.
                Output::Abort(_) => exchange.set(Fuse::terminated()),
                Output::Event(Event::CredentialsWanted { .. }) => {
                    upload.authenticate(Instant::now(), None)?
                }
                Output::Event(Event::Completed { .. }) => return Ok(()),
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(_) => {}
            }
        }
        // 2. Wait for the answer, or for a timer of the upload.
        let due = upload
            .poll_timeout()
            .ok_or("the upload waits for a command")?;
        tokio::select! {
            (id, answer) = &mut exchange => match answer {
                Ok(response) => upload.handle_response(Instant::now(), id, &response),
                Err(error) => upload.handle_transport_error(Instant::now(), id, error),
            },
            () = sleep_until(due.into()) => upload.handle_timeout(Instant::now()),
        }
    }
}

/// The file is read as the network takes it; its length is in the head already.
fn with_body(request: Request<Payload>, source: &Source) -> io::Result<Request<Body>> {
    let (head, payload) = request.into_parts();
    let body = match payload {
        Payload::Empty => Body::default(),
        Payload::Range(range) => {
            let file = File::from_std(source.open_at(range.start)?);
            Body::wrap_stream(ReaderStream::new(file.take(range.end - range.start)))
        }
    };
    Ok(Request::from_parts(head, body))
}

async fn send(
    client: reqwest::Client,
    request: Request<Body>,
) -> Result<Response<Body>, TransportError> {
    let sent = async { client.execute(request.try_into()?).await };
    match sent.await {
        Ok(response) => Ok(response.into()),
        // No connection, no byte of the request.
        Err(error) if error.is_connect() || error.is_builder() => Err(TransportError::Unsent),
        Err(_) => Err(TransportError::Interrupted),
    }
}
