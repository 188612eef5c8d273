//! What a good answer brings.

use std::ops::Range;
use std::time::Instant;

use super::choices::ReplyMode;
use super::failure::{Failure, Reason, Violation};
use super::output::Event;
use super::state::{InFlight, Reply, Timer};
use super::upload::Upload;
use crate::packet::{Ack, CreateSessionAck, FragmentAck, FragmentStatus, PacketType};

impl Upload {
    pub(super) fn accepted(&mut self, now: Instant, exchange: InFlight, ack: Ack<'static>) {
        match ack {
            Ack::CreateSession(ack) => self.created(ack),
            Ack::Ping(_) => self.reached(),
            Ack::Fragment(ack) => {
                let elapsed = now.saturating_duration_since(exchange.since);
                if ack.status == FragmentStatus::Accepted {
                    self.sizer.took(exchange.bytes(), elapsed, self.config.fragment_size);
                }
                self.acknowledged_fragment(now, exchange.range, ack);
            }
            Ack::CloseSession(_) => self.completed(true),
            Ack::CancelSession(_) => self.session_gone(true),
            // The judge has made a verdict of it.
            Ack::Error(_) => {}
        }
    }

    /// A Close or Cancel was answered 2xx, by whomever.
    pub(super) fn unconfirmed(&mut self, packet: PacketType) {
        match packet {
            PacketType::CancelSession => self.session_gone(false),
            _ if self.is_leaving() => self.doubt(packet),
            _ => self.completed(false),
        }
    }

    pub(super) fn created(&mut self, ack: CreateSessionAck<'static>) {
        self.session_id = Some(ack.session_id);
        self.tell(Event::SessionCreated { session_id: ack.session_id });
        let Some(host) = ack.host else { return };
        if !self.ignores_hosts && self.config.host_policy.allows(&self.destination, &host.id) {
            self.tell(Event::HostChanged { host: host.id.clone() });
            self.host = Some(host);
            self.ping_due = true;
        } else {
            self.tell(Event::HostRefused { host: host.id });
        }
    }

    pub(super) fn reached(&mut self) {
        self.ping_due = false;
        if self.offset_lost {
            self.restart(Failure::new(Reason::OffsetUnknown, Some(PacketType::Fragment)));
        }
    }

    /// A Fragment was answered 200 or 416: go on from the offset that the server wants (C32).
    pub(super) fn acknowledged_fragment(
        &mut self,
        now: Instant,
        range: Range<u64>,
        ack: FragmentAck<'static>,
    ) {
        let failure = |reason| Failure {
            status: Some(ack.http_status()),
            ..Failure::new(reason, Some(PacketType::Fragment))
        };
        let to = match (ack.received, ack.status) {
            (Some(to), _) => to,
            // Taken whole (Q05).
            (None, FragmentStatus::Accepted) => range.end,
            (None, FragmentStatus::OutOfStep) => {
                return self.doubt_session(now, failure(Reason::OffsetUnknown));
            }
        };
        if to > self.entity.size() {
            let failure = failure(Reason::Protocol(Violation::OffsetPastEnd));
            return self.unanswered(now, PacketType::Fragment, failure);
        }
        if to > self.sent {
            // Going on from there would leave a hole that nobody notices (Q09).
            return self.restart(failure(Reason::Protocol(Violation::OffsetNeverSent)));
        }
        let best = self.guards.best;
        let guarded = self.guards.acknowledged(range.start, to, &self.config);
        self.offset = to;
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
        if self.config.reply != ReplyMode::Ignored && self.reply != Reply::Settled {
            // The last one named counts (Q26).
            if let Some(Ok(url)) = ack.reply_url.as_ref().map(|url| url.resolve(&self.destination)) {
                self.reply = Reply::At(url);
            }
        }
        if let Err(reason) = guarded {
            self.fatal(failure(reason));
        }
    }
}
