//! The place of a download, recognised by what it tells.

use bits_proto::download::State;
use bits_proto::download::transitions::Place;

use super::Scene;

impl Scene {
    /// Where the download stands, as far as its caller can tell: whether it is to be suspended shows when it is resumed.
    pub fn place(mut self) -> Place {
        let state = self.download.state();
        let suspending = self.download.resume(self.now).is_ok();
        let exchange = self.exchange.as_ref();
        let is_body = exchange.is_some_and(|exchange| exchange.body.is_some());
        let several = exchange.is_some_and(|exchange| exchange.ranges.len() > 1);
        match state {
            State::Measuring if suspending => Place::SuspendingMeasuring,
            State::Measuring => Place::Measuring,
            State::Downloading => match (suspending, is_body, several) {
                (false, false, false) => Place::Asking,
                (false, false, true) => Place::AskingSeveral,
                (false, true, false) => Place::Receiving,
                (false, true, true) => Place::ReceivingSeveral,
                (true, false, false) => Place::SuspendingAsking,
                (true, false, true) => Place::SuspendingAskingSeveral,
                (true, true, false) => Place::SuspendingReceiving,
                (true, true, true) => Place::SuspendingReceivingSeveral,
            },
            State::Pacing => Place::Pacing,
            State::WaitingToRetry => Place::Waiting,
            State::WaitingForCredentials => Place::NeedsCredentials,
            State::Suspended => Place::Suspended,
            State::Failed => Place::Failed,
            State::Completed => Place::Completed,
            State::Cancelled => Place::Cancelled,
            other => panic!("{other:?}"),
        }
    }
}
