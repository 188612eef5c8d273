//! The reports on an exchange with a server application, and what becomes of the notification.

use std::time::Instant;

use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};

use super::notification::Notification;
use super::output::{Failure, Output, Reply};
use super::response::NotificationResponse;
use super::state::{Answer, End, Stage, Timer};
use crate::header;
use crate::packet::ResponseHead;
use crate::server::Refusal;
use crate::vocabulary::digits::trim;

impl Notification {
    /// Reports that the last byte of the notification was handed to the network: the application's time begins (§3.3.5.1).
    ///
    /// If your transport does not tell, call this when you begin to send: then the application's time covers the sending.
    pub fn handle_sent(&mut self, now: Instant) {
        let is_sent =
            [Timer::Head, Timer::Response].into_iter().any(|timer| self.timers.get(timer).is_some());
        if self.stage == Stage::Exchanging && self.is_under_way() && !is_sent {
            self.timers.stop(Timer::Send);
            self.timers.start(Timer::Head, now, self.config.head_timeout);
            self.timers.start(Timer::Response, now, self.config.response_timeout);
        }
    }

    /// Reports that the head of the application's answer arrived. The next outputs say what to do with its body.
    ///
    /// Interim answers (100 Continue, 103) are the HTTP library's to skip. A status from 100 to 199 that is told here is the
    /// answer, and no application may give it: the notification fails at once, instead of waiting for another one.
    pub fn handle_response<B>(&mut self, now: Instant, response: &Response<B>) {
        if self.stage != Stage::Exchanging || !self.is_under_way() {
            return;
        }
        // An answer may come before the whole entity was sent.
        self.handle_sent(now);
        self.timers.stop(Timer::Head);
        match NotificationResponse::decode(response, self.config.conformance) {
            Err(malformed) => self.refused(Failure::Malformed(malformed)),
            Ok(answer) if !is_success(&answer) => {
                self.refused(Failure::Refused { status: answer.status, code: answer.code });
            }
            Ok(answer) => self.answered(response.into(), answer),
        }
    }

    /// Reports whether the response file exists. If it does, it is the reply, whatever its size
    /// ([C43](crate::manual::decisions#c43)).
    pub fn handle_response_file(&mut self, exists: bool) {
        let Stage::Looking(answer) = self.stage else { return };
        match self.stored_reply.clone() {
            Some(url) if exists => {
                self.discard(answer);
                self.taken(answer.copy_to_destination, Reply::File(url));
            }
            // MC-BUP knows no reply but the file here (§2.2.13.3), though it contradicts itself (§3.4.5.2).
            _ if self.config.conformance.is_strict() => {
                self.discard(answer);
                self.taken_without_reply(answer);
            }
            _ => self.receive(answer),
        }
    }

    /// Reports that this many more bytes of the answer's body arrived and were stored.
    pub fn handle_body(&mut self, bytes: u64) {
        match &mut self.stage {
            Stage::Looking(answer) if answer.end == End::NotYet => answer.take(bytes),
            Stage::Receiving(answer) => {
                answer.take(bytes);
                self.check_size();
            }
            Stage::Exchanging | Stage::Looking(_) | Stage::Done => {}
        }
    }

    /// Reports that the body of the answer has ended as HTTP says.
    pub fn handle_body_end(&mut self) {
        self.ended(End::Whole);
    }

    /// Reports that the connection broke, or could not be made.
    pub fn handle_transport_error(&mut self) {
        match self.stage {
            Stage::Exchanging => {
                self.outputs.clear();
                self.failed(Failure::Transport);
            }
            _ => self.ended(End::BrokenOff),
        }
    }

    /// Reports that this server itself failed: it could not read the entity, could not store the reply, or gives the
    /// notification up.
    pub fn handle_failure(&mut self, refusal: Refusal) {
        if self.stage != Stage::Done {
            self.abort(Failure::Server(refusal));
        }
    }

    /// Reports that time has passed: acts on the timer that has gone off, if one has (§3.3.6).
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(timer) = self.timers.expire(now) {
            self.abort(Failure::Timeout(timer));
        }
    }

    /// The answer is no, or of no use.
    fn refused(&mut self, failure: Failure) {
        self.outputs.clear();
        self.outputs.push_back(Output::Discard);
        self.failed(failure);
    }

    /// The application took the entity: where is its reply? A URL of its own wins (C44), then the response file (C43).
    fn answered(&mut self, head: ResponseHead<'_>, response: NotificationResponse<'_>) {
        let no_body = response.status == StatusCode::NO_CONTENT || response.content_length == Some(0);
        let answer = Answer {
            copy_to_destination: response.copy_to_destination,
            announced: if no_body { Some(0) } else { response.content_length },
            received: 0,
            end: if no_body { End::Whole } else { End::NotYet },
            encoded: is_encoded(head),
            empty_is_reply: self.config.expect_reply
                && !self.is_by_reference()
                && response.status == StatusCode::OK,
        };
        if no_body {
            self.timers.stop(Timer::Response);
        }
        if let Some(url) = response.static_response_url {
            self.discard(answer);
            self.taken(answer.copy_to_destination, Reply::Static(url.into_owned()));
        } else if self.stored_reply.is_none() {
            self.discard(answer);
            self.taken_without_reply(answer);
        } else if self.is_by_reference() {
            self.stage = Stage::Looking(answer);
            self.outputs.push_back(Output::FindResponseFile);
        } else {
            self.receive(answer);
        }
    }

    /// The body, if there is one, is the reply.
    fn receive(&mut self, answer: Answer) {
        let limit = self.config.max_reply_size;
        match answer {
            Answer { end: End::Whole, received: 0, empty_is_reply: false, .. } => {
                self.taken_without_reply(answer);
            }
            Answer { end: End::BrokenOff, .. } => self.failed(Failure::Transport),
            // What is stored is served to clients as it is.
            Answer { encoded: true, .. } => {
                self.discard(answer);
                self.failed(Failure::Malformed(header::invalid(CONTENT_ENCODING)));
            }
            Answer { announced: Some(length), .. } if length > limit => {
                self.abort(Failure::ReplyTooLarge { limit });
            }
            _ => {
                self.stage = Stage::Receiving(answer);
                self.outputs.push_back(Output::StoreBody { limit });
                self.check_size();
                self.ended(answer.end);
            }
        }
    }

    fn check_size(&mut self) {
        let limit = self.config.max_reply_size;
        if matches!(self.stage, Stage::Receiving(answer) if answer.received > limit) {
            self.abort(Failure::ReplyTooLarge { limit });
        }
    }

    fn ended(&mut self, end: End) {
        match &mut self.stage {
            Stage::Looking(answer) if answer.end == End::NotYet => {
                answer.end = answer.ending(end);
                // The application has said all that it will: how long the caller looks for the file is not its fault.
                self.timers.stop(Timer::Response);
            }
            &mut Stage::Receiving(answer) => match answer.ending(end) {
                End::NotYet => {}
                End::Whole => self.received(answer),
                End::BrokenOff => self.failed(Failure::Transport),
            },
            Stage::Exchanging | Stage::Looking(_) | Stage::Done => {}
        }
    }

    fn received(&mut self, answer: Answer) {
        let is_reply = answer.received > 0 || answer.empty_is_reply;
        match self.stored_reply.clone() {
            Some(url) if is_reply => self.taken(answer.copy_to_destination, Reply::Body(url)),
            _ => self.taken_without_reply(answer),
        }
    }

    /// The body does not matter, if there is one.
    fn discard(&mut self, answer: Answer) {
        if answer.end == End::NotYet {
            self.outputs.push_back(Output::Discard);
        }
    }
}

/// A status of success beside a code of failure is none: the application broke the rules.
fn is_success(answer: &NotificationResponse<'_>) -> bool {
    answer.status.is_success() && !answer.code.is_some_and(|code| code.is_failure())
}

fn is_encoded(head: ResponseHead<'_>) -> bool {
    let identity = |value: &[u8]| value.is_empty() || value.eq_ignore_ascii_case(b"identity");
    head.headers.get_all(CONTENT_ENCODING).iter().any(|value| !identity(trim(value.as_bytes())))
}
