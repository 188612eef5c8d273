//! A whole server that dies at every step of Create, Fragment, Close and Cancel, while consumers are at work. Another one goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bits_proto::server::Directory;

use super::super::fail_point::Plan;
use super::client::{Client, End, FILE, Server};
use super::{Place, names, run};
use crate::server::Uploads;

const NEWER: &[u8] = b"newer";

/// Takes published files away. Where files may be overwritten, somebody puts a newer one there.
fn consume(root: &Path, taken: &Path, overwrites: bool) {
    let file = root.join("a");
    if fs::read(&file).is_ok_and(|found| found != NEWER) {
        let number = fs::read_dir(taken).unwrap().count();
        fs::rename(&file, taken.join(number.to_string())).unwrap();
        if overwrites {
            fs::write(&file, NEWER).unwrap();
        }
    }
}

/// Runs a server that dies after so many steps. Returns the step at which it died.
fn serve(
    place: &Place,
    taken: PathBuf,
    overwrites: bool,
    steps: usize,
    client: &mut Client,
    end: End,
) -> Option<&'static str> {
    let root = place.root();
    let plan = Plan::new(steps, move || consume(&root, &taken, overwrites));
    let directory = Directory::builder().allow_overwrites(overwrites).build().unwrap();
    plan.follow(|| {
        run(async {
            let folder = place.open();
            // A restart has steps, too.
            let Ok(uploads) = Uploads::builder(folder.clone()).open(&directory, folder).await else { return };
            let mut server = Server { uploads, plan: Arc::clone(&plan) };
            let _as_far_as_it_lives = client.go_on(&mut server, end).await;
        });
    });
    plan.died()
}

/// Dies once at each step, and once more while it takes up what was left.
fn dies_everywhere(end: End, overwrites: bool) -> Vec<&'static str> {
    let mut died_at = Vec::new();
    for steps in 0.. {
        assert!(steps < 200, "it has an end");
        let mut first_step = None;
        for again in [None, Some(0), Some(3)] {
            let (place, mut client) = (Place::new(), Client::default());
            let taken = place.folder.path().join("taken");
            fs::create_dir(&taken).unwrap();
            first_step = serve(&place, taken.clone(), overwrites, steps, &mut client, end);
            let acked = client.id.is_some();
            if let Some(again) = again {
                let _died_again = serve(&place, taken.clone(), overwrites, again, &mut client, end);
            }
            let last = serve(&place, taken.clone(), overwrites, usize::MAX, &mut client, end);
            assert!(last.is_none() && client.done && !client.was_lost, "{first_step:?}");
            // An Ack may be lost at the very end: what is repeated changes nothing.
            client.done = false;
            serve(&place, taken.clone(), overwrites, usize::MAX, &mut client, end);
            consume(&place.root(), &taken, overwrites);
            let found: Vec<_> =
                names(&taken).into_iter().map(|name| fs::read(taken.join(name)).unwrap()).collect();
            let expected = if end == End::Closed { vec![FILE.to_vec()] } else { vec![] };
            assert!(client.done && found == expected, "{end:?}, {first_step:?}, {again:?}: {found:?}");
            // Of a Create without an Ack, an empty session may be left for an hour.
            let left: Vec<_> =
                names(&place.root()).into_iter().filter(|name| name.starts_with(".bits-")).collect();
            assert!(left.len() <= usize::from(!acked) * 2, "{end:?}, {first_step:?}, {again:?}: {left:?}");
        }
        match first_step {
            Some(step) => died_at.push(step),
            None => break,
        }
    }
    died_at
}

fn has(died_at: &[&str], steps: &[&str]) {
    for step in steps {
        assert!(died_at.contains(step), "{step} is not in {died_at:?}");
    }
}

const CREATE: [&str; 4] =
    ["the place is noted", "the hidden folder is made", "the part is made", "the record is begun"];
const FRAGMENT: [&str; 5] = [
    "the part is open for writing",
    "the bytes are written",
    "the bytes last",
    "the record is appended",
    "the record lasts",
];

#[test]
fn an_upload_is_published_once_wherever_the_server_dies() {
    for overwrites in [false, true] {
        let died_at = dies_everywhere(End::Closed, overwrites);
        has(&died_at, &CREATE);
        has(&died_at, &FRAGMENT);
        has(
            &died_at,
            &[
                "it is published",
                "it is published to last",
                "the note is taken back",
                "the hidden folder is gone",
            ],
        );
    }
}

#[test]
fn an_upload_that_is_cancelled_is_gone_wherever_the_server_dies() {
    let died_at = dies_everywhere(End::Cancelled, false);
    has(&died_at, &CREATE);
    has(&died_at, &FRAGMENT);
    has(&died_at, &["the part is deleted", "the note is taken back", "the hidden folder is gone"]);
}
