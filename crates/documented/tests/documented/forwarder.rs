//! A forwarder between a client and a server: it passes on what it gets, but for the connections that it spoils.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::harness::DEADLINE;

/// What becomes of one connection, after so many bytes from the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It ends.
    Cut(u64),
    /// It stays open, but nothing gets through any more: as where a router forgot it.
    Hang(u64),
}

pub(crate) struct Forwarder {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    hung_up: Arc<Notify>,
}

impl Forwarder {
    /// The first connections have these fates, all others none.
    pub(crate) async fn start(target: SocketAddr, fates: Vec<Fate>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, hung_up) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let forwarder = Self {
            address,
            connections: Arc::clone(&connections),
            hung_up: Arc::clone(&hung_up),
        };
        tokio::spawn(async move {
            let mut fates = fates.into_iter();
            while let Ok((client, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(target).await.unwrap();
                tokio::spawn(forward(client, server, fates.next(), Arc::clone(&hung_up)));
            }
        });
        forwarder
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until a client has closed a connection that hangs.
    pub(crate) async fn hung_up(&self) {
        timeout(DEADLINE, self.hung_up.notified())
            .await
            .expect("the client closes it");
    }
}

async fn forward(client: TcpStream, server: TcpStream, fate: Option<Fate>, hung_up: Arc<Notify>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let limit = match fate {
        Some(Fate::Cut(bytes) | Fate::Hang(bytes)) => bytes,
        None => u64::MAX,
    };
    let mut some_from_client = (&mut from_client).take(limit);
    // Whichever ends first, both do.
    tokio::select! {
        _ = copy(&mut some_from_client, &mut to_server) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
    if let Some(Fate::Hang(_)) = fate {
        let _until_the_client_closes = copy(&mut from_client, &mut sink()).await;
        hung_up.notify_one();
        // The server never learns of it.
        pending::<()>().await;
    }
}
