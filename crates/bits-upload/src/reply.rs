//! The reply of a server application, fetched by the library's other client: `bits_proto::download`.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::time::Instant;

use bits_proto::download::{
    ApplicationRanges, Config, Download, Event, ExchangeId, Output, Receiver, Transmit,
};
use http::{HeaderMap, Uri};
use reqwest::{Body, Response};
use tokio::time::timeout_at;

use crate::credentials::{Answer, answer};
use crate::network::{Network, drain, head};
use crate::options::{Options, random_number};
use crate::reply_file::ReplyFile;
use crate::screen::Screen;

/// What the reply is not.
const PAGE: &str = "a login page or a portal may have answered in the server's place";

/// Fetches the reply, and returns how many bytes it has.
pub(crate) async fn fetch(
    url: Uri,
    trusted: bool,
    reply: &ReplyFile,
    options: &Options,
    network: &Network,
    screen: &Screen,
) -> Result<u64, String> {
    let (retry_min, retry_max) = options.retry_delays();
    let config = Config::builder()
        .retry_delays(retry_min, retry_max)
        .give_up_after(options.give_up_after())
        .seed(random_number())
        .build()
        .map_err(|error| error.to_string())?;
    let download = Download::new(Instant::now(), url, ApplicationRanges::whole(), config)
        .map_err(|error| error.to_string())?;
    let file = reply.create()?;
    let mut fetch = Fetch {
        download,
        file,
        trusted,
        options,
        network,
        screen,
        response: None,
        answered: false,
        is_page: false,
    };
    let received = fetch.drive().await?;
    reply.finish(&fetch.file).map(|()| received)
}

struct Fetch<'f> {
    download: Download,
    file: File,
    trusted: bool,
    options: &'f Options,
    network: &'f Network,
    screen: &'f Screen,
    /// The answer whose body may be wanted. Dropped, it takes its connection with it.
    response: Option<Response>,
    answered: bool,
    /// Whether the last answer was a page in the reply's place.
    is_page: bool,
}

impl Fetch<'_> {
    async fn drive(&mut self) -> Result<u64, String> {
        let mut advice = None;
        loop {
            while let Some(output) = self.download.poll_output() {
                match output {
                    Output::Transmit(transmit) => self.transmit(transmit).await,
                    Output::Receive { id, receiver } => self.receive(id, receiver).await?,
                    Output::Abort(_) => self.response = None,
                    Output::Event(Event::Completed { received }) => return Ok(received),
                    Output::Event(Event::Failed(failure)) => {
                        let page = self.is_page.then(|| PAGE.to_owned());
                        return Err(advice.or(page).unwrap_or_else(|| failure.to_string()));
                    }
                    Output::Event(Event::CredentialsWanted { status, challenges }) => {
                        let user = self.options.user.as_ref().filter(|_| self.trusted);
                        let headers = match answer(user, self.answered, status, &challenges) {
                            Answer::Headers(headers) => Some(headers),
                            Answer::None(what_to_do) => {
                                advice = Some(what_to_do);
                                None
                            }
                        };
                        self.answered = true;
                        let _is_over = self.download.authenticate(Instant::now(), headers);
                    }
                    Output::Event(Event::Waiting { .. }) if self.is_page => {
                        self.screen.note(format_args!("the reply: {PAGE}; trying again"));
                    }
                    Output::Event(Event::Waiting { cause, .. }) => {
                        self.screen.note(format_args!("the reply: {cause}; trying again"));
                    }
                    Output::Event(_) => {}
                }
            }
            let Some(due) = self.download.poll_timeout() else {
                return Err(
                    "the download waits for something that never comes: please report this".to_owned()
                );
            };
            tokio::time::sleep_until(due.into()).await;
            self.download.handle_timeout(Instant::now());
        }
    }

    /// Sends a request, until the head of its answer is there or the download gives it up.
    async fn transmit(&mut self, transmit: Transmit) {
        self.screen.request(&transmit.request);
        let id = transmit.id;
        let request = self.with_own_headers(transmit.request);
        self.download.handle_sent(Instant::now(), id);
        match self.in_time(self.network.send(request)).await {
            None => self.download.handle_timeout(Instant::now()),
            Some(Err(_)) => self.download.handle_transport_error(Instant::now(), id),
            Some(Ok(response)) => {
                let head = head(&response);
                self.screen.response(&head);
                self.is_page = is_page(&head);
                if self.is_page {
                    drain(response).await;
                    return self.download.handle_transport_error(Instant::now(), id);
                }
                self.download.handle_response(Instant::now(), id, &head);
                match head.status().is_success() {
                    true => self.response = Some(response),
                    false => drain(response).await,
                }
            }
        }
    }

    /// Stores the body of an answer.
    async fn receive(&mut self, id: ExchangeId, mut receiver: Receiver) -> Result<(), String> {
        let Some(mut response) = self.response.take() else { return Ok(()) };
        while receiver.remaining() > 0 {
            let chunk = match self.in_time(response.chunk()).await {
                None => {
                    self.download.handle_timeout(Instant::now());
                    return Ok(());
                }
                Some(Err(_)) => {
                    self.download.handle_transport_error(Instant::now(), id);
                    return Ok(());
                }
                Some(Ok(None)) => break,
                Some(Ok(Some(chunk))) => chunk,
            };
            let mut rest = &chunk[..];
            while let Some(piece) = receiver.place(&mut rest).map_err(|error| error.to_string())? {
                let written = self
                    .file
                    .seek(SeekFrom::Start(piece.offset))
                    .and_then(|_| self.file.write_all(piece.bytes));
                written.map_err(|error| format!("it cannot be stored: {error}"))?;
                let length = u64::try_from(piece.bytes.len()).unwrap_or_default();
                self.download.handle_received(Instant::now(), id, length);
            }
        }
        self.download.handle_body_end(Instant::now(), id);
        Ok(())
    }

    /// What comes of this; `None` if the download's own time is over first. Then its connection is closed.
    async fn in_time<T>(&self, step: impl Future<Output = T>) -> Option<T> {
        match self.download.poll_timeout() {
            Some(due) => timeout_at(due.into(), step).await.ok(),
            None => Some(step.await),
        }
    }

    /// What belongs to the upload's host is not told to every host that it may name.
    fn with_own_headers(&self, request: http::Request<()>) -> http::Request<Body> {
        let mut request = request.map(|()| Body::from(""));
        let own = if self.trusted { self.options.headers() } else { HeaderMap::new() };
        for (name, value) in own.iter().filter(|(name, _)| !self.download_names(name)) {
            let _never_full = request.headers_mut().try_append(name, value.clone());
        }
        request
    }

    /// Headers that the download itself sends.
    fn download_names(&self, name: &http::HeaderName) -> bool {
        use http::header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE};
        [ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE].contains(name)
    }
}

/// Whether this is a page that somebody made for a reader: the session, and the true reply with it, is deleted once there is
/// a reply. Servers of replies must send `Last-Modified` (§3.5.5.1), and what makes pages as they are asked for does not.
fn is_page(head: &http::Response<()>) -> bool {
    use http::header::{CONTENT_TYPE, ETAG, LAST_MODIFIED};
    let headers = head.headers();
    let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let is_a_version = headers.contains_key(LAST_MODIFIED) || headers.contains_key(ETAG);
    head.status().is_success() && is_html && !is_a_version
}
