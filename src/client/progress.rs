//! The good answers, and what each brings.

use std::time::Instant;

use super::config::ReplyMode;
use super::failure::{Failure, Reason, Violation};
use super::output::Event;
use super::state::{InFlight, Next, Ping, Place, Reply, Session, Timer};
use super::upload::Upload;
use crate::packet::{Ack, CreateSessionAck, FragmentAck, FragmentStatus, PacketType};

impl Upload {
    pub(super) fn accepted(&mut self, now: Instant, exchange: &InFlight, ack: Ack<'_>) -> Next {
        match ack {
            Ack::CreateSession(ack) => self.created(ack),
            Ack::Ping(_) => self.reached(),
            Ack::Fragment(ack) => {
                if ack.status == FragmentStatus::Accepted {
                    let elapsed = now.saturating_duration_since(exchange.since);
                    self.sizer.took(exchange.bytes(), elapsed, self.config.fragment_size);
                }
                self.acknowledged_fragment(now, exchange, &ack)
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

    fn created(&mut self, ack: CreateSessionAck<'_>) -> Next {
        self.place = Place::Session(Session::new(ack.session_id));
        self.tell(Event::SessionCreated { session_id: ack.session_id });
        let Some(host) = ack.host else { return Next::Go };
        if !self.guards.ignores_hosts && self.config.host_policy.allows(&self.destination, &host.id) {
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

    fn reached(&mut self) -> Next {
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
    fn acknowledged_fragment(&mut self, now: Instant, exchange: &InFlight, ack: &FragmentAck<'_>) -> Next {
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
            return self
                .unanswered(PacketType::Fragment, failure(Reason::Protocol(Violation::OffsetPastEnd)));
        }
        let Place::Session(session) = &mut self.place else { return Next::Go };
        if session.sent.is_some_and(|sent| to > sent) {
            // Going on from there would leave a hole that nobody notices (Q09).
            return self.restart(failure(Reason::Protocol(Violation::OffsetNeverSent)));
        }
        session.offset = to;
        if self.config.reply != ReplyMode::Ignored && session.reply != Reply::Settled {
            // The last one named counts (Q26).
            if let Some(Ok(url)) = ack.reply_url.as_ref().map(|url| url.resolve(&self.destination)) {
                session.reply = Reply::Url(url.to_string());
            }
        }
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
            Ok(()) => Next::Go,
            Err(reason) => self.fatal(failure(reason)),
        }
    }
}
