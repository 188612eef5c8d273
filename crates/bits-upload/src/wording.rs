//! The words for what happens to an upload, while it is under way and when it has failed.

use bits_http::client::{Error, Lasting, ReplyError, StateError, TransportFailure};
use bits_proto::Hresult;
use bits_proto::client::{Event, Failure, Reason};
use bits_proto::download;
use bits_proto::packet::PacketType;
use serde_json::{Value, json};

use crate::job::Job;
use crate::network::{Network, remedy};
use crate::options::Options;
use crate::problem::Problem;

/// What the program knows better than the libraries can.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// What to do about credentials.
    pub(crate) advice: Option<String>,
    /// By what the last challenge was answered.
    pub(crate) authenticated: Option<String>,
    /// Where the last answer redirected to.
    pub(crate) location: Option<String>,
}

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
            format!(
                "fragments are too large for the server, or for something before it: {to} bytes from now on; what limits them is \
                 mostly maxAllowedContentLength of IIS's request filtering, or client_max_body_size of nginx"
            )
        }
        Event::HostChanged { host } => format!("the server moved the upload to {host}"),
        Event::HostRefused { host } => {
            format!("the server named another host, {host}, and --follow-host forbids it")
        }
        Event::HostAbandoned => "back to the first host".to_owned(),
        _ => return None,
    })
}

/// What happens, as an object for programs, if it is worth one.
pub(crate) fn object(event: &Event, text: &str) -> Option<Value> {
    let mut object = match event {
        Event::Waiting { delay, .. } => json!({ "event": "waiting", "seconds": delay.as_secs_f64() }),
        Event::Restarted { .. } => json!({ "event": "restarted" }),
        Event::Resynchronised { from, to } => json!({ "event": "resynchronised", "from": from, "to": to }),
        Event::FragmentShrunk { to } => json!({ "event": "fragment_shrunk", "to": to }),
        Event::HostChanged { host } => json!({ "event": "host_changed", "host": host.to_string() }),
        Event::HostRefused { host } => json!({ "event": "host_refused", "host": host.to_string() }),
        Event::HostAbandoned => json!({ "event": "host_abandoned" }),
        _ => return None,
    };
    if let Some(object) = object.as_object_mut() {
        let _was_none = object.insert("text".to_owned(), text.into());
    }
    Some(object)
}

/// Why an upload ended, and what to do.
pub(crate) fn problem(
    error: &Error,
    known: &Known,
    job: &Job,
    options: &Options,
    network: &Network,
) -> Problem {
    let file = job.file.display();
    match error {
        Error::Invalid(why) => Problem::usage(why),
        Error::Source(error) => Problem::failed(format_args!("{file} cannot be read: {error}")),
        Error::State(error) => state(error, job),
        Error::Transport(failure) => transport(failure, options, network),
        Error::Failed { failure, trouble } => {
            failed(failure, known, trouble.as_deref(), job, options, network)
        }
        Error::Reply(error) => reply(error, known, job, options, network),
        Error::Suspended => Problem::interrupted(format_args!("interrupted; {}", how_to_go_on(job, options))),
        error => Problem::failed(error),
    }
}

fn failed(
    failure: &Failure,
    known: &Known,
    trouble: Option<&str>,
    job: &Job,
    options: &Options,
    network: &Network,
) -> Problem {
    let next = how_to_go_on(job, options);
    let (why, is_advised) = match &known.advice {
        Some(advice) => (advice.clone(), true),
        None => (explained(failure, known, options), false),
    };
    // A proxy that sees requests may have answered in the server's place.
    let proxy = network.proxy_in_talk().filter(|_| !is_advised && !failure.is_from_bits_server());
    let way = |said: &str| match proxy.map(ToString::to_string) {
        Some(proxy) if !said.contains(&proxy) => format!("; the way leads through the proxy {proxy}"),
        _ => String::new(),
    };
    match (failure.reason, trouble) {
        (Reason::GaveUp, None) => Problem::resumable(format_args!("{why}{}; {next}", way(&why))),
        (Reason::GaveUp, Some(trouble)) => {
            Problem::resumable(format_args!("{why}: {trouble}{}; {next}", way(trouble)))
        }
        (Reason::ReplyMissing, _) => Problem::failed(format_args!(
            "{why}, so the file is not published: the same command without --reply publishes it"
        )),
        (Reason::SourceChanged, _) => {
            Problem::failed(format_args!("{why}; run the same command again to upload it as it is now"))
        }
        _ if options.check && failure.is_retryable() => {
            Problem::resumable(format_args!("{why}{}; {next}", way(&why)))
        }
        _ => Problem::failed(format_args!("{why}{}", way(&why))),
    }
}

fn reply(error: &ReplyError, known: &Known, job: &Job, options: &Options, network: &Network) -> Problem {
    let what = format!("the reply could not be fetched: {error}");
    if let Some(advice) = &known.advice {
        return Problem::failed(format_args!("the reply could not be fetched: {advice}"));
    }
    match error {
        ReplyError::Transport(failure) => {
            match failure.lasting.map(|lasting| remedy(lasting, options, network.proxy())) {
                Some(remedy) => Problem::failed(format_args!("{what}: {remedy}")),
                None => Problem::failed(what),
            }
        }
        ReplyError::OtherHost(_) => {
            Problem::failed(format_args!("{what}: --follow-host any follows every host"))
        }
        ReplyError::Failed { failure, .. } if failure.reason == download::Reason::TooLarge => {
            Problem::failed(format_args!("{what}: --reply-max raises the limit"))
        }
        ReplyError::Failed { cause: Some(cause), .. } if cause.reason == download::Reason::Page => {
            Problem::resumable(format_args!(
                "{what}; log in there first, then {}",
                how_to_go_on(job, options)
            ))
        }
        ReplyError::Failed { .. } | ReplyError::Interrupted => {
            Problem::resumable(format_args!("{what}; {}", how_to_go_on(job, options)))
        }
        _ => Problem::failed(what),
    }
}

/// The failure, with what is known besides.
fn explained(failure: &Failure, known: &Known, options: &Options) -> String {
    let status = failure.status.map(|status| status.as_u16()).unwrap_or_default();
    let is_first = matches!(failure.packet, None | Some(PacketType::CreateSession | PacketType::Ping));
    let is_unknown_method =
        !failure.is_from_bits_server() && is_first && matches!(status, 400 | 403 | 405 | 501);
    match &known.location {
        // The libraries may have said it.
        Some(location) if failure.to_string().contains(location.as_str()) => failure.to_string(),
        Some(location) if (300..400).contains(&status) => format!("{failure}: {location}"),
        _ if failure.reason == Reason::NotAvailable && options.method_override => {
            format!("{failure}; or the server does not know --method-override")
        }
        _ if is_unknown_method && matches!(status, 405 | 501) => format!("{failure}: --method-override"),
        _ if is_unknown_method && !options.method_override => {
            format!("{failure}; if a firewall lets no unknown method pass, --method-override may help")
        }
        _ if status == 403 && is_first && failure.code == Some(Hresult::E_ACCESSDENIED) => {
            format!("{failure}; or the server does not take this name")
        }
        _ if status == 400 && is_first && failure.code == Some(Hresult::E_INVALIDARG) => {
            format!("{failure}; a / at the end of the address puts the file into a folder")
        }
        _ => failure.to_string(),
    }
}

fn transport(failure: &TransportFailure, options: &Options, network: &Network) -> Problem {
    match failure.lasting {
        // It says itself what to do.
        Some(Lasting::ProxyWantsCredentials) => Problem::failed(&failure.text),
        Some(lasting) => {
            Problem::failed(format_args!("{failure}: {}", remedy(lasting, options, network.proxy())))
        }
        None => Problem::failed(failure),
    }
}

fn state(error: &StateError, job: &Job) -> Problem {
    let path = job.state.as_deref().unwrap_or(&job.file).display();
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

fn how_to_go_on(job: &Job, options: &Options) -> &'static str {
    if options.check {
        "run the check again"
    } else if job.state.is_some() {
        "run the same command again to go on"
    } else {
        "run it again to start over; --state FILE would let it go on"
    }
}
