//! The upload client: one upload, closed only when its reply is here.

use std::error::Error;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::client::{Config, Entity, Event, Output, ReplyMode, Upload};
use bits_proto::limits::{MAX_FRAGMENT_SIZE, MIN_FRAGMENT_SIZE};
use http::Uri;

use crate::conversation::{Conversation, Party};
use crate::exchange::Client;
use crate::files;

/// Uploads a file, and hands the URL of its reply to `fetch`; returns once the server has closed the session.
pub(crate) fn upload(
    path: &Path,
    destination: Uri,
    conversation: &Conversation,
    mut fetch: impl FnMut(Uri) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let size = files::size(path)?;
    // Impatient, as suits an example: the defaults are those of Windows, which tries for 14 days.
    let config = Config::builder()
        .fragment_size((size / 4).clamp(MIN_FRAGMENT_SIZE, MAX_FRAGMENT_SIZE))
        .reply(ReplyMode::Required)
        .retry_delays(Duration::from_millis(200), Duration::from_secs(2))
        .timeouts(Duration::from_secs(20), Duration::from_secs(20))
        .give_up_after(Duration::from_secs(60))
        .seed(files::random_number())
        .build()?;
    let mut upload = Upload::new(Instant::now(), destination, Entity::new(size)?, config)?;
    let mut client = Client::new(files::open(path)?);
    loop {
        // 1. Do what the upload asks for, until it asks for nothing.
        while let Some(output) = upload.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    conversation.request(Party::Client, Party::Server, &transmit.request);
                    client.exchange(&mut upload, &transmit);
                }
                // Where an exchange blocks, it is over before the upload can think better of it.
                Output::Abort(_) => client.hang_up(),
                // The session is closed once this is done, and that deletes the reply. No credentials go with the fetch, so
                // it does not matter whether its host is trusted.
                Output::Event(Event::ReplyReady { url, .. }) => {
                    fetch(url)?;
                    upload.reply_fetched(Instant::now())?;
                }
                Output::Event(Event::HostChanged { host }) => {
                    conversation.note(format_args!("the client goes on to {host}"));
                }
                Output::Event(Event::Waiting { cause, .. }) => conversation.note(cause),
                Output::Event(Event::CredentialsWanted { .. }) => {
                    upload.authenticate(Instant::now(), None)?
                }
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(Event::Completed { .. }) => {
                    let Client { requests, connections, .. } = client;
                    conversation.note(format_args!("{requests} requests, {connections} connections"));
                    return Ok(());
                }
                Output::Event(_) => {}
            }
        }
        // 2. Nothing to do now: sleep until the upload wants to go on.
        let due = upload.poll_timeout().ok_or("the upload waits for something that never comes")?;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        upload.handle_timeout(Instant::now());
    }
}
