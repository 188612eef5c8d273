//! The places for connections: how many there are, and who gives one up when all are taken.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::peer::Peer;

/// After how long without a byte a connection gives up its place even in the middle of a request. What the request does goes on, and
/// its client comes back.
const STALLED: Duration = Duration::from_secs(20);

/// The places of all listeners for uploads, or of those for metrics.
#[derive(Debug)]
pub(crate) struct Places {
    max: usize,
    per_address: usize,
    taken: Mutex<HashMap<u64, Arc<Taken>>>,
    /// How many requests are under way for each client of a trusted proxy.
    behind_proxies: Mutex<HashMap<Peer, usize>>,
    freed: Notify,
    next: AtomicU64,
    epoch: Instant,
}

#[derive(Debug)]
struct Taken {
    /// Who has a share. None for a proxy that is trusted: its clients have one each.
    address: Option<Peer>,
    /// When a byte went either way last, in milliseconds since the listener began.
    moved: AtomicU64,
    /// How many requests are under way.
    requests: AtomicU32,
    /// How many requests there were.
    seen: AtomicU64,
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
pub(crate) struct Busy {
    place: Arc<Place>,
    /// The client that a proxy asks for.
    client: Option<Peer>,
}

impl Places {
    /// So many places in all, and so many of them for one address.
    pub(crate) fn new(max: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            per_address,
            taken: Mutex::default(),
            behind_proxies: Mutex::default(),
            freed: Notify::new(),
            next: AtomicU64::new(0),
            epoch: Instant::now(),
        })
    }

    /// How many are taken.
    pub(crate) fn len(&self) -> usize {
        self.taken().len()
    }

    /// How many there are.
    pub(crate) const fn max(&self) -> usize {
        self.max
    }

    /// A place for a new connection. When all are taken, the connection that was idle longest ends; if none is idle, this waits. `None`:
    /// its address has all of its places, and is using them. Without an address, the connection is nobody's share.
    pub(crate) async fn take(self: &Arc<Self>, address: Option<Peer>) -> Option<Place> {
        loop {
            let freed = self.freed.notified();
            {
                let mut taken = self.taken();
                let of_address = taken.values().filter(|place| place.address == address).count();
                let has_all = address.is_some() && of_address >= self.per_address;
                if has_all && !self.end_idle(&mut taken, address) {
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
        address: Option<Peer>,
    ) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Taken {
            address,
            moved: AtomicU64::new(self.now()),
            requests: AtomicU32::new(0),
            seen: AtomicU64::new(0),
            ended: CancellationToken::new(),
        });
        taken.insert(number, Arc::clone(&place));
        Place { places: Arc::clone(self), number, taken: place }
    }

    /// Ends the connection that was idle longest, of one address or of all.
    fn end_idle(&self, taken: &mut MutexGuard<'_, HashMap<u64, Arc<Taken>>>, address: Option<Peer>) -> bool {
        let now = self.now();
        let stalled = u64::try_from(STALLED.as_millis()).unwrap_or(u64::MAX);
        let idle = taken
            .iter()
            .filter(|(_, place)| address.is_none() || place.address == address)
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

    fn behind_proxies(&self) -> MutexGuard<'_, HashMap<Peer, usize>> {
        self.behind_proxies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<u64, Arc<Taken>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request is under way, until this is dropped. `client` is whom a trusted proxy asks for: it has a share like an
    /// address that comes itself. `None`: it is using all of its share.
    pub(crate) fn busy(self: &Arc<Self>, client: Option<Peer>) -> Option<Busy> {
        self.taken.seen.fetch_add(1, Ordering::Relaxed);
        if let Some(client) = client {
            let mut clients = self.places.behind_proxies();
            let of_client = clients.entry(client).or_default();
            if *of_client >= self.places.per_address {
                return None;
            }
            *of_client += 1;
        }
        self.taken.requests.fetch_add(1, Ordering::SeqCst);
        Some(Busy { place: Arc::clone(self), client })
    }

    /// Whether a request came.
    pub(crate) fn had_requests(&self) -> bool {
        self.taken.seen.load(Ordering::Relaxed) > 0
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
        self.place.taken.requests.fetch_sub(1, Ordering::SeqCst);
        let Some(client) = self.client else { return };
        let mut clients = self.place.places.behind_proxies();
        if let Some(requests) = clients.get_mut(&client) {
            *requests -= 1;
            if *requests == 0 {
                clients.remove(&client);
            }
        }
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

    const ONE: Option<Peer> = Some(Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))));
    const OTHER: Option<Peer> = Some(Peer::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2))));

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
        let first = Arc::new(places.take(ONE).await.unwrap());
        let busy = first.busy(None);
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

    #[tokio::test]
    async fn a_proxy_has_no_share_and_each_of_its_clients_has_one() {
        let places = Places::new(10, 1);
        let proxy = [(); 3].map(|()| places.take(None));
        let [first, second, third] = proxy;
        let proxy = [first.await, second.await, third.await].map(|place| Arc::new(place.unwrap()));
        assert!(!proxy.iter().any(|place| is_ended(place)));
        let busy = proxy[0].busy(ONE).unwrap();
        assert!(proxy[1].busy(ONE).is_none(), "it has its share");
        let _other = proxy[1].busy(OTHER).unwrap();
        drop(busy);
        assert!(proxy[2].busy(ONE).is_some());
    }
}
