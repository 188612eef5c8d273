//! The reply of a server application, fetched with the core's other client: `bits_proto::download`.

use std::fs::File;
use std::future::Future;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;
use std::time::Instant;

use bits_proto::download::{
    self, ApplicationRanges, Config, Connection as Wanted, Download, Event as Told, ExchangeId, Output,
    Reason, Receiver, Transmit, TransportError,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use super::beginning::random_number;
use super::body::Bodies;
use super::challenge::{Authenticator, Challenge};
use super::config::Patience;
use super::cookies::Cookies;
use super::error::ReplyError;
use super::event::{Event, Events};
use super::exchange::{drain, first};
use super::reply_file::ReplyFile;
use super::transport::{Answer, Attempt, Connection, Transport};

/// What is known of a reply before there is one.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) file: ReplyFile,
    pub(super) limit: u64,
    pub(super) patience: Patience,
    pub(super) headers: HeaderMap,
    /// Whether a reply may come from any host.
    pub(super) is_open: bool,
}

/// The fetching of one reply.
pub(super) struct Fetch<'f, T> {
    pub(super) fetcher: &'f Fetcher,
    pub(super) transport: &'f T,
    pub(super) bodies: &'f Bodies,
    pub(super) events: &'f Events,
    pub(super) authenticator: &'f mut Authenticator,
    pub(super) cookies: &'f mut Cookies,
    pub(super) trusted: bool,
}

impl<T: Transport> Fetch<'_, T> {
    /// Fetches the reply, and returns how many bytes it has.
    pub(super) async fn run(self, url: Uri) -> Result<u64, ReplyError> {
        if !self.trusted && !self.fetcher.is_open {
            let host = url.host().unwrap_or_default();
            return Err(ReplyError::OtherHost(host.to_owned()));
        }
        let Patience { delays, give_up_after } = self.fetcher.patience;
        let mut config = Config::builder()
            .max_size(self.fetcher.limit)
            // What belongs to the upload's host is not told to every host that it may name.
            .headers(if self.trusted { self.fetcher.headers.clone() } else { HeaderMap::new() })
            .seed(random_number());
        if let Some((first, longest)) = delays {
            config = config.retry_delays(first, longest);
        }
        if let Some(time) = give_up_after {
            config = config.give_up_after(time);
        }
        let config = config.build().map_err(invalid)?;
        let download = Download::new(Instant::now(), url.clone(), ApplicationRanges::whole(), config)
            .map_err(invalid)?;
        let file = self.fetcher.file.create().map_err(ReplyError::Unwritable)?;
        let mut job = Job {
            fetch: self,
            download,
            file,
            url,
            answer: None,
            challenges: 0,
            trouble: None,
            waited_for: None,
        };
        let received = job.drive().await?;
        job.fetch.fetcher.file.finish(&job.file).map_err(ReplyError::Unwritable)?;
        Ok(received)
    }
}

fn invalid(error: impl std::error::Error) -> ReplyError {
    ReplyError::Invalid(error.to_string())
}

struct Job<'f, T: Transport> {
    fetch: Fetch<'f, T>,
    download: Download,
    file: File,
    url: Uri,
    /// The answer whose body may be wanted. Dropped, it takes its connection with it.
    answer: Option<T::Answer>,
    challenges: u32,
    /// What went wrong last with a connection.
    trouble: Option<String>,
    /// Why the download waited last, if it has made no progress since.
    waited_for: Option<download::Failure>,
}

impl<T: Transport> Job<'_, T> {
    async fn drive(&mut self) -> Result<u64, ReplyError> {
        loop {
            while let Some(output) = self.download.poll_output() {
                match output {
                    Output::Transmit(transmit) => self.transmit(transmit).await?,
                    Output::Receive { id, receiver } => self.receive(id, receiver).await?,
                    Output::Abort(_) => self.answer = None,
                    Output::Event(Told::Completed { received }) => return Ok(received),
                    Output::Event(Told::Failed(failure)) => {
                        // Giving up says nothing about the cause.
                        let cause = self.waited_for.take().filter(|_| failure.reason == Reason::GaveUp);
                        return Err(ReplyError::Failed { failure, cause, trouble: self.trouble.take() });
                    }
                    Output::Event(Told::Progress { .. }) => self.waited_for = None,
                    Output::Event(Told::CredentialsWanted { status, challenges }) => {
                        self.authenticate(status, &challenges);
                    }
                    Output::Event(Told::Waiting { cause, .. }) => {
                        let why = match &self.trouble {
                            Some(trouble) => format!("{cause} ({trouble})"),
                            None => cause.to_string(),
                        };
                        self.fetch.events.tell(Event::ReplyDelayed(&why));
                        self.waited_for = Some(cause);
                    }
                    Output::Event(_) => {}
                }
            }
            let due = self.download.poll_timeout().ok_or(ReplyError::Interrupted)?;
            self.fetch.transport.wait(due, &self.fetch.bodies.control).await;
            if self.fetch.bodies.control.says_stop() {
                return Err(ReplyError::Interrupted);
            }
            self.download.handle_timeout(Instant::now());
        }
    }

    /// Sends a request, until the head of its answer is there or the download gives it up.
    async fn transmit(&mut self, transmit: Transmit) -> Result<(), ReplyError> {
        let id = transmit.id;
        let attempt = Attempt {
            request_timeout: transmit.request_timeout,
            response_timeout: transmit.response_timeout,
            body_timeout: transmit.response_timeout,
            connection: match transmit.connection {
                Wanted::Any => Connection::Any,
                Wanted::Fresh => Connection::Fresh,
                Wanted::SameAs(_) => Connection::Same,
            },
        };
        let mut request = transmit.request;
        self.fetch.cookies.add_to(&mut request);
        self.fetch.events.tell(Event::Request(&request));
        let body = self.fetch.bodies.body(&(0..0), &Arc::default());
        self.download.handle_sent(Instant::now(), id);
        let sent = self.fetch.transport.send(request.map(|()| body), attempt);
        let answer = self.in_time(sent).await;
        let now = Instant::now();
        match answer {
            None => self.download.handle_timeout(now),
            Some(Err(failure)) if failure.lasting.is_some() => return Err(ReplyError::Transport(failure)),
            Some(Err(failure)) => {
                self.trouble = Some(failure.text);
                self.download.handle_transport_error(now, id, failure.kind);
            }
            Some(Ok(response)) => {
                self.trouble = None;
                let (parts, answer) = response.into_parts();
                let head = Response::from_parts(parts, ());
                self.fetch.events.tell(Event::Response(&head));
                self.fetch.cookies.hear(&self.url, &head);
                self.download.handle_response(now, id, &head);
                if head.status().is_success() {
                    self.answer = Some(answer);
                } else {
                    drain(self.fetch.transport, answer, &self.fetch.bodies.control).await;
                }
            }
        }
        Ok(())
    }

    /// Stores the body of an answer.
    async fn receive(&mut self, id: ExchangeId, mut receiver: Receiver) -> Result<(), ReplyError> {
        let Some(mut answer) = self.answer.take() else { return Ok(()) };
        while receiver.remaining() > 0 {
            let piece = match self.in_time(answer.piece()).await {
                None => {
                    self.download.handle_timeout(Instant::now());
                    return Ok(());
                }
                Some(Err(error)) => {
                    self.trouble = Some(error.to_string());
                    self.download.handle_transport_error(Instant::now(), id, TransportError::Interrupted);
                    return Ok(());
                }
                Some(Ok(None)) => break,
                Some(Ok(Some(piece))) => piece,
            };
            if self.fetch.bodies.control.says_stop() {
                return Err(ReplyError::Interrupted);
            }
            let mut rest = &piece[..];
            while let Some(piece) = receiver.place(&mut rest).map_err(invalid)? {
                let written = self
                    .file
                    .seek(SeekFrom::Start(piece.offset))
                    .and_then(|_| self.file.write_all(piece.bytes));
                written.map_err(|error| ReplyError::Unwritable(error.to_string()))?;
                let length = u64::try_from(piece.bytes.len()).unwrap_or_default();
                self.download.handle_received(Instant::now(), id, length);
            }
        }
        self.download.handle_body_end(Instant::now(), id);
        Ok(())
    }

    fn authenticate(&mut self, status: StatusCode, values: &[HeaderValue]) {
        let challenge =
            Challenge { status, values, url: &self.url, earlier: self.challenges, is_for_reply: true };
        let trusted = self.fetch.trusted || status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        let credentials = trusted.then(|| self.fetch.authenticator.answer(&challenge)).flatten();
        self.challenges = self.challenges.saturating_add(1);
        let _is_over = self.download.authenticate(Instant::now(), credentials);
    }

    /// What comes of this; `None` if the download's own time is over first. Then its connection is closed.
    async fn in_time<O>(&self, step: impl Future<Output = O>) -> Option<O> {
        match self.download.poll_timeout() {
            Some(due) => first(step, self.fetch.transport.wait(due, &self.fetch.bodies.control)).await,
            None => Some(step.await),
        }
    }
}
