//! The good answers, and what each brings.

use std::time::Instant;

use http::HeaderName;

use super::config::ReplyMode;
use super::failure::{Failure, Reason, Violation};
use super::output::Event;
use super::state::{Close, InFlight, Next, Ping, Place, Reply, Session, Timer};
use super::upload::Upload;
use crate::header;
use crate::packet::{Ack, CreateSessionAck, FragmentAck, FragmentStatus, PacketType, ResponseHead};
use crate::vocabulary::digits::trim;

impl Upload {
    pub(super) fn accepted(
        &mut self,
        now: Instant,
        exchange: &InFlight,
        head: ResponseHead<'_>,
        ack: Ack<'_>,
    ) -> Next {
        match ack {
            Ack::CreateSession(ack) => self.created(head, ack),
            Ack::Ping(_) => self.reached(),
            Ack::Fragment(ack) => {
                if ack.status == FragmentStatus::Accepted {
                    let elapsed = now.saturating_duration_since(exchange.since);
                    self.sizer.took(exchange.bytes(), elapsed, self.config.fragment_size);
                }
                self.acknowledged_fragment(now, exchange, head, &ack)
            }
            Ack::CloseSession(_) => Next::Complete { confirmed: true },
            Ack::CancelSession(_) => self.session_gone(true),
            // The judge has made a verdict of it.
            Ack::Error(_) => Next::Go,
        }
    }

    /// A Close or Cancel was answered 2xx, by something that may not be the server.
    pub(super) fn unconfirmed(&mut self, packet: PacketType) -> Next {
        match packet {
            PacketType::CancelSession => self.session_gone(false),
            _ if self.is_leaving() => {
                self.doubt(packet);
                Next::Go
            }
            _ => Next::Complete { confirmed: false },
        }
    }

    fn created(&mut self, head: ResponseHead<'_>, ack: CreateSessionAck<'_>) -> Next {
        self.place = Place::Session(Session::new(ack.session_id));
        self.tell(Event::SessionCreated { session_id: ack.session_id });
        let Some(host) = ack.host else {
            self.ignored(head, &header::BITS_HOST_ID, "BITS-Host-Id");
            return Next::Go;
        };
        let ignored = self.guards.ignores_hosts && self.config.ignores_dead_hosts;
        if !ignored && self.config.host_policy.allows(&self.destination, &host.id) {
            let host = host.into_owned();
            self.tell(Event::HostChanged { host: host.id.clone() });
            self.target = host.id.redirect(&self.destination);
            if let Some(session) = self.session_mut() {
                session.host = Some(host);
                session.ping = Ping::Due;
            }
        } else {
            self.tell(Event::HostRefused { host: host.id.into_owned() });
        }
        Next::Go
    }

    pub(super) fn reached(&mut self) -> Next {
        self.guards.refused_pings = 0;
        match &mut self.place {
            Place::Nowhere { ping } => *ping = false,
            Place::Session(session) if session.ping == Ping::InDoubt => {
                return self.restart(Failure::new(Reason::OffsetUnknown, Some(PacketType::Fragment)));
            }
            Place::Session(session) => session.ping = Ping::NotDue,
        }
        Next::Go
    }

    /// A Fragment was answered 200 or 416: go on from the offset that the server wants (C32).
    fn acknowledged_fragment(
        &mut self,
        now: Instant,
        exchange: &InFlight,
        head: ResponseHead<'_>,
        ack: &FragmentAck<'_>,
    ) -> Next {
        let range = &exchange.range;
        let failure = |reason| Failure {
            status: Some(ack.http_status()),
            ..Failure::new(reason, Some(PacketType::Fragment))
        };
        let to = match (ack.received, ack.status) {
            (Some(to), _) => to,
            // Taken whole (Q05).
            (None, FragmentStatus::Accepted) => range.end,
            (None, FragmentStatus::OutOfStep) => return self.doubt_session(failure(Reason::OffsetUnknown)),
        };
        if to > self.entity.size() {
            let failure = failure(Reason::Protocol(Violation::OffsetPastEnd));
            return self.violation(PacketType::Fragment, None, failure);
        }
        let Place::Session(session) = &mut self.place else { return Next::Go };
        if session.sent.is_some_and(|sent| to > sent) {
            // Going on from there would leave a hole that nobody notices (Q09).
            let failure = failure(Reason::Protocol(Violation::OffsetNeverSent));
            return match self.config.conformance.is_strict() {
                true => self.violation(PacketType::Fragment, None, failure),
                false => self.restart(failure),
            };
        }
        session.offset = to;
        if to > range.start {
            session.trouble.failures = 0;
            self.timers.stop(Timer::HostFallback);
        }
        if to < self.entity.size() && session.close == Close::UnansweredAndRefused {
            // The server lost bytes, so it has published nothing.
            session.close = Close::NeverSent;
        }
        self.learn_reply(head, ack);
        let meagre = ack.status == FragmentStatus::Accepted && self.took_little(exchange, to);
        let best = self.guards.best;
        let guarded = self.guards.acknowledged(range.start, to, &self.config);
        if to != range.end {
            self.tell(Event::Resynchronised { from: range.end, to });
        }
        if to > range.start {
            self.backoff.reset();
        }
        if to > best {
            self.timers.start(Timer::GiveUp, now, self.config.patience.give_up_after);
            self.tell(Event::Progress { acknowledged: to });
        }
        match guarded {
            Ok(()) if meagre => self.fatal(failure(Reason::Stalled)),
            Ok(()) => Next::Go,
            Err(reason) => self.fatal(failure(reason)),
        }
    }

    /// Halves a fragment of which the server took less than half; whether it did so at the floor too often.
    fn took_little(&mut self, exchange: &InFlight, to: u64) -> bool {
        let taken = to.checked_sub(exchange.range.start);
        if taken.is_none_or(|taken| taken >= exchange.bytes() / 2) {
            self.guards.meagre = 0;
            return false;
        }
        !self.halve(exchange.bytes()) && !self.guards.bears_meagre()
    }

    /// The last reply named counts, in strict that of the last Fragment alone (Q26), at the origin and not at the
    /// session's host (C66). One that leads nowhere is told, and is no reason to close the session, which would delete it.
    fn learn_reply(&mut self, head: ResponseHead<'_>, ack: &FragmentAck<'_>) {
        if self.config.conformance.is_strict() && self.acknowledged() < self.entity.size() {
            return;
        }
        let url = ack.reply_url.as_ref().and_then(|url| url.resolve(&self.destination).ok());
        if url.is_none() && !self.ignored(head, &header::BITS_REPLY_URL, "BITS-Reply-URL") {
            return;
        }
        let Place::Session(session) = &mut self.place else { return };
        if self.config.reply != ReplyMode::Ignored {
            session.reply = match (url, &session.reply) {
                (_, Reply::Settled) => Reply::Settled,
                (Some(url), _) => Reply::Url(url.to_string()),
                (None, Reply::Url(_)) => return,
                (None, _) => Reply::Unusable,
            };
        }
    }

    /// Tells of a header that is there, has a value, and could not be read.
    fn ignored(&mut self, head: ResponseHead<'_>, name: &HeaderName, label: &'static str) -> bool {
        let there = head.headers.get(name).is_some_and(|value| !trim(value.as_bytes()).is_empty());
        if there {
            self.tell(Event::HeaderIgnored { name: label });
        }
        there
    }
}
