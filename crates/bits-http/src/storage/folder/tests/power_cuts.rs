//! The power is cut at every moment of an upload, and the disk loses what was not synced, in every way that it may.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bits_proto::Guid;
use bits_proto::server::Directory;
use rustix::fs::{XattrFlags, setxattr};

use super::super::boot;
use super::super::fail_point::{self, Plan};
use super::client::{Client, End, FILE, Server};
use super::recorded::{Change, Cut, Recorded, cuts, inode};
use super::{Durability, Place, run};
use crate::server::Uploads;
use crate::storage::{Failure, Keep, Kept, Listed, Record, Records};

/// Records that another machine keeps: a power cut here takes none of them.
#[derive(Clone, Debug, Default)]
struct Elsewhere(Arc<Mutex<BTreeMap<Guid, Record>>>);

impl Elsewhere {
    fn change(&self, change: impl FnOnce(&mut BTreeMap<Guid, Record>)) {
        let mut records = self.0.lock().unwrap();
        change(&mut records);
        if let Some(plan) = fail_point::current() {
            plan.record(Recorded::Kept(records.clone()));
        }
    }
}

impl Records for Elsewhere {
    fn keep(&self) -> Keep {
        Keep::RecordsWithoutOffset
    }

    async fn save(&self, id: Guid, record: Record) -> Result<(), Failure> {
        self.change(|records| drop(records.insert(id, record)));
        Ok(())
    }

    async fn forget(&self, id: Guid) -> Result<(), Failure> {
        self.change(|records| drop(records.remove(&id)));
        Ok(())
    }

    async fn list(&self) -> Result<Listed, Failure> {
        let records = self.0.lock().unwrap();
        let kept =
            records.iter().map(|(id, record)| Kept { id: *id, record: record.clone(), age: Duration::ZERO });
        Ok(Listed { kept: kept.collect(), unreadable: Vec::new() })
    }
}

/// What an upload does to a new disk, and the inodes of its root and state folder.
fn record(durability: Durability, records: Option<&Elsewhere>) -> (Vec<Recorded>, (u64, u64)) {
    let (place, plan) = (Place::new(), Plan::new(usize::MAX, || {}));
    drop(place.open());
    let of = |path| inode(fs::File::open(path).unwrap());
    let inodes = (of(place.root()), of(place.root().join(".bits")));
    let mut client = Client::default();
    serve(&place, durability, &plan, &mut client, records);
    assert!(client.done);
    (plan.recorded(), inodes)
}

/// Has a client go on at a server.
fn serve(
    place: &Place,
    durability: Durability,
    plan: &Arc<Plan>,
    client: &mut Client,
    records: Option<&Elsewhere>,
) {
    let directory = Directory::builder().allow_overwrites(durability == Durability::Never).build().unwrap();
    plan.follow(|| {
        run(async {
            let folder = place.builder().durability(durability).open().unwrap();
            let builder = Uploads::builder(folder.clone());
            let uploads = match records {
                Some(records) => builder.open(&directory, records.clone()).await.unwrap(),
                None => builder.open(&directory, folder).await.unwrap(),
            };
            let mut server = Server { uploads, plan: Arc::clone(plan) };
            client.go_on(&mut server, End::Closed).await.unwrap();
        });
    });
}

/// The disk after a power cut, at the next start of the machine.
fn restored(cut: &Cut<'_>, inodes: (u64, u64)) -> Place {
    let place = Place::new();
    drop(place.open());
    cut.restore(inodes, &place.root());
    setxattr(place.root().join(".bits"), boot::NAME, b"another start", XattrFlags::empty()).unwrap();
    place
}

/// Cuts the power at each moment. Returns how many disks there were.
fn everywhere(durability: Durability, check: impl Fn(&Place, Client, &str)) -> usize {
    everywhere_with(durability, None, |place, client, _, what| check(place, client, what))
}

fn everywhere_with(
    durability: Durability,
    records: Option<&Elsewhere>,
    check: impl Fn(&Place, Client, &Elsewhere, &str),
) -> usize {
    let (recorded, inodes) = record(durability, records);
    let mut kept = BTreeMap::new();
    let (mut changes, mut client, mut disks) = (Vec::<Change>::new(), Client::default(), 0);
    for next in [None].into_iter().chain(recorded.into_iter().map(Some)) {
        match next {
            Some(Recorded::Changed(change)) => changes.push(change),
            Some(Recorded::Acknowledged(known)) => client = known,
            Some(Recorded::Kept(records)) => kept = records,
            None => {}
        }
        for (number, cut) in cuts(&changes).iter().enumerate() {
            // Where no bytes are lost, all ways to lose them are one.
            if number % 4 > 0 && !cut.has_lost_bytes() {
                continue;
            }
            disks += 1;
            let last = changes.last();
            let what =
                format!("after {last:?}, {} changes, {} kept, {:?}", changes.len(), cut.kept, cut.left);
            let records = Elsewhere(Arc::new(Mutex::new(kept.clone())));
            check(&restored(cut, inodes), client.clone(), &records, &what);
        }
    }
    disks
}

/// The file is whole, or not there.
fn published(place: &Place, what: &str) -> bool {
    match fs::read(place.root().join("a")) {
        Ok(found) => {
            assert_eq!(found, FILE, "{what}");
            true
        }
        Err(_) => false,
    }
}

fn goes_on(durability: Durability, place: &Place, client: Client, what: &str) -> Client {
    goes_on_with(durability, place, client, None, what)
}

fn goes_on_with(
    durability: Durability,
    place: &Place,
    mut client: Client,
    records: Option<&Elsewhere>,
    what: &str,
) -> Client {
    assert!(published(place, what) || !client.done, "{what}: what was published is there");
    client.done = false;
    serve(place, durability, &Plan::new(usize::MAX, || {}), &mut client, records);
    assert!(published(place, what), "{what}");
    client
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let begun_anew = std::cell::Cell::new(0);
    let disks = everywhere(Durability::Fragment, |place, client, what| {
        let client = goes_on(Durability::Fragment, place, client, what);
        assert!(!client.went_back, "{what}: acknowledged bytes are lost");
        begun_anew.set(begun_anew.get() + usize::from(client.was_lost));
    });
    assert!(disks > 100, "{disks}");
    assert!(begun_anew.get() > 0, "nothing is synced before there are bytes");
}

/// A program may keep its records in a database, and the bytes in a folder.
#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged_where_records_are_elsewhere() {
    let disks =
        everywhere_with(Durability::Fragment, Some(&Elsewhere::default()), |place, client, records, what| {
            let client = goes_on_with(Durability::Fragment, place, client, Some(records), what);
            assert!(!client.went_back, "{what}: acknowledged bytes are lost");
        });
    assert!(disks > 100, "{disks}");
}

#[test]
fn a_power_cut_loses_no_more_than_bytes_of_unfinished_uploads_if_whole_files_are_synced() {
    let went_back = std::cell::Cell::new(0);
    everywhere(Durability::Whole, |place, client, what| {
        let client = goes_on(Durability::Whole, place, client, what);
        went_back.set(went_back.get() + usize::from(client.went_back));
    });
    assert!(went_back.get() > 0, "nothing is synced that need not be");
}

#[test]
fn after_a_power_cut_a_server_that_never_syncs_serves_again() {
    let disks = std::cell::Cell::new(0);
    everywhere(Durability::Never, |place, _, what| {
        disks.set(disks.get() + 1);
        // All changes may be lost, so that there are many disks: some of each kind are enough.
        if disks.get() % 11 > 0 {
            return;
        }
        let mut client = Client::default();
        serve(place, Durability::Never, &Plan::new(usize::MAX, || {}), &mut client, None);
        assert!(client.done && published(place, what));
    });
}

/// From the second start on, the length of a file counts again.
#[test]
fn what_a_power_cut_took_does_not_count_at_the_second_start_either() {
    let went_back = std::cell::Cell::new(0);
    everywhere(Durability::Whole, |place, client, what| {
        run(async {
            let folder = place.builder().durability(Durability::Whole).open().unwrap();
            Uploads::builder(folder.clone()).open(&Directory::default(), folder).await.unwrap();
        });
        let client = goes_on(Durability::Whole, place, client, what);
        went_back.set(went_back.get() + usize::from(client.went_back));
    });
    assert!(went_back.get() > 0, "nothing is synced that need not be");
}
