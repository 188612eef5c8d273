//! One request on its way to its answer, and the kinds of work on it.

use bits_proto::Guid;
use bits_proto::server::{Exchange, Output, Store};
use http::Response;

use super::{Owner, assert_is_ack};

/// One request on its way to its answer.
#[derive(Clone, Debug)]
pub struct Turn {
    pub(super) exchange: Exchange,
    /// None while another exchange works on the session.
    pub output: Option<Output<Owner>>,
    pub(super) body: Vec<u8>,
}

/// The kind of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Admit,
    Open,
    Store,
    Notify,
    Save,
    Publish,
    Discard,
    Forget,
    Respond,
    Done,
    /// None: another exchange is at work.
    Wait,
}

/// The kind of an output.
pub fn work<O>(output: Option<&Output<O>>) -> Work {
    match output {
        Some(Output::Admit) => Work::Admit,
        Some(Output::Open) => Work::Open,
        Some(Output::Store(_)) => Work::Store,
        Some(Output::Notify { .. }) => Work::Notify,
        Some(Output::Save(_)) => Work::Save,
        Some(Output::Publish { .. }) => Work::Publish,
        Some(Output::Discard) => Work::Discard,
        Some(Output::Forget) => Work::Forget,
        Some(Output::Respond(_)) => Work::Respond,
        Some(Output::Done) => Work::Done,
        None => Work::Wait,
    }
}

impl Turn {
    /// The answer, if the exchange has come to it.
    #[track_caller]
    pub fn response(&self) -> Response<()> {
        let Some(Output::Respond(ack)) = &self.output else { panic!("no answer yet, but {:?}", self.output) };
        let response = ack.to_response();
        assert_is_ack(&response);
        response
    }

    #[track_caller]
    pub fn store(&self) -> Store {
        let Some(Output::Store(store)) = &self.output else {
            panic!("nothing to store, but {:?}", self.output)
        };
        store.clone()
    }

    pub fn work(&self) -> Work {
        work(self.output.as_ref())
    }

    pub fn exchange(&self) -> Exchange {
        self.exchange
    }

    pub(super) fn session(&self) -> Guid {
        self.exchange.session().expect("the exchange reached a session")
    }
}
