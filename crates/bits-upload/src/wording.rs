//! The words for what happens to an upload, while it is under way and when it has failed.

use bits_http::client::{Error, StateError, TransportFailure};
use bits_proto::client::{Event, Failure, Reason};

use crate::network::remedy;
use crate::options::Options;
use crate::problem::Problem;

/// A line for what happens, if it is worth one.
pub(crate) fn line(event: &Event, trouble: &str) -> Option<String> {
    Some(match event {
        Event::Waiting { delay, .. } => {
            let seconds = delay.as_secs_f64();
            format!("{trouble}; trying again in {seconds:.1} s")
        }
        Event::Restarted { cause } => format!("{cause}; starting over"),
        Event::Resynchronised { from, to } => format!("the server wants byte {to}, not {from}"),
        Event::FragmentShrunk { to } => {
            format!("fragments are too large for the server: {to} bytes from now on")
        }
        Event::HostChanged { host } => format!("the server moved the upload to {host}"),
        Event::HostRefused { host } => {
            format!("the server named another host, {host}, and --follow-host forbids it")
        }
        Event::HostAbandoned => "back to the first host".to_owned(),
        _ => return None,
    })
}

/// Why an upload ended, and what to do: `advice` is what is known better than the libraries can.
pub(crate) fn problem(error: &Error, advice: Option<String>, options: &Options) -> Problem {
    let file = options.file.display();
    match error {
        Error::Invalid(why) => Problem::usage(why),
        Error::Source(error) => Problem::failed(format_args!("{file} cannot be read: {error}")),
        Error::State(error) => state(error, options),
        Error::Transport(failure) => transport(failure),
        Error::Failed { failure, trouble } => failed(failure, advice, trouble.as_deref(), options),
        Error::Reply(why) => {
            let why = advice.as_deref().unwrap_or(why);
            Problem::resumable(format_args!(
                "the reply could not be fetched: {why}; {}",
                how_to_go_on(options)
            ))
        }
        Error::Suspended => Problem::resumable(format_args!("interrupted; {}", how_to_go_on(options))),
        error => Problem::failed(error),
    }
}

fn failed(failure: &Failure, advice: Option<String>, trouble: Option<&str>, options: &Options) -> Problem {
    let advice = advice.or_else(|| {
        let is_tunnelled = failure.reason == Reason::NotAvailable && options.method_override;
        is_tunnelled.then(|| format!("{failure}; or the server does not know --method-override"))
    });
    let (why, next) = (advice.unwrap_or_else(|| failure.to_string()), how_to_go_on(options));
    match (failure.reason, trouble) {
        (Reason::GaveUp, None) => Problem::resumable(format_args!("{why}; {next}")),
        (Reason::GaveUp, Some(trouble)) => Problem::resumable(format_args!("{why}: {trouble}; {next}")),
        (Reason::ReplyMissing, _) => Problem::failed(format_args!(
            "{why}, so the file is not published: the same command without --reply publishes it"
        )),
        (Reason::SourceChanged, _) => {
            Problem::failed(format_args!("{why}; run the same command again to upload it as it is now"))
        }
        _ => Problem::failed(why),
    }
}

fn transport(failure: &TransportFailure) -> Problem {
    match failure.lasting.map(remedy) {
        Some(remedy) => Problem::failed(format_args!("{failure}: {remedy}")),
        None => Problem::failed(failure),
    }
}

fn state(error: &StateError, options: &Options) -> Problem {
    let path = options.state.as_deref().unwrap_or(&options.file).display();
    match error {
        StateError::InUse => Problem::failed(format_args!(
            "another run goes on with {path}: wait for its end, or name another file for --state"
        )),
        StateError::Unusable(error) => Problem::failed(format_args!("{path} cannot be used: {error}")),
        StateError::Unwritable(error) => Problem::failed(format_args!(
            "{path} cannot be written: {error}; the same command goes on once it can"
        )),
        StateError::Invalid(error) => Problem::failed(format_args!(
            "{path} is no state of an upload ({error}): delete it to start over"
        )),
        StateError::OtherDestination => Problem::failed(format_args!(
            "{path} belongs to an upload to another address: name another file for --state, or delete this one"
        )),
        error => Problem::failed(format_args!("{path}: {error}")),
    }
}

fn how_to_go_on(options: &Options) -> &'static str {
    if options.state.is_some() {
        "run the same command again to go on"
    } else {
        "run it again to start over; --state FILE would let it go on"
    }
}
