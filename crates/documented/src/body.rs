//! The body of a fragment on its way to the disk: piece by piece, whatever stack it comes from.

use std::time::Duration;

use bits_http::tasks::Task;
use bits_proto::server::{Refusal, Report, Store};
use bytes::Buf;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// How long a client may be silent within a body. It comes back, and goes on from there.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the rest of a body may take that nobody wants.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// Stores the part of the body that is new. However the body ends, what was stored by then counts.
pub(crate) async fn store(
    mut file: File,
    mut store: Store,
    body: &mut (impl Body + Unpin),
    task: &Task,
) -> Result<Report, Refusal> {
    let silent = loop {
        let frame = tokio::select! {
            biased;
            () = task.stopped() => break false,
            frame = timeout(SILENCE, body.frame()) => frame,
        };
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            // The body is whole, or the connection broke.
            Ok(None | Some(Err(_))) => break false,
            Err(_elapsed) => break true,
        };
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        while data.has_remaining() {
            let length = data.chunk().len();
            file.write_all(store.clip(data.chunk())).await?;
            data.advance(length);
        }
    };
    // Only now do errors of the last writes show. After one nobody knows what was written, so nothing counts.
    file.flush().await?;
    Ok(match silent {
        true => Report::StoredPart(store.clipped(), Refusal::Busy),
        false => Report::Stored(store.clipped()),
    })
}

/// Reads the body of a refused request to its end, so that its sender hears why: many listen only then.
pub(crate) async fn drain(body: &mut (impl Body + Unpin)) {
    let to_its_end = async { while let Some(Ok(_)) = body.frame().await {} };
    let _too_long = timeout(DRAIN_TIME, to_its_end).await;
}
