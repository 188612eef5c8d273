//! The whole of a client: one upload, driven over one connection at a time.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::client::{Config, Entity, Event, Output, Upload};
use http::Uri;

use crate::conversation::Conversation;
use crate::exchange::Client;
use crate::files;

/// What an upload amounted to.
pub(crate) struct Totals {
    requests: u32,
    connections: u32,
    retries: u32,
    elapsed: Duration,
}

/// Uploads a file; returns once the server has published it.
pub(crate) fn upload(
    path: &Path,
    destination: Uri,
    fragment_size: u64,
    conversation: &Conversation,
) -> Result<Totals, Box<dyn Error>> {
    let file = files::open(path)?;
    let begin = Instant::now();
    // Impatient, as suits an example: the defaults are those of Windows, which tries for 14 days.
    let config = Config::builder()
        .fragment_size(fragment_size)
        .retry_delays(Duration::from_millis(200), Duration::from_secs(2))
        .timeouts(Duration::from_secs(20), Duration::from_secs(20))
        .give_up_after(Duration::from_secs(60))
        .seed(files::random_number())
        .build()?;
    let mut upload = Upload::new(begin, destination, entity(path, &file)?, config)?;
    let mut client = Client::new(file);
    let mut retries = 0;
    loop {
        // 1. Do what the upload asks for, until it asks for nothing.
        while let Some(output) = upload.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    conversation.request(&transmit.request);
                    client.exchange(&mut upload, &transmit);
                }
                // Where an exchange blocks, it is over before the upload can think better of it.
                Output::Abort(_) => client.hang_up(),
                Output::Event(Event::Waiting { delay, cause }) => {
                    retries += 1;
                    let delay = delay.as_millis();
                    conversation.note(format_args!("{cause}; trying again in {delay} ms"));
                }
                Output::Event(Event::Resynchronised { from, to }) => {
                    conversation.note(format_args!("the server wants byte {to}, not {from}"));
                }
                Output::Event(Event::CredentialsWanted { .. }) => {
                    upload.authenticate(Instant::now(), None)?
                }
                Output::Event(Event::Failed(failure)) => return Err(failure.into()),
                Output::Event(Event::Completed { .. }) => {
                    let Client { requests, connections, .. } = client;
                    return Ok(Totals { requests, connections, retries, elapsed: begin.elapsed() });
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

/// The name is a courtesy to the server. Where it is none that may be sent, the file goes without.
fn entity(path: &Path, file: &File) -> Result<Entity, Box<dyn Error>> {
    let entity = Entity::new(file.metadata()?.len())?;
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    Ok(entity.clone().named(name).unwrap_or(entity))
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, connections, retries, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        write!(f, "in {seconds:.2} s; requests: {requests}, connections: {connections}, retries: {retries}")
    }
}
