//! What a person is told of an upload: while it is under way, and when it has failed.

use std::time::Instant;

use bits_proto::client::{Event, Failure, Reason};

use crate::problem::Problem;

/// A line for what happens, if it is worth one.
pub(crate) fn line(event: &Event, trouble: &str) -> Option<String> {
    Some(match event {
        Event::Waiting { until, .. } => {
            let seconds = until.saturating_duration_since(Instant::now()).as_secs_f64();
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

/// Why an upload failed, and what to do: `advice` is what is known better than the library can, `trouble` what went
/// wrong last.
pub(crate) fn problem(failure: &Failure, advice: Option<String>, trouble: &str, is_kept: bool) -> Problem {
    let (why, next) = (advice.unwrap_or_else(|| failure.to_string()), how_to_go_on(is_kept));
    match failure.reason {
        Reason::GaveUp if trouble.is_empty() => Problem::resumable(format_args!("{why}; {next}")),
        Reason::GaveUp => Problem::resumable(format_args!("{why}: {trouble}; {next}")),
        Reason::ReplyMissing => Problem::failed(format_args!(
            "{why}, so the file is not published: the same command without --reply publishes it"
        )),
        Reason::ReplyFailed => Problem::resumable(format_args!("{why}; {next}")),
        Reason::SourceChanged => {
            Problem::failed(format_args!("{why}; run the same command again to upload it as it is now"))
        }
        _ => Problem::failed(why),
    }
}

pub(crate) fn interrupted(is_kept: bool) -> Problem {
    Problem::resumable(format_args!("interrupted; {}", how_to_go_on(is_kept)))
}

fn how_to_go_on(is_kept: bool) -> &'static str {
    if is_kept {
        "run the same command again to go on"
    } else {
        "run it again to start over; --state FILE would let it go on"
    }
}
