//! A long wire: everything arrives, in its order, and later.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// A wire to an address, until it is dropped.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Wire {
    /// Bytes take this long in each direction.
    #[must_use]
    pub fn start(target: SocketAddr, latency: Duration) -> Self {
        let listener = crate::any_port();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(target).await else { return };
                    let _as_they_are = (near.set_nodelay(true), far.set_nodelay(true));
                    let ((near_read, near_write), (far_read, far_write)) =
                        (near.into_split(), far.into_split());
                    tokio::spawn(carry(near_read, far_write, latency));
                    carry(far_read, near_write, latency).await;
                });
            }
        });
        Self { address, _runtime: runtime }
    }

    /// Its near end.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, latency: Duration) {
    let (sender, mut on_the_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((due, bytes)) = on_the_way.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if sender.send((Instant::now() + latency, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}
