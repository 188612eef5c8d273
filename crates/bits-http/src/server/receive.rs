//! The bodies of requests: stored, or read to their end.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use bits_proto::server::{Refusal, Report, Store};
use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::storage::{Failure, Writer};

/// How slow a client may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The time for which it may send nothing.
    pub(super) silence: Duration,
    /// The number of bytes that it sends at least in each [`WINDOW`].
    pub(super) least: u64,
}

/// The time over which the pace of a body is measured.
pub(super) const WINDOW: Duration = Duration::from_secs(30);

/// The number of bytes that of a refused body are read at most, so that its sender hears the answer and keeps its connection.
const DRAINED: u64 = 16 * 1024 * 1024;

/// The time that reading them may take.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// What came of a body.
pub(super) struct Received {
    pub(super) report: Report,
    pub(super) failure: Option<Failure>,
    /// Whether its client sends nothing, or is no longer waited for: the rest is not read.
    pub(super) broken_off: bool,
}

/// How the body ended.
enum End {
    /// It is whole, or the connection broke: what is stored counts.
    Over,
    /// A newer exchange takes its place: what is stored counts.
    Superseded,
    /// The client is silent or too slow, or the server stops: the client shall come back.
    GivenUp(&'static str),
    Failed(Failure),
}

/// Stores the part of a body that is new. What is reported stored lasts.
pub(super) async fn store<W: Writer, B: Body<Data: Send, Error: Send> + Send + Unpin>(
    mut writer: W,
    mut store: Store,
    body: &mut B,
    patience: Patience,
    stopped: impl Future<Output = ()> + Send,
    stopping: impl Future<Output = ()> + Send,
) -> Received {
    let end = copy(&mut writer, &mut store, body, patience, stopped, stopping).await;
    let (stored, finished) = writer.finish().await;
    let broken_off = matches!(end, End::Superseded | End::GivenUp(_));
    let failure = match (finished, end) {
        (Err(failure), _) | (Ok(()), End::Failed(failure)) => failure,
        (Ok(()), End::GivenUp(why)) => Failure::new(Refusal::Busy, why),
        (Ok(()), End::Over | End::Superseded) => {
            return Received { report: Report::Stored(stored), failure: None, broken_off };
        }
    };
    Received { report: Report::StoredPart(stored, failure.refusal()), failure: Some(failure), broken_off }
}

async fn copy<W: Writer, B: Body<Data: Send, Error: Send> + Send + Unpin>(
    writer: &mut W,
    store: &mut Store,
    body: &mut B,
    patience: Patience,
    stopped: impl Future<Output = ()> + Send,
    stopping: impl Future<Output = ()> + Send,
) -> End {
    let (mut stopped, mut stopping) = (pin!(stopped), pin!(stopping));
    let (mut window, mut came) = (Instant::now() + WINDOW, 0);
    while !store.is_complete() {
        let silent = Instant::now() + patience.silence;
        let frame = tokio::select! {
            biased;
            () = &mut stopped => return End::Superseded,
            () = &mut stopping => return End::GivenUp("the server stops"),
            frame = timeout_at(silent.min(window), body.frame()) => frame,
        };
        let now = Instant::now();
        let slow = now >= window && came < patience.least;
        if now >= window {
            (window, came) = (now + WINDOW, 0);
        }
        let frame = match frame {
            _ if slow => return End::GivenUp("the client sends too slowly"),
            Ok(Some(Ok(frame))) => frame,
            // Broken connections are the client's affair: it comes back.
            Ok(None | Some(Err(_))) => return End::Over,
            Err(_) if now >= silent => return End::GivenUp("the client is silent"),
            Err(_) => continue,
        };
        let Ok(mut data) = frame.into_data() else { continue };
        let data: Bytes = data.copy_to_bytes(data.remaining());
        came += data.len() as u64;
        let clipped = store.clip(&data);
        if clipped.is_empty() {
            continue;
        }
        if let Err(failure) = writer.write(data.slice_ref(clipped)).await {
            return End::Failed(failure);
        }
    }
    End::Over
}

/// Reads what is left of a body, if it is little. Returns whether the connection can go on.
pub(super) async fn drain<B: Body<Data: Send, Error: Send> + Send + Unpin>(
    body: &mut B,
    stopping: impl Future<Output = ()> + Send,
) -> bool {
    if body.is_end_stream() {
        return true;
    }
    if body.size_hint().lower() > DRAINED {
        return false;
    }
    let drained = async {
        let mut bytes = 0;
        while bytes <= DRAINED {
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64),
                Some(Err(_)) => return false,
                None => return true,
            }
        }
        body.is_end_stream()
    };
    tokio::select! {
        () = stopping => false,
        drained = timeout(DRAIN_TIME, drained) => drained.unwrap_or(false),
    }
}
