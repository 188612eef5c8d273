//! The next packet: which one it is, and the request that carries it.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderValue, Method, Uri};

use super::config::{ContentNamePackets, ReplyMode};
use super::failure::{Failure, Reason};
use super::output::{Connection, Event, ExchangeId, Output, Transmit};
use super::state::{Doing, Goal, InFlight, Next, Ping, Place, Reply, Session, Timer};
use super::upload::Upload;
use crate::header;
use crate::packet::{CancelSession, CloseSession, CreateSession, Fragment, PacketType, Payload, Request};
use crate::vocabulary::{ContentName, ContentRange, ProtocolId, SupportedProtocols};

/// What is next.
enum Step<'u> {
    Send(Request<'u>),
    WaitForPace(Duration),
    OfferReply(Uri),
    Fail(Reason),
    /// There is no session to give up.
    Leave,
}

impl Upload {
    /// Sends what is next, or waits for what must come before.
    pub(super) fn go(&mut self, now: Instant) {
        match self.next_step(now) {
            Step::Send(packet) => {
                let (kind, request) = (packet.packet_type(), self.request(&packet));
                self.transmit(now, kind, request);
            }
            Step::WaitForPace(delay) => {
                self.doing = Doing::Pacing;
                self.timers.start(Timer::Pace, now, delay);
            }
            Step::OfferReply(url) => {
                let trusted = self.trusts(&url);
                self.doing = Doing::FetchingReply;
                self.timers.stop(Timer::GiveUp);
                self.tell(Event::ReplyReady { url, trusted });
            }
            Step::Fail(reason) => self.settle(now, Next::Fail(Failure::new(reason, None))),
            Step::Leave => self.settle(now, Next::Leave { confirmed: true }),
        }
    }

    /// What is next follows from what is known, and is stored nowhere: so an upload that was interrupted anywhere goes on by
    /// itself.
    fn next_step(&self, now: Instant) -> Step<'_> {
        let session = match &self.place {
            Place::Nowhere { .. } if self.is_leaving() => return Step::Leave,
            Place::Nowhere { ping: true } => return Step::Send(Request::Ping(crate::packet::Ping)),
            Place::Nowhere { ping: false } => {
                return Step::Send(Request::CreateSession(CreateSession {
                    protocols: SupportedProtocols::offer(
                        ProtocolId::BITS_1_5,
                        self.config.uppercase_protocol,
                    ),
                    content_name: self.content_name(PacketType::CreateSession),
                }));
            }
            Place::Session(session) => session,
        };
        let session_id = session.id;
        if self.goal != Goal::Complete {
            return Step::Send(Request::CancelSession(CancelSession { session_id }));
        }
        if session.ping != Ping::NotDue {
            return Step::Send(Request::Ping(crate::packet::Ping));
        }
        match (self.next_range(session), self.pace.delay(now)) {
            (Some(_), Some(delay)) => Step::WaitForPace(delay),
            (Some(range), None) => {
                let content_name = self.content_name(PacketType::Fragment);
                Step::Send(Request::Fragment(Fragment { session_id, range: Some(range), content_name }))
            }
            (None, _) => self.without_bytes(session),
        }
    }

    /// Every byte is acknowledged. The session is not closed before the reply is here (C39).
    fn without_bytes(&self, session: &Session) -> Step<'_> {
        match (self.config.reply, &session.reply) {
            (ReplyMode::Ignored, _) | (_, Reply::Settled) | (ReplyMode::Optional, Reply::None) => {
                let content_name = self.content_name(PacketType::CloseSession);
                Step::Send(Request::CloseSession(CloseSession { session_id: session.id, content_name }))
            }
            (ReplyMode::Required, Reply::None) => Step::Fail(Reason::ReplyMissing),
            (_, Reply::Unusable) => Step::Fail(Reason::ReplyUnusable),
            (_, Reply::Url(url)) => url.parse().map_or(Step::Fail(Reason::ReplyUnusable), Step::OfferReply),
        }
    }

    /// The size of the next fragment, if the entity has as many bytes.
    pub(super) fn fragment_size(&self) -> u64 {
        let ceiling = self.session().and_then(|session| session.ceiling);
        self.sizer.size().min(ceiling.unwrap_or(u64::MAX))
    }

    fn next_range(&self, session: &Session) -> Option<ContentRange> {
        let size = self.fragment_size().min(self.pace.largest());
        let end = session.offset.saturating_add(size).min(self.entity.size());
        ContentRange::new(session.offset..end, self.entity.size()).ok()
    }

    fn content_name(&self, packet: PacketType) -> Option<ContentName<'_>> {
        let wanted = match self.config.content_name {
            ContentNamePackets::All => true,
            ContentNamePackets::Fragments => packet == PacketType::Fragment,
            ContentNamePackets::None => false,
        };
        self.entity.name().filter(|_| wanted).map(ContentName::borrowed)
    }

    fn request(&self, packet: &Request<'_>) -> http::Request<Payload> {
        let mut request = packet.to_http(&self.target);
        self.add_own_headers(request.headers_mut());
        if self.config.method_override {
            tunnel(&mut request);
        }
        request
    }

    fn transmit(&mut self, now: Instant, packet: PacketType, request: http::Request<Payload>) {
        self.exchanges = self.exchanges.wrapping_add(1);
        let id = ExchangeId(self.exchanges);
        let range = match request.body() {
            Payload::Empty => 0..0,
            Payload::Range(range) => range.clone(),
        };
        if !range.is_empty() {
            self.pace.sent(now, range.end.saturating_sub(range.start));
            if let Some(sent) = self.session_mut().and_then(|session| session.sent.as_mut()) {
                *sent = range.end.max(*sent);
            }
        }
        let connection = match self.connection {
            Connection::Any if self.config.fresh_connections => Connection::Fresh,
            wanted => wanted,
        };
        if let Connection::SameAs(_) = connection {
            self.connection = Connection::SameAs(id);
        }
        if self.credentials.connection_bound {
            self.credentials.headers.clear();
        }
        self.doing = Doing::Exchanging(InFlight {
            id,
            packet,
            range,
            since: now,
            handed_over: 0,
            connection,
            then_suspend: false,
        });
        let patience = &self.config.patience;
        let (request_timeout, response_timeout) = (patience.request_timeout, patience.response_timeout);
        self.timers.start(Timer::Request, now, request_timeout);
        self.push(Output::Transmit(Transmit { id, request, connection, request_timeout, response_timeout }));
    }

    /// The caller's headers and what answers challenges. Those of the protocol itself stay as they are.
    fn add_own_headers(&self, headers: &mut HeaderMap) {
        if self.config.headers.is_empty() && self.credentials.headers.is_empty() {
            return;
        }
        // Credentials replace what the caller set once for all: there is one Authorization header.
        for own in [&self.credentials.headers, &self.config.headers] {
            let new: Vec<_> = own.iter().filter(|(name, _)| !headers.contains_key(*name)).collect();
            for (name, value) in new {
                let _never_full = headers.try_append(name, value.clone());
            }
        }
    }

    /// Whether what belongs to the destination may be told to the host of this URL.
    fn trusts(&self, url: &Uri) -> bool {
        let downgraded = self.destination.scheme_str() == Some("https") && url.scheme_str() != Some("https");
        let authority = url.authority().map(|authority| authority.as_str()).unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        !downgraded && host.parse().is_ok_and(|host| self.config.host_policy.allows(&self.destination, &host))
    }
}

/// `POST` in the method's place, for what lets no other method pass (Q41).
fn tunnel(request: &mut http::Request<Payload>) {
    if let Ok(method) = HeaderValue::from_str(request.method().as_str()) {
        header::put(request.headers_mut(), header::X_HTTP_METHOD_OVERRIDE, method);
        *request.method_mut() = Method::POST;
    }
}
