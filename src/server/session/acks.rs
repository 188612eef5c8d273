//! The Acks of a session.

use super::Session;
use super::state::{Answer, State, Step, Wanted};
use crate::packet::{
    Ack, CancelSessionAck, CloseSessionAck, CreateSessionAck, ErrorAck, FragmentAck, FragmentStatus,
};
use crate::server::Directory;
use crate::vocabulary::SessionId;

impl Step {
    pub(super) fn respond(ack: Ack<'static>) -> Self {
        Self::Respond(Answer::Other(Box::new(ack)))
    }
}

impl<O> Session<O> {
    pub(super) fn session_id(&self) -> SessionId {
        self.id.into()
    }

    pub(super) fn create_ack(&self, directory: &Directory) -> Step {
        Step::respond(Ack::CreateSession(CreateSessionAck {
            host: directory.host.clone(),
            ..CreateSessionAck::new(self.session_id())
        }))
    }

    /// 200 with the offset; and, once the entity is complete, with the reply's URL, however often it is asked for (C10).
    pub(super) fn fragment_ack(&self) -> Step {
        match self.notification.reply_url() {
            Some(url) if self.state == State::WaitingForClose => Step::respond(Ack::Fragment(FragmentAck {
                reply_url: Some(url.clone()),
                ..FragmentAck::accepted(self.session_id(), self.next)
            })),
            _ => self.offset(FragmentStatus::Accepted),
        }
    }

    /// 416 with the offset, and without error headers (C11).
    pub(super) fn out_of_step(&self) -> Step {
        self.offset(FragmentStatus::OutOfStep)
    }

    fn offset(&self, status: FragmentStatus) -> Step {
        Step::Respond(Answer::Offset { status, session: self.id, next: self.next })
    }

    pub(super) fn close_ack(&self) -> Step {
        Step::respond(Ack::CloseSession(CloseSessionAck { session_id: Some(self.session_id()) }))
    }

    pub(super) fn cancel_ack(&self) -> Step {
        Step::respond(Ack::CancelSession(CancelSessionAck { session_id: Some(self.session_id()) }))
    }

    pub(super) fn error_ack(&self, error: ErrorAck) -> Ack<'static> {
        Ack::Error(ErrorAck { session_id: Some(self.session_id()), ..error })
    }

    pub(super) fn error(&self, error: ErrorAck) -> Step {
        Step::respond(self.error_ack(error))
    }

    /// An error that answers a Fragment: it tells the offset as well.
    pub(super) fn fragment_error(&self, error: ErrorAck) -> Step {
        self.error(ErrorAck { received: Some(self.next), ..error })
    }

    /// An error that answers whatever was wanted.
    pub(super) fn error_for(&self, wanted: Wanted, error: ErrorAck) -> Step {
        match wanted {
            Wanted::Fragment(_) | Wanted::Unreadable(_) => self.fragment_error(error),
            Wanted::Close | Wanted::Cancel | Wanted::End(_) | Wanted::Save => self.error(error),
        }
    }
}
