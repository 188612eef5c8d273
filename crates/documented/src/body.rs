//! The body of a fragment on its way to the disk: piece by piece, whatever stack it comes from.

use std::time::Duration;

use bits_proto::server::{Refusal, Report, Store};
use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::folder::refusal;

/// How long a client may be silent within a body. It comes back, and goes on from there.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the rest of a body may take that nobody wants.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Stores the part of the body that is new. However the body ends, what was stored by then counts.
pub(crate) async fn store(
    mut file: File,
    store: &Store,
    body: &mut (impl Body + Unpin),
    stop: &CancellationToken,
) -> Report {
    let (mut skip, mut stored) = (store.skip, 0);
    let silent = loop {
        let frame = tokio::select! {
            biased;
            () = stop.cancelled() => break false,
            frame = timeout(SILENCE, body.frame()) => frame,
        };
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            // The body is whole, or the connection broke.
            Ok(None | Some(Err(_))) => break false,
            Err(_elapsed) => break true,
        };
        let Ok(mut data) = frame.into_data() else { continue };
        let skipped = at_most(skip, data.remaining());
        data.advance(skipped);
        skip -= skipped as u64;
        let room = store.range.end - store.range.start - stored;
        let mut new = data.take(at_most(room, usize::MAX));
        stored += new.remaining() as u64;
        if let Err(error) = file.write_all_buf(&mut new).await {
            return Report::Failed { stored: 0, refusal: refusal(&error) };
        }
    };
    // Only now do errors of the last writes show. After one nobody knows what was written, so nothing counts.
    match file.flush().await {
        Err(error) => Report::Failed { stored: 0, refusal: refusal(&error) },
        Ok(()) if silent => Report::Failed { stored, refusal: Refusal::Busy },
        Ok(()) => Report::Stored(stored),
    }
}

/// Reads the body of a refused request to its end, so that its sender hears why: many listen only then.
pub(crate) async fn drain(body: &mut (impl Body + Unpin)) {
    let to_its_end = async { while let Some(Ok(_)) = body.frame().await {} };
    let _too_long = timeout(DRAIN_TIME, to_its_end).await;
}

fn at_most(bytes: u64, most: usize) -> usize {
    usize::try_from(bytes).map_or(most, |bytes| bytes.min(most))
}
