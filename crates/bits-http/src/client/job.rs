//! One upload under way: the loop around the protocol's machine.
//!
//! The numbered steps are those of the chapter "Driving an upload" in the documentation of `bits_proto::client`.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bits_proto::client::{Failure, Output, Suspend, Transmit, TransportError, Upload};
use bits_proto::header::BITS_PACKET_TYPE;
use bits_proto::packet::PacketType;
use http::{Request, Response, StatusCode, Uri};

use super::body::Bodies;
use super::challenge::Authenticator;
use super::control::{Command, Control};
use super::cookies::Cookies;
use super::error::{Error, ReplyError};
use super::event::{Event, Events};
use super::exchange::Exchange;
use super::reply::Fetcher;
use super::state::Kept;
use super::transport::{Transport, TransportFailure};
use super::upload::{Aim, Completed};

/// One upload under way.
pub(super) struct Job<'t, T> {
    pub(super) transport: &'t T,
    pub(super) bodies: Bodies,
    pub(super) version: String,
    pub(super) fetcher: Option<Fetcher>,
    pub(super) fetched: Option<u64>,
    pub(super) state: Kept,
    pub(super) upload: Upload,
    pub(super) cookies: Cookies,
    pub(super) events: Events,
    pub(super) control: Control,
    pub(super) authenticator: Authenticator,
    pub(super) exchange: Option<Exchange<'t>>,
    /// Where the last request went.
    pub(super) url: Option<Uri>,
    /// The number of challenges that came in a row.
    pub(super) challenges: u32,
    /// What went wrong last.
    pub(super) trouble: Option<String>,
    pub(super) reply_trouble: Option<ReplyError>,
    pub(super) source_changed: bool,
    pub(super) aim: Aim,
    /// Why the last Ping was no success.
    pub(super) refused_ping: Option<Failure>,
    /// Whether the last answer was the refusal of something that does not speak the protocol.
    pub(super) is_page: bool,
}

enum News {
    Sent(u64),
    Answer(Result<Response<()>, TransportFailure>),
    Timeout,
    Command(Command),
}

impl<T: Transport> Job<'_, T> {
    pub(super) async fn drive(&mut self) -> Result<Completed, Error> {
        loop {
            // 2. Take every output.
            let mut news = false;
            while let Some(output) = self.upload.poll_output() {
                news = true;
                match output {
                    Output::Transmit(transmit) if self.is_reached(&transmit) => {
                        // A server may know no Ping. A page is no such server.
                        if let Some(failure) = self.refused_ping.take().filter(|_| self.is_page) {
                            return Err(Error::Failed { failure, trouble: None });
                        }
                        return Ok(Completed { confirmed: false, bytes: 0, reply: None });
                    }
                    Output::Transmit(transmit) => self.transmit(transmit)?,
                    // Dropped, it takes its connection with it.
                    Output::Abort(_) => self.exchange = None,
                    Output::Event(event) => {
                        if let Some(completed) = self.hear(event).await? {
                            return Ok(completed);
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
        let far_away = Instant::now() + Duration::from_secs(86_400);
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
        let packet = transmit.request.headers().get(BITS_PACKET_TYPE);
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
                self.is_page =
                    !response.status().is_success() && !response.headers().contains_key(BITS_PACKET_TYPE);
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
                    if error.kind() != ErrorKind::UnexpectedEof {
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

    pub(super) fn obey(&mut self, command: Command) {
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

    pub(super) fn save(&mut self) -> Result<(), Error> {
        Ok(self.state.save(&self.upload.snapshot(Instant::now()), &self.cookies)?)
    }

    /// Whether what the server has of the upload is of no use any more. After the last byte, a page of something in
    /// between says nothing about it: the server may have published it, and who deletes it then loses everything.
    pub(super) fn is_of_no_use(&self, error: &Error) -> bool {
        let is_unclear = match error {
            Error::Failed { failure, .. } => {
                failure.packet == Some(PacketType::CloseSession) && !failure.is_from_bits_server()
            }
            _ => false,
        };
        self.upload.session_id().is_some() && !is_unclear
    }

    /// Has the server delete what nobody can go on with, unless it publishes the upload just then.
    pub(super) async fn withdraw(&mut self) -> Option<Completed> {
        self.source_changed = true;
        self.control = Control::default();
        self.bodies.control = Control::default();
        self.upload.cancel(Instant::now()).ok()?;
        self.drive().await.ok()
    }
}
