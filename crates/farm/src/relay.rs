//! A relay between clients and servers, one connection a request: a balancer, or a network that misbehaves.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::{sleep, timeout};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is passed on.
    None,
    /// It is answered with this status, and not passed on.
    Status(u16),
    /// It is passed on, and its answer is lost.
    LostAnswer,
    /// Nothing happens for a while, and then the connection ends.
    Hang,
}

/// A listener on any port.
#[must_use]
pub fn any_port() -> StdListener {
    StdListener::bind("127.0.0.1:0").unwrap()
}

type Choose = Box<dyn Fn() -> Fault + Send + Sync>;

/// A relay, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    targets: Mutex<Vec<SocketAddr>>,
    fault: Choose,
    latency: Duration,
    faults: AtomicU64,
}

/// The longest that a server may say nothing, and the longest that a client waits for a connection that hangs.
const SILENCE: Duration = Duration::from_secs(20);
const HANG: Duration = Duration::from_secs(5);

impl Relay {
    /// Passes each request on to one of these at random. `fault` chooses what becomes of each.
    #[must_use]
    pub fn start(
        listener: StdListener,
        targets: Vec<SocketAddr>,
        latency: Duration,
        fault: impl Fn() -> Fault + Send + Sync + 'static,
    ) -> Self {
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let targets = Mutex::new(targets);
        let shared = Arc::new(Shared { targets, fault: Box::new(fault), latency, faults: AtomicU64::new(0) });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let serving = Arc::clone(&shared);
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                tokio::spawn(async move {
                    let _broken = relay(client, &shared).await;
                });
            }
        });
        Self { address, shared, _runtime: runtime }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes where requests go.
    pub fn set_target(&self, number: usize, target: SocketAddr) {
        self.shared.targets.lock().unwrap()[number] = target;
    }

    /// How many requests did not go through.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.shared.faults.load(Ordering::Relaxed)
    }
}

async fn relay(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let (head, rest) = read_head(&mut client).await?;
    let fault = (shared.fault)();
    if fault != Fault::None {
        shared.faults.fetch_add(1, Ordering::Relaxed);
    }
    match fault {
        Fault::Status(status) => {
            let answer = format!("HTTP/1.1 {status} Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes()).await;
        }
        Fault::Hang => {
            sleep(HANG).await;
            return Ok(());
        }
        Fault::None | Fault::LostAnswer => {}
    }
    sleep(shared.latency).await;
    let mut server = connect(shared).await?;
    server.set_nodelay(true)?;
    server.write_all(&head).await?;
    server.write_all(&rest).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answer = async {
        if fault == Fault::LostAnswer {
            let _head = timeout(SILENCE, from_server.read(&mut [0; 64])).await;
            return Ok(());
        }
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match timeout(SILENCE, from_server.read(&mut buffer)).await {
                Ok(Ok(0)) | Err(_) => return Ok(()),
                Ok(read) => to_client.write_all(&buffer[..read?]).await?,
            }
        }
    };
    tokio::select! {
        answered = answer => answered,
        // What the client sends ends before the answer, or with it.
        sent = async { copy(&mut from_client, &mut to_server).await?; std::future::pending().await } => sent,
    }
}

/// A server at random; another one, if it is down.
async fn connect(shared: &Shared) -> std::io::Result<TcpStream> {
    let mut targets = shared.targets.lock().unwrap().clone();
    fastrand::shuffle(&mut targets);
    let mut last = None;
    for target in targets {
        match TcpStream::connect(target).await {
            Ok(server) => return Ok(server),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no server")))
}

/// The head of a request, which ends its connection, and what came with it.
async fn read_head(client: &mut TcpStream) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if client.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let rest = read.split_off(end + 4);
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let kept = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.collect::<Vec<_>>().join("\r\n") + "\r\nConnection: close\r\n\r\n";
    Ok((head.into_bytes(), rest))
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("targets", &self.targets).finish_non_exhaustive()
    }
}
