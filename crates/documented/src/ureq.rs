//! A client on ureq: it blocks, and needs no runtime.

use std::error::Error;
use std::io::{self, Read};
use std::thread;
use std::time::Instant;

use bits_proto::client::{Config, Event, Output, Transmit, TransportError, Upload};
use bits_proto::packet::Payload;
use http::{Response, Uri};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;
use ureq::{Agent, Body, SendBody, Timeout};

use crate::source::Source;

/// Uploads a file; returns once the server has published it, or with the reason why it has not.
///
/// `agent` has the certificates, the proxy and so on that the caller wants.
///
/// # Errors
/// The file cannot be uploaded, or may not be.
pub fn upload(
    agent: ConfigBuilder<AgentScope>,
    source: &Source,
    destination: Uri,
    config: Config,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    // To follow and to try again are the upload's to decide, by the answers themselves.
    let agent = agent
        .allow_non_standard_methods(true)
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let mut upload = Upload::new(Instant::now(), destination, source.entity()?, config)?;
    loop {
        // 1. Do what the upload asks for, until it asks for nothing.
        while let Some(output) = upload.poll_output() {
            match output {
                Output::Transmit(transmit) => exchange(&agent, source, &mut upload, transmit)?,
                // Where an exchange blocks, it is over before the upload can think better of it.
                Output::Abort(_) => {}
                Output::Event(Event::CredentialsWanted { .. }) => {
                    upload.authenticate(Instant::now(), None)?
                }
                Output::Event(Event::Completed { .. }) => return Ok(()),
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(_) => {}
            }
        }
        // 2. Nothing to do now: sleep until the upload wants to go on.
        let due = upload
            .poll_timeout()
            .ok_or("the upload waits for a command")?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        upload.handle_timeout(Instant::now());
    }
}

/// Sends one request, and tells the upload what came of it.
fn exchange(
    agent: &Agent,
    source: &Source,
    upload: &mut Upload,
    transmit: Transmit,
) -> Result<(), bits_proto::ApiMisuse> {
    let id = transmit.id;
    match send(agent, source, transmit) {
        Ok(Ok(response)) => upload.handle_response(Instant::now(), id, &response),
        Ok(Err(error)) => upload.handle_transport_error(Instant::now(), id, kind(&error)),
        Err(_gone_or_changed) => upload.source_changed(Instant::now())?,
    }
    Ok(())
}

/// The file is read as the network takes it; its length is in the head already. An error of the file is the outer one.
fn send(
    agent: &Agent,
    source: &Source,
    transmit: Transmit,
) -> io::Result<Result<Response<Body>, ureq::Error>> {
    let (head, payload) = transmit.request.into_parts();
    let body = match payload {
        Payload::Empty => SendBody::none(),
        Payload::Range(range) => {
            let file = source.open_at(range.start)?;
            SendBody::from_owned_reader(file.take(range.end - range.start))
        }
    };
    // The upload's timers cannot interrupt what blocks, so the agent keeps the same times.
    let request = agent
        .configure_request(http::Request::from_parts(head, body))
        .timeout_connect(Some(transmit.request_timeout))
        .timeout_send_body(Some(transmit.request_timeout))
        .timeout_recv_response(Some(transmit.response_timeout))
        .build();
    Ok(agent.run(request))
}

/// Whether a byte of the request may have left.
fn kind(error: &ureq::Error) -> TransportError {
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => TransportError::Unsent,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            TransportError::Unsent
        }
        _ => TransportError::Interrupted,
    }
}
