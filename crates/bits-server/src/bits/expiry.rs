//! The end of what nobody asks for any more.

use std::iter;
use std::time::Instant;

use bits_proto::{Guid, limits};

use super::{Bits, log};

impl Bits {
    /// Deletes what made no progress for too long.
    pub(crate) async fn expire(&self) {
        let now = Instant::now();
        let expired: Vec<_> = {
            let mut table = self.table();
            iter::from_fn(|| table.sessions.poll_expired(now)).collect()
        };
        for session in expired {
            tracing::info!(
                path = log::path(session.destination()),
                owner = log::owner(session.owner()),
                received = session.received(),
                "expired"
            );
            self.metrics.expired();
            self.delete(session.id()).await;
        }
    }

    /// Forgets the uploads that were closed long ago: no client repeats its Close any more.
    pub(crate) async fn forget_closed(&self) {
        let closed = self.files.with(|storage| storage.closed_before(limits::TOMBSTONE_LIFETIME)).await;
        for id in closed.unwrap_or_default() {
            self.delete(id).await;
        }
    }

    pub(super) async fn delete(&self, id: Guid) {
        let _one_at_a_time = self.files.turn(id).await;
        if let Err(error) = self.files.with(move |storage| storage.forget(id)).await {
            tracing::error!(%error, "an upload could not be deleted");
        }
    }
}
