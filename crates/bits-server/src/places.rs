//! The places for connections: how many there are, and who gives one up when all are taken.

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// After how long without a byte a connection gives up its place even in the middle of a request. What the request does goes on, and
/// its client comes back.
const STALLED: Duration = Duration::from_secs(20);

/// The places of one listener.
#[derive(Debug)]
pub(crate) struct Places {
    max: usize,
    per_address: usize,
    taken: Mutex<HashMap<u64, Arc<Taken>>>,
    freed: Notify,
    next: AtomicU64,
    epoch: Instant,
}

#[derive(Debug)]
struct Taken {
    address: IpAddr,
    /// When a byte went either way last, in milliseconds since the listener began.
    moved: AtomicU64,
    /// How many requests are under way.
    requests: AtomicU32,
    ended: CancellationToken,
}

/// A place that a connection has, while this lives.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    taken: Arc<Taken>,
}

/// A request that is under way, while this lives.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Taken>);

impl Places {
    /// So many places in all, and so many of them for one address.
    pub(crate) fn new(max: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            per_address,
            taken: Mutex::default(),
            freed: Notify::new(),
            next: AtomicU64::new(0),
            epoch: Instant::now(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.taken().len()
    }

    /// A place for a new connection. When all are taken, the connection that was idle longest ends; if none is idle, this waits. `None`:
    /// its address has all of its places, and is using them.
    pub(crate) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        loop {
            let freed = self.freed.notified();
            {
                let mut taken = self.taken();
                let of_address = taken.values().filter(|place| place.address == address).count();
                if of_address >= self.per_address && !self.end_idle(&mut taken, Some(address)) {
                    return None;
                }
                if taken.len() < self.max || self.end_idle(&mut taken, None) {
                    return Some(self.new_place(&mut taken, address));
                }
            }
            tokio::select! {
                () = freed => {}
                // Somebody may have stalled meanwhile.
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    fn new_place(
        self: &Arc<Self>,
        taken: &mut MutexGuard<'_, HashMap<u64, Arc<Taken>>>,
        address: IpAddr,
    ) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Taken {
            address,
            moved: AtomicU64::new(self.now()),
            requests: AtomicU32::new(0),
            ended: CancellationToken::new(),
        });
        taken.insert(number, Arc::clone(&place));
        Place { places: Arc::clone(self), number, taken: place }
    }

    /// Ends the connection that was idle longest, of one address or of all.
    fn end_idle(
        &self,
        taken: &mut MutexGuard<'_, HashMap<u64, Arc<Taken>>>,
        address: Option<IpAddr>,
    ) -> bool {
        let now = self.now();
        let stalled = u64::try_from(STALLED.as_millis()).unwrap_or(u64::MAX);
        let idle = taken
            .iter()
            .filter(|(_, place)| address.is_none_or(|address| place.address == address))
            .map(|(number, place)| {
                let busy = place.requests.load(Ordering::SeqCst) > 0;
                (busy, place.moved.load(Ordering::Relaxed), *number)
            })
            .filter(|(busy, moved, _)| !busy || now.saturating_sub(*moved) >= stalled)
            .min();
        let Some(place) = idle.and_then(|(_, _, number)| taken.remove(&number)) else { return false };
        place.ended.cancel();
        true
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Taken>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request is under way, until this is dropped.
    pub(crate) fn busy(&self) -> Busy {
        self.taken.requests.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(&self.taken))
    }

    /// Is ready when the connection must give up its place.
    pub(crate) async fn ended(&self) {
        self.taken.ended.cancelled().await;
    }

    /// A stream whose bytes count as a sign of life.
    pub(crate) fn watch<S>(self: &Arc<Self>, stream: S) -> Watched<S> {
        Watched { stream, place: Arc::clone(self) }
    }

    fn moved(&self) {
        self.taken.moved.store(self.places.now(), Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().remove(&self.number);
        self.places.freed.notify_waiters();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream whose bytes count as a sign of life.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    place: Arc<Place>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.place.moved();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(1..)) = written {
            self.place.moved();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn is_ended(place: &Place) -> bool {
        place.taken.ended.is_cancelled()
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_longest_gives_up_its_place() {
        let places = Places::new(2, 2);
        let (first, second) = (places.take(ONE).await.unwrap(), places.take(ONE).await.unwrap());
        std::thread::sleep(Duration::from_millis(5));
        first.moved();
        let third = places.take(OTHER).await.unwrap();
        assert!(!is_ended(&first) && is_ended(&second) && !is_ended(&third));
        drop(second);
        assert_eq!(places.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_works_keeps_its_place_and_the_next_one_waits() {
        let places = Places::new(1, 1);
        let first = places.take(ONE).await.unwrap();
        let busy = first.busy();
        assert!(places.take(ONE).await.is_none(), "the address has all of its places");
        let waits = tokio::time::timeout(Duration::from_secs(5), places.take(OTHER)).await;
        assert!(waits.is_err() && !is_ended(&first));
        drop(busy);
        assert!(places.take(OTHER).await.is_some() && is_ended(&first));
    }

    #[tokio::test]
    async fn an_address_that_has_all_of_its_places_gives_up_one_of_its_own() {
        let places = Places::new(10, 2);
        let other = places.take(OTHER).await.unwrap();
        let mine = [places.take(ONE).await.unwrap(), places.take(ONE).await.unwrap()];
        let _more = [places.take(ONE).await.unwrap(), places.take(ONE).await.unwrap()];
        assert!(mine.iter().all(is_ended) && !is_ended(&other));
    }
}
