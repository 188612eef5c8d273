//! The signals that end a program: the upload is suspended first.

/// Ctrl-C, a closed terminal, what a service manager sends, and whatever else would end the program.
///
/// A signal that the program was started to ignore stays ignored, so that `nohup` works.
#[cfg(unix)]
pub(crate) async fn interrupted() {
    use rustix::process::Signal;
    use std::future::poll_fn;
    use std::task::Poll;
    use tokio::signal::unix::{SignalKind, signal};

    // Those without a name there: limits of the processor's time, timers, and what descriptors and power supplies tell.
    let others = [Signal::XCPU, Signal::VTALARM, Signal::PROF, Signal::IO];
    #[cfg(target_os = "linux")]
    let others = others.into_iter().chain([Signal::POWER]);
    let kinds = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::alarm(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
    ];
    let others = others.into_iter().map(|signal| SignalKind::from_raw(signal.as_raw()));
    let ignored = ignored();
    let heard = |kind: &SignalKind| {
        let bit = u32::try_from(kind.as_raw_value().saturating_sub(1)).ok();
        bit.and_then(|bit| ignored.checked_shr(bit)).is_none_or(|mask| mask & 1 == 0)
    };
    let mut signals: Vec<_> =
        kinds.into_iter().chain(others).filter(heard).filter_map(|kind| signal(kind).ok()).collect();
    poll_fn(|context| match signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

#[cfg(not(unix))]
pub(crate) async fn interrupted() {
    let _ended_anyhow = tokio::signal::ctrl_c().await;
}

/// The signals that this process ignores, as bits from 1 on. Where the system does not tell: none.
#[cfg(unix)]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}
