//! Which packet goes next.

use std::ops::Range;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, Method, Uri};

use super::choices::{ContentNamePackets, ReplyMode};
use super::failure::{Failure, Reason};
use super::output::{Event, ExchangeId, Output, Transmit};
use super::state::{Goal, Hold, InFlight, Reply, Timer};
use super::upload::Upload;
use crate::header;
use crate::packet::{
    CancelSession, CloseSession, CreateSession, Fragment, PacketType, Payload, Ping, Request,
};
use crate::vocabulary::ContentName;
use crate::vocabulary::ContentRange;
use crate::vocabulary::{ProtocolId, SupportedProtocols};

impl Upload {
    /// Sends what is next, unless something is under way or holds the upload.
    ///
    /// What is next follows from what is known, and is stored nowhere: so an upload that was interrupted anywhere goes
    /// on by itself.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() || self.hold != Hold::None {
            return;
        }
        if let Some(request) = self.next_request(now) {
            self.transmit(now, &request);
        }
    }

    fn next_request(&mut self, now: Instant) -> Option<Request<'static>> {
        let Some(session_id) = self.session_id else { return self.without_session() };
        match self.goal {
            Goal::Cancel | Goal::StartOver | Goal::Withdraw => {
                Some(Request::CancelSession(CancelSession { session_id }))
            }
            Goal::Complete if self.ping_due => Some(Request::Ping(Ping)),
            Goal::Complete => match self.next_range() {
                Some(_) if self.waits_for_pace(now) => None,
                Some(range) => Some(Request::Fragment(Fragment {
                    session_id,
                    range: Some(range),
                    content_name: self.content_name(PacketType::Fragment),
                })),
                None => self.without_bytes().then(|| {
                    let content_name = self.content_name(PacketType::CloseSession);
                    Request::CloseSession(CloseSession { session_id, content_name })
                }),
            },
        }
    }

    fn without_session(&mut self) -> Option<Request<'static>> {
        if self.is_leaving() {
            self.left(true);
            return None;
        }
        self.goal = Goal::Complete;
        if self.ping_due {
            return Some(Request::Ping(Ping));
        }
        Some(Request::CreateSession(CreateSession {
            protocols: SupportedProtocols::offer(ProtocolId::BITS_1_5, self.config.uppercase_protocol),
            content_name: self.content_name(PacketType::CreateSession),
        }))
    }

    /// Every byte is acknowledged: whether the session may be closed. Not before the reply is here (C39).
    fn without_bytes(&mut self) -> bool {
        match (self.config.reply, &self.reply) {
            (ReplyMode::Ignored, _) | (_, Reply::Settled) | (ReplyMode::Optional, Reply::None) => true,
            (ReplyMode::Required, Reply::None) => {
                self.fail(Failure::new(Reason::ReplyMissing, None));
                false
            }
            (_, Reply::At(url)) => {
                let url = url.clone();
                let trusted = self.trusts(&url);
                self.hold = Hold::Reply;
                self.timers.stop(Timer::GiveUp);
                self.tell(Event::ReplyReady { url, trusted });
                false
            }
        }
    }

    fn next_range(&self) -> Option<ContentRange> {
        let size = self.sizer.size().min(self.pace.largest());
        let end = self.offset.saturating_add(size).min(self.entity.size());
        ContentRange::new(self.offset..end, self.entity.size()).ok()
    }

    fn waits_for_pace(&mut self, now: Instant) -> bool {
        let Some(delay) = self.pace.delay(now) else { return false };
        self.hold = Hold::Pace;
        self.timers.start(Timer::Pace, now, delay);
        true
    }

    fn content_name(&self, packet: PacketType) -> Option<ContentName<'static>> {
        let wanted = match self.config.content_name {
            ContentNamePackets::All => true,
            ContentNamePackets::Fragments => packet == PacketType::Fragment,
            ContentNamePackets::None => false,
        };
        self.entity.name().filter(|_| wanted).cloned()
    }

    fn transmit(&mut self, now: Instant, request: &Request<'_>) {
        self.exchanges = self.exchanges.wrapping_add(1);
        let id = ExchangeId(self.exchanges);
        let mut http = request.to_http(&self.url());
        self.add_own_headers(http.headers_mut());
        if self.config.method_override {
            tunnel(&mut http);
        }
        let range = match http.body() {
            Payload::Empty => Range::default(),
            Payload::Range(range) => range.clone(),
        };
        self.sent = self.sent.max(range.end);
        self.handed_over = 0;
        if !range.is_empty() {
            self.pace.sent(now, range.end.saturating_sub(range.start));
        }
        self.in_flight = Some(InFlight { id, packet: request.packet_type(), range, since: now });
        let same_connection_as = self.connection;
        self.connection = same_connection_as.map(|_| id);
        self.timers.start(Timer::Request, now, self.config.patience.request_timeout);
        self.push(Output::Transmit(Transmit {
            id,
            request: http,
            same_connection_as,
            request_timeout: self.config.patience.request_timeout,
            response_timeout: self.config.patience.response_timeout,
        }));
    }

    /// The caller's headers and what answers challenges. Those of the protocol itself stay as they are.
    fn add_own_headers(&mut self, headers: &mut HeaderMap) {
        let own = self.config.headers.iter().chain(&self.credentials.headers);
        let own: Vec<_> = own.filter(|(name, _)| !headers.contains_key(*name)).collect();
        for (name, value) in own {
            let _never_full = headers.try_append(name, value.clone());
        }
        if self.credentials.connection_bound {
            self.credentials.headers.clear();
        }
    }

    /// Where requests go: the destination, on the session's own host if it has one.
    fn url(&self) -> Uri {
        match &self.host {
            Some(host) => host.id.redirect(&self.destination),
            None => self.destination.clone(),
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
