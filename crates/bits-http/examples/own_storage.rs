//! A server on axum with a storage of its own: in memory, with records.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use bits_http::server::Uploads;
use bits_http::storage::{
    Destination, Failure, Held, Keep, Kept, Listed, Record, Records, Span, Storage, Writer,
};
use bits_proto::Guid;
use bits_proto::server::{Directory, Refusal};
use bytes::Bytes;

#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    parts: HashMap<Guid, Vec<u8>>,
    published: HashMap<String, Vec<u8>>,
    records: HashMap<Guid, (Record, Instant)>,
}

impl Shelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self, destination: &Destination<'_>) -> Result<(), Refusal> {
        let is_taken = self.published.contains_key(destination.path) && !destination.overwrites;
        if is_taken { Err(Refusal::DestinationExists) } else { Ok(()) }
    }
}

impl Storage for Shelf {
    type Writer = ShelfWriter;

    async fn open(&self, id: Guid, destination: &Destination<'_>) -> Result<(), Failure> {
        let mut state = self.state();
        state.check(destination)?;
        state.parts.insert(id, Vec::new());
        Ok(())
    }

    async fn writer(&self, id: Guid, span: Span) -> Result<ShelfWriter, Failure> {
        let mut state = self.state();
        let part = state.parts.get_mut(&id).ok_or(Refusal::EntityMissing)?;
        part.truncate(usize::try_from(span.start).map_err(|_| Refusal::DiskFull)?);
        Ok(ShelfWriter { shelf: self.clone(), id, bytes: Vec::new() })
    }

    async fn publish(&self, id: Guid, destination: &Destination<'_>, _: u64, _: u64) -> Result<(), Failure> {
        let mut state = self.state();
        // Before the destination: if the bytes are gone, the session may know that they were published.
        let size = state.parts.get(&id).ok_or(Refusal::EntityMissing)?.len();
        state.check(destination)?;
        let bytes = state.parts.remove(&id).unwrap_or_default();
        println!("{} has {size} bytes", destination.path);
        state.published.insert(destination.path.to_owned(), bytes);
        Ok(())
    }

    async fn discard(&self, id: Guid, _fence: u64) -> Result<(), Failure> {
        self.state().parts.remove(&id);
        Ok(())
    }

    async fn held(&self, id: Guid, _place: &[u8], _fence: u64) -> Result<Held, Failure> {
        let state = self.state();
        Ok(state.parts.get(&id).map_or(Held::Nothing, |part| Held::Bytes(part.len() as u64)))
    }

    async fn cut(&self, id: Guid, length: u64) -> Result<(), Failure> {
        if let Some(part) = self.state().parts.get_mut(&id) {
            part.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        Ok(())
    }

    async fn sweep(&self, known: &[Guid]) -> Result<Vec<String>, Failure> {
        self.state().parts.retain(|id, _| known.contains(id));
        Ok(Vec::new())
    }
}

/// Collects a fragment: a real storage writes it as it comes.
struct ShelfWriter {
    shelf: Shelf,
    id: Guid,
    bytes: Vec<u8>,
}

impl Writer for ShelfWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self) -> (u64, Result<(), Failure>) {
        match self.shelf.state().parts.get_mut(&self.id) {
            Some(part) => part.extend_from_slice(&self.bytes),
            None => return (0, Err(Refusal::EntityMissing.into())),
        }
        (self.bytes.len() as u64, Ok(()))
    }
}

impl Records for Shelf {
    fn keep(&self) -> Keep {
        Keep::RecordsWithoutOffset
    }

    async fn save(&self, id: Guid, record: Record) -> Result<(), Failure> {
        self.state().records.insert(id, (record, Instant::now()));
        Ok(())
    }

    async fn forget(&self, id: Guid) -> Result<(), Failure> {
        self.state().records.remove(&id);
        Ok(())
    }

    async fn list(&self) -> Result<Listed, Failure> {
        let kept = |(id, (record, saved)): (&Guid, &(Record, Instant))| Kept {
            id: *id,
            record: record.clone(),
            age: saved.elapsed(),
        };
        Ok(Listed { kept: self.state().records.iter().map(kept).collect(), unreadable: Vec::new() })
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let shelf = Shelf::default();
    let uploads = Uploads::builder(shelf.clone()).open(&Directory::default(), shelf).await;
    let router = Router::new().fallback_service(uploads.map_err(io::Error::other)?);
    axum::serve(listener, router).await
}
