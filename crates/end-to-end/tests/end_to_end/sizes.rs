//! Files of every awkward size arrive, whatever the size of fragments.

use std::fs;

use end_to_end::{Desk, Server, assert_same};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Uploads a file of this size with each of these options, and compares.
fn arrives(size: u64, all_options: &[&[&str]]) {
    let (server, desk) = (Server::start(&[]), Desk::with_file(size));
    for options in all_options {
        let file = server.file("a.bin");
        desk.run(options, &server.url("/a.bin")).succeeded();
        assert_eq!(file.metadata().unwrap().len(), size, "{options:?}");
        assert_same(&desk.source(), &file);
        assert_eq!((server.published(), server.leftovers()), (vec!["a.bin".to_owned()], vec![]));
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn small_files_arrive() {
    for size in [0, 1, 5 * KIB - 1, 5 * KIB, 5 * KIB + 1] {
        arrives(size, &[&[], &["--fragment-size", "1KiB"]]);
    }
}

#[test]
fn files_around_the_size_of_a_fragment_arrive() {
    for size in [MIB - 1, MIB, MIB + 1] {
        arrives(size, &[&[], &["--fragment-size", "20KiB"], &["--fragment-size", "auto"]]);
    }
}

#[test]
fn a_large_file_arrives() {
    arrives(GIB, &[&[], &["--fragment-size", "13MiB"]]);
}
