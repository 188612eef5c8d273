//! The unfinished uploads of each address, and how many there may be.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bits_http::server::Uploads;
use bits_proto::Guid;

use crate::peer::Peer;

/// How many uploads are remembered, ended ones among them, before it is looked which ones have ended.
const REMEMBERED: usize = 200_000;

/// The unfinished uploads of each address. Those of an earlier process are nobody's.
#[derive(Debug)]
pub(crate) struct Addresses {
    most: usize,
    opened: Mutex<Opened>,
}

#[derive(Debug, Default)]
struct Opened {
    by_address: HashMap<Peer, HashSet<Guid>>,
    all: usize,
}

impl Addresses {
    /// So many for each address.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, opened: Mutex::default() }
    }

    /// An upload begins.
    pub(crate) fn opened(&self, address: Peer, id: Guid) {
        let mut opened = self.lock();
        if opened.by_address.entry(address).or_default().insert(id) {
            opened.all += 1;
        }
    }

    /// Whether an address has as many as it may have.
    pub(crate) async fn is_full(&self, address: Peer, uploads: &Uploads) -> bool {
        let of_address = |opened: &Opened| opened.by_address.get(&address).map_or(0, HashSet::len);
        let suspects: Vec<Guid> = {
            let opened = self.lock();
            match () {
                () if opened.all >= REMEMBERED => opened.by_address.values().flatten().copied().collect(),
                () if of_address(&opened) >= self.most => {
                    opened.by_address.get(&address).into_iter().flatten().copied().collect()
                }
                () => return false,
            }
        };
        let mut ended = HashSet::new();
        for id in suspects {
            if !uploads.is_open(id).await {
                ended.insert(id);
            }
        }
        let mut opened = self.lock();
        for ids in opened.by_address.values_mut() {
            ids.retain(|id| !ended.contains(id));
        }
        opened.by_address.retain(|_, ids| !ids.is_empty());
        opened.all = opened.by_address.values().map(HashSet::len).sum();
        of_address(&opened) >= self.most
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
