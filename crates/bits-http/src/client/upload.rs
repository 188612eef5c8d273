//! Uploads a source: from the first look at the state to the last word to the server.

use std::sync::Arc;
use std::time::Instant;

use bits_proto::client::HostPolicy;
use http::Uri;

use super::beginning::begin;
use super::body::Bodies;
use super::buffers::Buffers;
use super::config::Config;
use super::control::Control;
use super::error::Error;
use super::event::Event;
use super::exchange::first;
use super::job::Job;
use super::reply::Fetcher;
use super::reply_file::ReplyFile;
use super::source::Source;
use super::state::Kept;
use super::transport::Transport;

/// An upload that the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// Whether the server confirmed it. If not, its last answer was lost, and the session is gone now: most likely the server has
    /// published the bytes ([C17](bits_proto::manual::decisions#c17)).
    pub confirmed: bool,
    /// The size of the upload in bytes.
    pub bytes: u64,
    /// The size of the reply in bytes, if one was required.
    pub reply: Option<u64>,
}

/// Uploads a source. Returns once the server has it, or with an error.
///
/// If the future is dropped, its connection is closed. An upload with the same state can go on with the session; otherwise it
/// expires on the server. [`Config::protocol`] has the settings of the protocol.
///
/// # Errors
/// [`Error`] says which are worth another try: an upload with the same [state](Config::state) goes on then.
pub async fn upload<T: Transport>(
    source: impl Source,
    destination: Uri,
    transport: &T,
    config: Config,
) -> Result<Completed, Error> {
    run(source, destination, transport, config, Aim::Upload).await
}

/// Tries the connection, TLS and the credentials without an upload, by a Ping. The server creates nothing.
///
/// # Errors
/// As of [`upload`].
pub async fn check<T: Transport>(
    source: impl Source,
    destination: Uri,
    transport: &T,
    config: Config,
) -> Result<(), Error> {
    let protocol = config.protocol.clone().ping_first(true);
    let config = config.protocol(protocol);
    run(source, destination, transport, config, Aim::Ping).await.map(|_| ())
}

/// When the work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// The server has published the source.
    Upload,
    /// The server has answered a Ping.
    Ping,
}

async fn run<T: Transport>(
    source: impl Source,
    destination: Uri,
    transport: &T,
    mut config: Config,
    aim: Aim,
) -> Result<Completed, Error> {
    let source: Arc<dyn Source> = Arc::new(source);
    // Before anything is touched that another run may be at work with.
    let mut state = Kept::new(std::mem::take(&mut config.state).open()?);
    let reply = config.reply.as_deref().map(ReplyFile::prepare).transpose().map_err(Error::ReplyFile)?;
    let version = source.version().map_err(Error::Source)?;
    // 1. Begin.
    let (upload, cookies) = begin(&*source, version.clone(), destination, &config, &mut state)?;
    config.events.tell(Event::Begun { from: upload.acknowledged(), total: source.size() });
    let bodies = Bodies {
        total: source.size(),
        source,
        control: config.control.clone(),
        buffers: Buffers::default(),
        events: config.events.clone(),
    };
    let follows = config.policy(upload.destination());
    let fetcher = reply.map(|file| Fetcher {
        file,
        limit: config.reply_limit,
        patience: config.reply_patience,
        headers: config.headers.clone(),
        is_open: follows == HostPolicy::Any,
    });
    let cancel_time = config.cancel_time;
    let mut job = Job {
        transport,
        bodies,
        version,
        fetcher,
        fetched: None,
        state,
        upload,
        cookies,
        events: config.events,
        control: config.control,
        authenticator: config.authenticator,
        exchange: None,
        url: None,
        challenges: 0,
        trouble: None,
        reply_trouble: None,
        source_changed: false,
        aim,
        refused_ping: None,
        is_page: false,
    };
    let ended = job.drive().await;
    match ended {
        Err(error) if !job.state.is_kept() && job.is_of_no_use(&error) => {
            job.events.tell(Event::Withdrawing);
            let deadline = Instant::now() + cancel_time;
            let quiet = Control::default();
            let published = first(job.withdraw(), transport.wait(deadline, &quiet)).await;
            published.flatten().ok_or(error)
        }
        ended => ended,
    }
}
