//! The knowledge that the table has of an upload: where it stands, and what is due to it.

use bits_proto::client::Recovery;
use bits_proto::client::transitions::{Place, Sight, Stimulus};
use bits_proto::packet::PacketType;

use super::setup::Setup;

/// Where the table has an upload, and what it knows of how it came there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abstract {
    pub place: Place,
    /// What the upload does next of what it cannot do now.
    pub due: Option<Place>,
    /// What comes after a Ping.
    pub(super) after_ping: Option<Place>,
    /// Which packet's answer a suspension waits for.
    pub before: Option<Place>,
    /// Why the session is given up, if it is.
    pub(super) leaving: Option<Stimulus>,
}

impl Abstract {
    pub fn new(place: Place) -> Self {
        Self { place, due: None, after_ping: None, before: None, leaving: None }
    }

    /// As it was before it was to be suspended.
    pub fn going_on(&self) -> Self {
        Self {
            place: self.before.expect("it is to be suspended"),
            due: self.after_ping,
            before: None,
            ..*self
        }
    }

    /// The place where the upload would be, were it not over for this reason.
    fn end(&self) -> Place {
        match self.leaving {
            Some(Stimulus::Cancel) => Place::Cancelled,
            _ => Place::Withdrawn,
        }
    }

    /// It stays where it is, but the reason to leave may be another one.
    pub fn met(mut self, stimulus: Stimulus) -> Self {
        if matches!(stimulus, Stimulus::Cancel | Stimulus::SourceChanged)
            && !Place::OVER.contains(&self.place)
        {
            self.leaving = Some(stimulus);
        }
        self
    }

    /// The upload comes to a place by a stimulus.
    pub fn moved(&self, place: Place, stimulus: Stimulus, setup: &Setup) -> Self {
        use Place::*;
        let mut next = Self { place, ..self.met(stimulus) };
        let end = next.end();
        let unanswered = |from| match (from, stimulus) {
            (Closing, Stimulus::Unsent | Stimulus::Unauthorized | Stimulus::Fatal) => Closing,
            (Closing | ClosingAgain, stimulus) if Stimulus::REFUSALS.contains(&stimulus) => from,
            (Closing, Stimulus::SuspendGracefully) => Closing,
            (Closing, _) => ClosingAgain,
            (LeavingClose | LeavingCloseAgain, _) => Leaving,
            (LeavingCreate, _) => end,
            (from, _) => from,
        };
        match place {
            Waiting | NeedsCredentials => next.due = Some(unanswered(self.place)),
            WaitingToPing => {
                next.due = Some(Pinging);
                next.after_ping =
                    if self.place == Pinging { self.after_ping } else { Some(unanswered(self.place)) };
            }
            WaitingInDoubt => next.due = Some(PingingInDoubt),
            Pacing => {
                next.due = Some(if self.place == Pinging { self.after_ping.unwrap() } else { SendingLast });
            }
            Suspending => next.before = Some(self.place),
            Suspended | Failed => {
                let aborted = matches!(stimulus, Stimulus::SuspendAtOnce | Stimulus::GiveUpTimer);
                let due = match self.place {
                    Sending | SendingLast if aborted && setup.recovery == Recovery::Restart => StartingOver,
                    // The reply's absence is what failed: the last fragment is repeated to ask again.
                    SendingLast if place == Failed && stimulus == Stimulus::Success => SendingLast,
                    from => unanswered(from),
                };
                (next.due, next.after_ping) = self.resumed(due, setup);
            }
            Withdrawn => (next.due, next.after_ping) = (Some(Withdrawn), None),
            Pinging if next.due == Some(Pinging) || self.place == Creating => {
                next.after_ping = if self.place == Creating { Some(Sending) } else { self.after_ping };
            }
            _ => {}
        }
        if !Place::RESTING.contains(&place) {
            next.due = None;
        }
        if place == Pinging {
            next.due = next.after_ping;
        } else if ![WaitingToPing, Suspended, Failed, NeedsCredentials, Suspending].contains(&place) {
            next.after_ping = None;
        }
        if place != Suspending {
            next.before = None;
        }
        if Place::OVER.contains(&place) {
            next.leaving = None;
        }
        next
    }

    /// What is due after a suspension or a failure in the middle of this: a Ping first, if there is a session.
    fn resumed(&self, from: Place, setup: &Setup) -> (Option<Place>, Option<Place>) {
        use Place::*;
        match from {
            Creating if setup.ping_first => (Some(PingingFirst), None),
            Creating | PingingFirst | PingingInDoubt | Leaving | StartingOver => (Some(from), None),
            Cancelled | Withdrawn => (Some(from), None),
            Pinging | WaitingToPing => (Some(Pinging), self.after_ping),
            WaitingInDoubt => (Some(PingingInDoubt), None),
            Suspended | Failed => (self.due, self.after_ping),
            Waiting | NeedsCredentials | Pacing => self.resumed(self.due.unwrap(), setup),
            Sending | SendingLast | Closing | ClosingAgain | NeedsReply => (Some(Pinging), Some(from)),
            other => panic!("nothing is resumed at {other:?}"),
        }
    }
}

/// What is seen of a place that the upload comes to because it is due.
pub fn sight_of(place: Place) -> Sight {
    match place {
        Place::PingingFirst | Place::Pinging | Place::PingingInDoubt => Sight::Send(PacketType::Ping),
        Place::Creating => Sight::Send(PacketType::CreateSession),
        Place::Sending | Place::SendingLast => Sight::Send(PacketType::Fragment),
        Place::Closing | Place::ClosingAgain => Sight::Send(PacketType::CloseSession),
        Place::Leaving | Place::StartingOver => Sight::Send(PacketType::CancelSession),
        Place::NeedsReply => Sight::ReplyReady,
        Place::Cancelled => Sight::Cancelled,
        Place::Withdrawn => Sight::Failed,
        other => panic!("{other:?} is never due"),
    }
}
