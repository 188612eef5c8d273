//! Which packet goes next.

use std::ops::Range;
use std::time::Instant;

use http::Uri;

use super::config::{ContentNamePackets, ReplyMode};
use super::failure::{Failure, Reason};
use super::output::{Event, ExchangeId, Output, Transmit};
use super::state::{Goal, Hold, InFlight, Reply, Timer};
use super::upload::Upload;
use crate::packet::{
    CancelSession, CloseSession, CreateSession, Fragment, PacketType, Payload, Ping, Request,
};
use crate::protocol_id::ProtocolId;
use crate::range::ContentRange;
use crate::value::ContentName;

impl Upload {
    /// Sends what is next, unless something is under way or holds the upload.
    ///
    /// What is next follows from what is known, and is stored nowhere: so an upload that was interrupted anywhere goes
    /// on by itself.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.in_flight.is_some() || self.hold != Hold::None {
            return;
        }
        if let Some(request) = self.next_request() {
            self.transmit(now, &request);
        }
    }

    fn next_request(&mut self) -> Option<Request<'static>> {
        let Some(session_id) = self.session_id else { return self.without_session() };
        match self.goal {
            Goal::Cancel | Goal::StartOver => Some(Request::CancelSession(CancelSession { session_id })),
            Goal::Complete if self.ping_due => Some(Request::Ping(Ping)),
            Goal::Complete => match self.next_range() {
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
        if self.goal == Goal::Cancel {
            self.cancelled(true);
            return None;
        }
        self.goal = Goal::Complete;
        if self.ping_due {
            return Some(Request::Ping(Ping));
        }
        Some(Request::CreateSession(CreateSession {
            protocols: ProtocolId::BITS_1_5.into(),
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
        let end = self.offset.saturating_add(self.ceiling).min(self.entity.size());
        ContentRange::new(self.offset..end, self.entity.size()).ok()
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
        for (name, value) in &self.credentials {
            let _never_full = http.headers_mut().try_append(name, value.clone());
        }
        let range = match http.body() {
            Payload::Empty => Range::default(),
            Payload::Range(range) => range.clone(),
        };
        self.sent = self.sent.max(range.end);
        self.in_flight = Some(InFlight { id, packet: request.packet_type(), range });
        self.timers.start(Timer::Request, now, self.config.request_timeout);
        self.push(Output::Transmit(Transmit {
            id,
            request: http,
            request_timeout: self.config.request_timeout,
            response_timeout: self.config.response_timeout,
        }));
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
