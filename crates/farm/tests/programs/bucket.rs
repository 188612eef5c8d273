//! Behaviour of a bucket alone: parts that come late, and memory.

use std::thread;

use crate::harness::{Bucket, Session, contents};

const MIB: usize = 1024 * 1024;

#[test]
fn an_upload_whose_part_was_replaced_by_a_server_that_slept_starts_over_and_is_never_published_wrong() {
    let farm = Bucket::start(&[]);
    let (address, bytes) = (farm.server.address(), contents(10 * MIB));
    let session = Session::create(address, "/a.bin");
    assert_eq!(session.fragment(&bytes, 0, bytes.len()).status, 200);
    let (key, upload) = farm.moto.uploads().pop().unwrap();
    // The bytes of an older connection.
    farm.moto.put_part(&key, &upload, 1, &vec![0xEE; 8 * MIB]);
    let told = session.close();
    assert_eq!(told.status, 404, "{told:?}");
    assert_eq!(farm.moto.file("/a.bin"), None);
    let again = Session::create(address, "/a.bin");
    assert_eq!(again.fragment(&bytes, 0, bytes.len()).status, 200);
    assert_eq!(again.close().status, 200);
    assert!(farm.moto.file("/a.bin") == Some(bytes));
    assert_eq!((farm.moto.keys().len(), farm.moto.unfinished().len()), (1, 0));
}

/// Uploads by eight clients at once, in fragments of 13 MiB. Returns how much more memory it took than the server has at rest.
fn peak(farm: &Bucket) -> u64 {
    let bytes = contents(16 * MIB);
    let at_rest = farm.server.memory("VmRSS");
    farm.server.forget_peak();
    thread::scope(|scope| {
        for client in 0..8 {
            let (bytes, address) = (&bytes, farm.server.address());
            scope.spawn(move || {
                let session = Session::create(address, &format!("/{client}"));
                for (number, fragment) in bytes.chunks(13 * MIB).enumerate() {
                    let ack = session.fragment(fragment, number * 13 * MIB, bytes.len());
                    assert_eq!(ack.status, 200, "{ack:?}");
                }
                assert_eq!(session.close().status, 200);
            });
        }
    });
    farm.server.memory("VmHWM") - at_rest
}

#[test]
fn parts_take_as_much_memory_as_is_allowed_however_many_clients_there_are() {
    // The smallest part of S3 is the least.
    for (allowed, parts) in [("1MiB", 5), ("24MiB", 24)] {
        let farm = Bucket::start(&["--bucket-memory", allowed]);
        let peak = peak(&farm);
        println!("eight clients, {allowed}: {} KiB", peak / 1024);
        // A piece of 256 KiB for each client, twice; threads, connections, and what the allocator keeps.
        assert!(peak < (parts + 10) * MIB as u64, "{allowed}: {peak}");
    }
}
