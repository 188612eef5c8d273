//! One upload, driven from its beginning to one of its ends.
//!
//! The numbered steps are those of the chapter "Driving an upload" in the documentation of `bits_proto::client`.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bits_proto::RestoreError;
use bits_proto::client::{
    Entity, Event as Told, Failure, Output, Reason, ReplyMode, Suspend, Transmit, TransportError, Upload,
};
use bits_proto::packet::PacketType;
use http::{HeaderValue, Request, Response, StatusCode, Uri};

use super::body::Bodies;
use super::buffers::Buffers;
use super::challenge::{Authenticator, Challenge};
use super::config::Config;
use super::control::{Command, Control};
use super::cookies::Cookies;
use super::error::{Error, StateError};
use super::event::{Event, Events};
use super::exchange::{Exchange, first};
use super::reply::{Fetch, Fetcher};
use super::reply_file::ReplyFile;
use super::source::Source;
use super::state::Kept;
use super::transport::{Transport, TransportFailure};

/// An upload that the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// Whether the server said so. If not, its last answer was lost, and the session is gone now: it has published the bytes as
    /// far as anybody knows (C17).
    pub confirmed: bool,
    /// How many bytes the upload has.
    pub bytes: u64,
    /// How many bytes the reply has, where one was demanded.
    pub reply: Option<u64>,
}

/// Uploads a source; returns once the server has it, or with the reason why not.
///
/// Dropped, it closes its connection, and leaves the session to an upload with the same state, or to the server's timeout.
/// The core's machine decides what is sent and when: [`Config::protocol`] has its settings.
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

/// Tries all but the upload: the connection, TLS, credentials. A Ping goes; nothing is created.
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
enum Aim {
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
        is_open: follows == bits_proto::client::HostPolicy::Any,
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

/// A new upload, or the one that an earlier run left behind.
fn begin(
    source: &dyn Source,
    version: String,
    destination: Uri,
    config: &Config,
    state: &mut Kept,
) -> Result<(Upload, Cookies), Error> {
    let invalid = |error: &dyn std::error::Error| Error::Invalid(error.to_string());
    let entity = Entity::new(source.size()).map_err(|error| invalid(&error))?.with_validator(version);
    // The name is a courtesy to the server. Where it is none that may be sent, the upload goes without.
    let entity = entity.clone().named(source.name().unwrap_or_default()).unwrap_or(entity);
    let protocol = config.protocol.clone();
    let protocol = protocol
        .headers(config.headers.clone())
        .host_policy(config.policy(&destination))
        .reply(if config.reply.is_some() { ReplyMode::Required } else { ReplyMode::Ignored })
        .seed(random_number())
        .build()
        .map_err(|error| invalid(&error))?;
    let now = Instant::now();
    if let Some(found) = state.load()? {
        let (snapshot, age) = (found.snapshot, found.at_rest);
        let restored =
            Upload::restore(now, destination.clone(), snapshot, age, entity.clone(), protocol.clone());
        let mut upload = restored.map_err(|error| match error {
            RestoreError::OtherDestination => StateError::OtherDestination,
            error => StateError::Invalid(error.to_string()),
        })?;
        // An upload that was at rest is told to go on; any other one has begun to by itself.
        let _goes_on_already = upload.resume(now);
        if !upload.state().is_ended() {
            return Ok((upload, found.cookies));
        }
    }
    let upload = Upload::new(now, destination, entity, protocol).map_err(|error| invalid(&error))?;
    Ok((upload, Cookies::default()))
}

struct Job<'t, T> {
    transport: &'t T,
    bodies: Bodies,
    version: String,
    fetcher: Option<Fetcher>,
    fetched: Option<u64>,
    state: Kept,
    upload: Upload,
    cookies: Cookies,
    events: Events,
    control: Control,
    authenticator: Authenticator,
    exchange: Option<Exchange<'t>>,
    /// Where the last request went.
    url: Option<Uri>,
    /// How many challenges came in a row.
    challenges: u32,
    /// What went wrong last.
    trouble: Option<String>,
    reply_trouble: Option<String>,
    source_changed: bool,
    aim: Aim,
}

enum News {
    Sent(u64),
    Answer(Result<Response<()>, TransportFailure>),
    Timeout,
    Command(Command),
}

impl<T: Transport> Job<'_, T> {
    async fn drive(&mut self) -> Result<Completed, Error> {
        loop {
            // 2. Take every output.
            let mut news = false;
            while let Some(output) = self.upload.poll_output() {
                news = true;
                match output {
                    Output::Transmit(transmit) if self.is_reached(&transmit) => {
                        return Ok(Completed { confirmed: false, bytes: 0, reply: None });
                    }
                    Output::Transmit(transmit) => self.transmit(transmit)?,
                    // Dropped, it takes its connection with it.
                    Output::Abort(_) => self.exchange = None,
                    Output::Event(event) => {
                        self.tell(&event);
                        match event {
                            Told::Completed { confirmed } => return Ok(self.completed(confirmed)),
                            Told::Failed(failure) => return Err(self.failed(failure)),
                            Told::Cancelled { .. } => {
                                self.state.remove();
                                return Err(Error::Cancelled);
                            }
                            Told::Suspended => {
                                self.save()?;
                                return Err(Error::Suspended);
                            }
                            Told::ReplyReady { url, trusted } => {
                                self.save()?;
                                self.fetch(url, trusted).await;
                            }
                            Told::CredentialsWanted { status, challenges } => {
                                self.authenticate(status, &challenges);
                            }
                            _ => {}
                        }
                    }
                }
            }
            // Nothing has been sent yet: a request goes when it is waited for, below.
            if news {
                self.save()?;
            }
            // 3. Wait for whichever comes first. 4. Tell the upload.
            match self.wait().await {
                News::Sent(bytes) => self.sent(bytes),
                News::Answer(answer) => self.answered(answer)?,
                News::Timeout => self.upload.handle_timeout(Instant::now()),
                News::Command(command) => self.obey(command),
            }
        }
    }

    async fn wait(&mut self) -> News {
        let due = self.upload.poll_timeout();
        let far_away = Instant::now() + std::time::Duration::from_secs(86_400);
        let mut timer = pin!(self.transport.wait(due.unwrap_or(far_away), &self.control));
        poll_fn(|context| {
            if let Some(command) = self.control.poll(context) {
                return Poll::Ready(News::Command(command));
            }
            if let Some(exchange) = &mut self.exchange {
                if let Some(bytes) = exchange.sending.poll(context) {
                    return Poll::Ready(News::Sent(bytes));
                }
                if let Poll::Ready(answer) = exchange.answer.as_mut().poll(context) {
                    return Poll::Ready(News::Answer(answer));
                }
            }
            timer.as_mut().poll(context).map(|()| News::Timeout)
        })
        .await
    }

    /// Whether a Ping was all that was wanted.
    fn is_reached(&self, transmit: &Transmit) -> bool {
        let packet = transmit.request.headers().get(bits_proto::header::BITS_PACKET_TYPE);
        self.aim == Aim::Ping && packet.is_some_and(|packet| packet == PacketType::CreateSession.as_str())
    }

    fn transmit(&mut self, mut transmit: Transmit) -> Result<(), Error> {
        let now = Instant::now();
        if !self.source_changed && self.bodies.source.version().map_err(Error::Source)? != self.version {
            // It must not be mixed from two versions. This request is never sent; what goes instead cancels the session.
            self.source_changed = true;
            self.upload.handle_transport_error(now, transmit.id, TransportError::Unsent);
            let _is_over = self.upload.source_changed(now);
            return Ok(());
        }
        self.cookies.add_to(&mut transmit.request);
        let (head, payload) = transmit.request.into_parts();
        let request = Request::from_parts(head, ());
        self.events.tell(Event::Request(&request));
        transmit.request = request.map(|()| payload);
        let exchange = Exchange::begin(self.transport, transmit, &self.bodies, &self.control);
        if exchange.length == 0 {
            self.upload.handle_sent(now, exchange.id);
        }
        self.url = Some(exchange.url.clone());
        self.exchange = Some(exchange);
        Ok(())
    }

    fn sent(&mut self, bytes: u64) {
        let Some(exchange) = &self.exchange else { return };
        let now = Instant::now();
        self.upload.handle_sent_part(now, exchange.id, bytes);
        if bytes == exchange.length {
            self.upload.handle_sent(now, exchange.id);
        }
    }

    fn answered(&mut self, answer: Result<Response<()>, TransportFailure>) -> Result<(), Error> {
        // Where sending blocks, nobody has told yet.
        if let Some(bytes) = self.exchange.as_ref().and_then(|exchange| exchange.sending.news()) {
            self.sent(bytes);
        }
        let Some(exchange) = self.exchange.take() else { return Ok(()) };
        let now = Instant::now();
        match answer {
            Ok(response) => {
                self.events.tell(Event::Response(&response));
                self.cookies.hear(&exchange.url, &response);
                if !matches!(
                    response.status(),
                    StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                ) {
                    self.challenges = 0;
                }
                self.upload.handle_response(now, exchange.id, &response);
            }
            Err(failure) => {
                if let Some(error) = exchange.sending.source_error() {
                    self.upload.handle_transport_error(now, exchange.id, failure.kind);
                    self.source_changed = true;
                    if error.kind() != std::io::ErrorKind::UnexpectedEof {
                        return Err(Error::Source(error));
                    }
                    let _is_over = self.upload.source_changed(now);
                    return Ok(());
                }
                self.upload.handle_transport_error(now, exchange.id, failure.kind);
                if failure.lasting.is_some() {
                    return Err(Error::Transport(failure));
                }
                self.trouble = Some(failure.text);
            }
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        let _is_over = match command {
            Command::Suspend => self.upload.suspend(now, Suspend::AtOnce),
            Command::Cancel => self.upload.cancel(now),
            Command::Rate(rate) => {
                self.upload.set_rate(now, rate);
                Ok(())
            }
        };
    }

    fn tell(&mut self, event: &Told) {
        match event {
            Told::Progress { .. } => self.trouble = None,
            Told::Waiting { cause, .. } => {
                let text = match (cause.reason, self.trouble.take()) {
                    (Reason::Transport, Some(trouble)) => format!("{cause} ({trouble})"),
                    _ => cause.to_string(),
                };
                self.trouble = Some(text);
            }
            _ => {}
        }
        self.events.tell(Event::Protocol { event, trouble: self.trouble.as_deref() });
    }

    fn authenticate(&mut self, status: StatusCode, values: &[HeaderValue]) {
        let url = self.url.clone().unwrap_or_default();
        let challenge =
            Challenge { status, values, url: &url, earlier: self.challenges, is_for_reply: false };
        let credentials = self.authenticator.answer(&challenge);
        self.challenges = self.challenges.saturating_add(1);
        let _is_over = self.upload.authenticate(Instant::now(), credentials);
    }

    /// The reply is fetched before the session is closed, which deletes it.
    async fn fetch(&mut self, url: Uri, trusted: bool) {
        let fetched = match &self.fetcher {
            None => Some(Ok(0)),
            Some(fetcher) => {
                let fetch = Fetch {
                    fetcher,
                    transport: self.transport,
                    bodies: &self.bodies,
                    events: &self.events,
                    authenticator: &mut self.authenticator,
                    cookies: &mut self.cookies,
                    trusted,
                };
                first(fetch.run(url), self.control.stop()).await
            }
        };
        match fetched {
            // The command is obeyed where the upload waits.
            None => {
                if let Some(command) = poll_fn(|context| Poll::Ready(self.control.poll(context))).await {
                    self.obey(command);
                }
            }
            Some(fetched) => {
                if let Ok(bytes) = fetched {
                    self.fetched = Some(bytes);
                    self.events.tell(Event::ReplyFetched(bytes));
                }
                let now = Instant::now();
                let _is_over = match fetched {
                    Ok(_) => self.upload.reply_fetched(now),
                    Err(_) => self.upload.reply_failed(now),
                };
                self.reply_trouble = fetched.err();
            }
        }
    }

    fn completed(&mut self, confirmed: bool) -> Completed {
        self.state.remove();
        Completed { confirmed, bytes: self.bodies.total, reply: self.fetched }
    }

    fn failed(&mut self, failure: Failure) -> Error {
        // Where there is a session, even one more try of the same upload goes on in it.
        let kept = match self.upload.session_id() {
            Some(_) => self.save(),
            None => {
                self.state.remove();
                Ok(())
            }
        };
        match (kept, self.reply_trouble.take()) {
            (Err(error), _) => error,
            (Ok(()), Some(why)) if failure.reason == Reason::ReplyFailed => Error::Reply(why),
            _ => Error::Failed { failure, trouble: self.trouble.take() },
        }
    }

    fn save(&mut self) -> Result<(), Error> {
        Ok(self.state.save(&self.upload.snapshot(Instant::now()), &self.cookies)?)
    }

    /// Whether what the server has of the upload is of no use any more. After the last byte, a page of something in
    /// between says nothing about it: the server may have published it, and who deletes it then loses everything.
    fn is_of_no_use(&self, error: &Error) -> bool {
        let is_unclear = match error {
            Error::Failed { failure, .. } => {
                failure.packet == Some(PacketType::CloseSession) && !failure.is_from_bits_server()
            }
            _ => false,
        };
        self.upload.session_id().is_some() && !is_unclear
    }

    /// Has the server delete what nobody can go on with, unless it publishes the upload just then.
    async fn withdraw(&mut self) -> Option<Completed> {
        self.source_changed = true;
        self.control = Control::default();
        self.bodies.control = Control::default();
        self.upload.cancel(Instant::now()).ok()?;
        self.drive().await.ok()
    }
}

/// The standard library has no generator, but the keys of its hash maps come from the operating system's.
pub(super) fn random_number() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
