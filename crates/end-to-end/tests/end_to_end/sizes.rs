//! Files of every awkward size arrive, whatever the size of fragments.

use std::fs;

use end_to_end::{Desk, Kind, Server, assert_same, with_both_servers};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

with_both_servers! {
    small_files_arrive
    files_around_the_size_of_a_fragment_arrive
    a_large_file_arrives
}

/// Uploads a file of this size with each of these options, and compares.
fn arrives(kind: Kind, size: u64, all_options: &[&[&str]]) {
    let (server, desk) = (Server::start_a(kind), Desk::with_file(size));
    for options in all_options {
        let file = server.file("a.bin");
        desk.run(options, &server.url("/a.bin")).succeeded();
        assert_eq!(file.metadata().unwrap().len(), size, "{options:?}");
        assert_same(&desk.source(), &file);
        assert_eq!((server.published(), server.leftovers()), (vec!["a.bin".to_owned()], vec![]));
        fs::remove_file(file).unwrap();
    }
}

fn small_files_arrive(kind: Kind) {
    for size in [0, 1, 5 * KIB - 1, 5 * KIB, 5 * KIB + 1] {
        arrives(kind, size, &[&[], &["--fragment-size", "1KiB"]]);
    }
}

fn files_around_the_size_of_a_fragment_arrive(kind: Kind) {
    for size in [MIB - 1, MIB, MIB + 1] {
        arrives(kind, size, &[&[], &["--fragment-size", "20KiB"], &["--fragment-size", "auto"]]);
    }
}

fn a_large_file_arrives(kind: Kind) {
    arrives(kind, GIB, &[&[], &["--fragment-size", "13MiB"]]);
}
