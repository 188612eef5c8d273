//! A node within the process of a test: it can die, and it can sleep.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bits_http::leases::{Leases, Postgres};
use bits_http::server::Uploads;
use bits_http::storage::{Quota, Storage};
use bits_proto::server::Directory;
use http::Request;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Config, NoTls};
use tower_service::Service;

use crate::request::{Answer, answered};

/// What a node is made of.
#[derive(Clone, Debug)]
pub struct Part<S> {
    /// The database.
    pub config: Config,
    /// The storage.
    pub storage: S,
    /// The configuration of the protocol.
    pub directory: Directory,
    /// How long a row is held without being renewed.
    pub lease: Duration,
    /// How much the storage may hold.
    pub quota: Option<Quota>,
}

#[derive(Debug)]
enum Order {
    Sleep(Duration, oneshot::Sender<()>),
    Die,
}

/// A server on a thread of its own. Dropping it is its death: nothing that it does goes on.
#[derive(Debug)]
pub struct Node {
    uploads: Uploads,
    handle: Handle,
    orders: mpsc::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Starts a node.
    pub async fn start<S: Storage>(part: Part<S>) -> Self {
        let (sender, receiver) = oneshot::channel();
        let (orders, mut wanted) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let uploads = open(part).await;
                let _nobody_waits = sender.send((uploads, Handle::current()));
                while let Some(Order::Sleep(time, begun)) = wanted.recv().await {
                    let _nobody_waits = begun.send(());
                    // The thread itself: nothing in this node moves.
                    thread::sleep(time);
                }
            });
            runtime.shutdown_background();
        });
        let (uploads, handle) = receiver.await.expect("the node starts");
        Self { uploads, handle, orders, thread: Some(thread) }
    }

    /// The whole process stands still for this time. Returns when it does.
    pub async fn sleep(&self, time: Duration) {
        let (begun, wait) = oneshot::channel();
        self.orders.send(Order::Sleep(time, begun)).ok().unwrap();
        wait.await.unwrap();
    }

    /// Sends a request to this node. `None`: the node died.
    pub async fn send<B>(&self, request: Request<B>) -> Option<Answer>
    where
        B: http_body::Body<Data: Send, Error: Send> + Send + 'static,
    {
        self.begin(request).await.ok()
    }

    /// Sends a request, whose answer comes when it comes.
    pub fn begin<B>(&self, request: Request<B>) -> tokio::task::JoinHandle<Answer>
    where
        B: http_body::Body<Data: Send, Error: Send> + Send + 'static,
    {
        let mut uploads = self.uploads.clone();
        self.handle.spawn(async move { answered(uploads.call(request).await.unwrap()).await })
    }

    /// The service.
    #[must_use]
    pub const fn uploads(&self) -> &Uploads {
        &self.uploads
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _dead_already = self.orders.send(Order::Die);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

async fn open<S: Storage>(part: Part<S>) -> Uploads {
    let Part { config, storage, directory, lease, quota } = part;
    let rows = Postgres::open(config, NoTls, 8).await.unwrap();
    let mut leases = Leases::<_, ()>::open(&directory, rows, lease).await.unwrap();
    if let Some(quota) = quota {
        leases = leases.with_quota(quota).unwrap();
    }
    let failed = Arc::new(|event: &bits_http::server::Event<'_, ()>| {
        if let bits_http::server::Event::Failed(why) = event {
            eprintln!("{why}");
        }
    });
    Uploads::builder(storage).events(move |event| failed(event)).with_turns(leases)
}
