//! The end of a service: new work ends early, and work under way is waited for.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells whether the service stops, and how many exchanges are under way.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    stopping: watch::Sender<bool>,
    under_way: watch::Sender<usize>,
}

/// An exchange that is under way, while this lives.
#[derive(Debug)]
pub(super) struct UnderWay(watch::Sender<usize>);

impl Stop {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { stopping: watch::Sender::new(false), under_way: watch::Sender::new(0) })
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.under_way.send_modify(|count| *count += 1);
        UnderWay(self.under_way.clone())
    }

    pub(super) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Is ready when the service stops.
    pub(super) async fn stopping(&self) {
        // The sender lives as long as this does.
        let mut stopping = self.stopping.subscribe();
        let _never_fails = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Waits until no exchange is under way.
    pub(super) async fn idle(&self) {
        let mut under_way = self.under_way.subscribe();
        let _never_fails = under_way.wait_for(|count| *count == 0).await;
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}
