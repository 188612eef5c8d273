//! What this program has to do with `bits_proto::client`: one upload, driven from its beginning to one of its ends.
//!
//! The numbered steps are those of the chapter "Driving an upload" in the documentation of `bits_proto::client`.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use bits_proto::client::{
    Credentials, Event, Failure, Output, Reason, Suspend, Transmit, TransportError, Upload,
};
use http::{HeaderValue, StatusCode, Uri};
use tokio::time::{sleep_until, timeout};

use crate::credentials::{Answer, answer};
use crate::exchange::{Exchange, News};
use crate::network::Network;
use crate::options::Options;
use crate::problem::Problem;
use crate::reply;
use crate::reply_file::ReplyFile;
use crate::screen::{Screen, shown};
use crate::source::Source;
use crate::state::{StateFile, unusable};
use crate::wording;

/// How long a server has to delete an upload that has failed: nobody likes to wait for that.
const CANCEL_TIME: Duration = Duration::from_secs(2);

/// Uploads the file; returns once the server has published it, or with the reason why it has not.
pub(crate) async fn run(options: &Options, interrupted: impl Future<Output = ()>) -> Result<(), Problem> {
    let source = Source::open(&options.file)?;
    let network = Network::new(options)?;
    // Before anything is touched that another run may be at work with.
    let state = StateFile::open(options.state.clone())?;
    let reply = options.reply.as_deref().map(ReplyFile::prepare).transpose()?;
    let mut screen = Screen::new(options, source.entity().size());
    // 1. Begin.
    let upload = begin(options, &source, &state)?;
    let (file, url, size) = (options.file.display(), shown(&options.url), source.entity().size());
    match upload.acknowledged() {
        0 => screen.note(format_args!("uploading {file}, {size} bytes, to {url}")),
        begun => {
            screen.note(format_args!("uploading {file}, {size} bytes, to {url}, from byte {begun} on"));
            screen.begin_at(begun);
        }
    }
    let mut job = Job {
        options,
        source,
        reply,
        network,
        state,
        screen,
        upload,
        exchange: None,
        answered: false,
        advice: None,
        trouble: String::new(),
        source_changed: false,
        is_interrupted: false,
    };
    let mut ended = job.drive(pin!(interrupted)).await;
    job.screen.end();
    if ended.is_err() && !job.state.is_kept() && job.was_published_after_all().await {
        ended = Ok(());
    }
    ended
}

/// A new upload, or the one that an earlier run left behind.
fn begin(options: &Options, source: &Source, state: &StateFile) -> Result<Upload, Problem> {
    let (now, entity, config) = (Instant::now(), source.entity().clone(), options.config()?);
    if let Some(snapshot) = state.load(&options.url)? {
        let restored = Upload::restore(now, snapshot, entity.clone(), config.clone());
        let path = options.state.as_deref().unwrap_or(&options.file);
        let mut upload = restored.map_err(|error| unusable(path, error))?;
        // An upload that was at rest is told to go on; any other one has begun to by itself.
        let _goes_on_already = upload.resume(now);
        if !upload.state().is_ended() {
            return Ok(upload);
        }
    }
    Upload::new(now, options.url.clone(), entity, config).map_err(Problem::usage)
}

struct Job<'o> {
    options: &'o Options,
    source: Source,
    reply: Option<ReplyFile>,
    network: Network,
    state: StateFile,
    screen: Screen,
    upload: Upload,
    exchange: Option<Exchange>,
    /// Whether the name and password were given already.
    answered: bool,
    /// What is known better than the library can.
    advice: Option<String>,
    /// What went wrong last.
    trouble: String,
    source_changed: bool,
    is_interrupted: bool,
}

impl Job<'_> {
    async fn drive(&mut self, mut interrupted: Pin<&mut impl Future<Output = ()>>) -> Result<(), Problem> {
        loop {
            // 2. Take every output.
            let mut news = false;
            while let Some(output) = self.upload.poll_output() {
                news = true;
                match output {
                    Output::Transmit(transmit) => self.transmit(transmit),
                    // Dropped, it takes its connection with it.
                    Output::Abort(_) => self.exchange = None,
                    Output::Event(Event::Completed { confirmed }) => return self.completed(confirmed),
                    Output::Event(Event::Failed(failure)) => return Err(self.failed(failure)),
                    Output::Event(Event::Cancelled { .. }) => return Err(Problem::failed("cancelled")),
                    Output::Event(Event::Suspended) => return Err(self.suspended()?),
                    Output::Event(Event::ReplyReady { url, trusted }) => {
                        self.state.save(&self.upload.snapshot(Instant::now()))?;
                        tokio::select! {
                            fetched = self.fetch(url, trusted) => self.fetched(fetched),
                            () = &mut interrupted, if !self.is_interrupted => self.suspend(),
                        }
                    }
                    Output::Event(event) => self.tell(event),
                }
            }
            // Nothing has been sent yet: a request goes when it is waited for, below.
            if news {
                self.state.save(&self.upload.snapshot(Instant::now()))?;
            }
            // 3. Wait for whichever comes first. 4. Tell the upload.
            let due = self.upload.poll_timeout();
            if due.is_none() && self.exchange.is_none() {
                return Err(Problem::failed(
                    "the upload waits for something that never comes: please report this",
                ));
            }
            tokio::select! {
                news = next(&mut self.exchange) => self.hear(news)?,
                () = until(due) => self.upload.handle_timeout(Instant::now()),
                () = &mut interrupted, if !self.is_interrupted => self.suspend(),
            }
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let now = Instant::now();
        if !self.source_changed && self.source.has_changed() {
            // It must not be mixed from two versions. This request is never sent; what goes instead cancels the session.
            self.source_changed = true;
            self.upload.handle_transport_error(now, transmit.id, TransportError::Unsent);
            let _is_over = self.upload.handle_source_changed(now);
            return;
        }
        self.screen.request(&transmit.request);
        let exchange = Exchange::begin(&self.network, transmit, &self.source);
        if exchange.length == 0 {
            self.upload.handle_sent(now, exchange.id);
        }
        self.exchange = Some(exchange);
    }

    fn hear(&mut self, news: News) -> Result<(), Problem> {
        let now = Instant::now();
        let Some(exchange) = &self.exchange else { return Ok(()) };
        let id = exchange.id;
        match news {
            News::Sent(bytes) => {
                self.upload.handle_sent_part(id, bytes);
                if bytes == exchange.length {
                    self.upload.handle_sent(now, id);
                }
                self.screen.progress(self.upload.sent());
            }
            News::Answer(Ok(response)) => {
                self.exchange = None;
                self.screen.response(&response);
                self.upload.handle_response(now, id, &response);
            }
            News::Answer(Err(trouble)) => {
                if let Some(advice) = trouble.certificate_advice {
                    return Err(Problem::failed(format_args!(
                        "the server's certificate is not trusted ({}): {advice}",
                        trouble.text
                    )));
                }
                self.exchange = None;
                self.trouble = trouble.text;
                self.upload.handle_transport_error(now, id, trouble.error);
            }
        }
        Ok(())
    }

    /// What does not end the upload.
    fn tell(&mut self, event: Event) {
        match &event {
            Event::CredentialsWanted { status, challenges } => self.authenticate(*status, challenges),
            Event::Progress { acknowledged } => {
                self.trouble.clear();
                self.screen.progress(*acknowledged);
            }
            Event::Waiting { cause, .. } => {
                self.trouble = match (cause.reason, self.trouble.as_str()) {
                    (Reason::Transport, trouble) if !trouble.is_empty() => format!("{cause} ({trouble})"),
                    _ => cause.to_string(),
                };
            }
            _ => {}
        }
        if let Some(line) = wording::line(&event, &self.trouble) {
            self.screen.note(format_args!("{line}"));
        }
    }

    fn authenticate(&mut self, status: StatusCode, challenges: &[HeaderValue]) {
        let credentials = match answer(self.options.user.as_ref(), self.answered, status, challenges) {
            Answer::Headers(headers) => Some(Credentials::from(headers)),
            Answer::None(advice) => {
                self.advice = Some(advice);
                None
            }
        };
        self.answered = true;
        let _is_over = self.upload.authenticate(Instant::now(), credentials);
    }

    /// Has the server delete what nobody can go on with any more, unless it publishes the file just then.
    async fn was_published_after_all(&mut self) -> bool {
        if self.upload.session_id().is_none() || self.upload.cancel(Instant::now()).is_err() {
            return false;
        }
        self.screen.say_no_more();
        matches!(timeout(CANCEL_TIME, self.drive(pin!(pending()))).await, Ok(Ok(())))
    }

    fn suspend(&mut self) {
        self.is_interrupted = true;
        let _is_over = self.upload.suspend(Instant::now(), Suspend::AtOnce);
    }

    /// The reply is fetched before the session is closed, which deletes it.
    async fn fetch(&self, url: Uri, trusted: bool) -> Result<u64, String> {
        let Some(reply) = &self.reply else { return Ok(0) };
        reply::fetch(url, trusted, reply, self.options, &self.network, &self.screen).await
    }

    fn fetched(&mut self, fetched: Result<u64, String>) {
        match &fetched {
            Ok(bytes) => self.screen.note(format_args!("the reply has {bytes} bytes")),
            Err(why) => self.advice = Some(format!("the reply could not be fetched: {why}")),
        }
        let _is_over = self.upload.handle_reply(Instant::now(), fetched.is_ok());
    }

    fn completed(&mut self, confirmed: bool) -> Result<(), Problem> {
        self.state.remove();
        self.screen.done();
        if !confirmed {
            self.screen
                .note(format_args!("the server did not confirm that it published the file: have a look"));
        }
        Ok(())
    }

    fn suspended(&mut self) -> Result<Problem, Problem> {
        self.state.save(&self.upload.snapshot(Instant::now()))?;
        Ok(wording::interrupted(self.state.is_kept()))
    }

    fn failed(&mut self, failure: Failure) -> Problem {
        if failure.reason == Reason::NotAvailable && self.options.method_override {
            self.advice.get_or_insert(format!("{failure}; or the server does not know --method-override"));
        }
        // Where there is a session, even one more try of the same command goes on in it.
        let kept = match self.upload.session_id() {
            Some(_) => self.state.save(&self.upload.snapshot(Instant::now())),
            None => {
                self.state.remove();
                Ok(())
            }
        };
        match kept {
            Ok(()) => wording::problem(&failure, self.advice.take(), &self.trouble, self.state.is_kept()),
            Err(problem) => problem,
        }
    }
}

async fn next(exchange: &mut Option<Exchange>) -> News {
    match exchange {
        Some(exchange) => exchange.next().await,
        None => pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due.into()).await,
        None => pending().await,
    }
}
