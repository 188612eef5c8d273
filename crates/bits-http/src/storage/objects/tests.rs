//! Uploads in a store in memory: every size around the borders of crumbs and parts, and what is left.

use bits_proto::Guid;
use bits_proto::server::Refusal;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::{Objects, ObjectsBuilder};
use crate::storage::{Contents, Destination, Failure, Held, Reader, Span, Storage, Writer};

const ID: Guid = Guid::from_bytes([7; 16]);
const PART: u64 = 1000;

/// Two processes have the same one.
fn process(store: &InMemory, buffers: u64) -> Objects {
    with_buffers(builder(store), buffers)
}

/// So many uploads gather a part in memory, and one gathers crumbs.
fn with_buffers(builder: ObjectsBuilder, buffers: u64) -> Objects {
    builder.memory((buffers + 1) * PART).build()
}

fn builder(store: &InMemory) -> ObjectsBuilder {
    Objects::builder(store.clone()).prefix("files").unwrap().part_size(PART)
}

const fn to(path: &str) -> Destination<'_> {
    Destination { path, overwrites: true }
}

async fn store(objects: &Objects, bytes: &[u8], start: u64, total: u64, fence: u64) -> Result<(), Failure> {
    let end = start + bytes.len() as u64;
    let mut writer = objects.writer(ID, Span { start, end, total, fence }).await?;
    for piece in bytes.chunks(97) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    let (stored, done) = writer.finish().await;
    done?;
    assert_eq!(stored, bytes.len() as u64);
    Ok(())
}

fn contents(length: u64) -> Vec<u8> {
    (0..length).map(|at| (at ^ (at >> 8)) as u8).collect()
}

async fn names(store: &InMemory) -> Vec<String> {
    let found: Vec<_> = store.list(None).try_collect().await.unwrap();
    found.into_iter().map(|found| found.location.to_string()).collect()
}

async fn read(store: &InMemory, name: &str) -> Bytes {
    store.get(&Path::from(name)).await.unwrap().bytes().await.unwrap()
}

#[tokio::test]
async fn entities_of_all_sizes_are_published_whole_in_fragments_of_all_sizes_by_changing_processes() {
    for total in [0, 1, 999, 1000, 1001, 2500, 3000] {
        for fragment in [1, 250, 999, 1000, 1001, 5000] {
            if fragment == 1 && total > 1001 {
                continue;
            }
            let shared = InMemory::new();
            let (bytes, stages) = (contents(total), fragment % 3 == 1);
            let process = |buffers| with_buffers(builder(&shared).stages(stages), buffers);
            let mut one = process(u64::from(fragment % 2 == 0));
            one.open(ID, &to("/a/b%20c")).await.unwrap();
            let (mut start, mut fence) = (0, 1);
            for piece in bytes.chunks(fragment) {
                store(&one, piece, start, total, fence).await.unwrap();
                start += piece.len() as u64;
                fence += 1;
                let (place, other) = (one.place(ID).await, process(1));
                other.resume(ID, &place, fence).await.unwrap();
                one = other;
            }
            one.publish(ID, &to("/a/b%20c"), total, fence).await.unwrap();
            assert_eq!(read(&shared, "files/a/b c").await, bytes, "{total} in {fragment}");
            assert_eq!(names(&shared).await, ["files/a/b c"], "{total} in {fragment}");
        }
    }
}

#[tokio::test]
async fn who_was_fenced_off_changes_nothing() {
    let shared = InMemory::new();
    let objects = process(&shared, 4);
    objects.open(ID, &to("/a")).await.unwrap();
    store(&objects, &contents(10), 0, 20, 3).await.unwrap();
    let late = objects.writer(ID, Span { start: 10, end: 20, total: 20, fence: 3 }).await.unwrap();
    let place = objects.place(ID).await;
    assert_eq!(objects.held(ID, &place, 5).await.unwrap(), Held::Bytes(10));
    let (stored, done) = late.finish().await;
    assert_eq!((stored, done.unwrap_err().refusal()), (0, Refusal::Busy));
    for late in [
        store(&objects, b"x", 10, 20, 4).await,
        objects.publish(ID, &to("/a"), 10, 4).await,
        objects.discard(ID, 4).await,
    ] {
        assert_eq!(late.unwrap_err().refusal(), Refusal::Busy);
    }
    store(&objects, &contents(20)[10..], 10, 20, 5).await.unwrap();
    objects.publish(ID, &to("/a"), 20, 5).await.unwrap();
    assert_eq!(read(&shared, "files/a").await, contents(20));
}

#[tokio::test]
async fn an_object_that_a_dead_process_published_is_known_again() {
    for total in [500, 2500] {
        let shared = InMemory::new();
        let (dead, next) = (process(&shared, 1), process(&shared, 1));
        dead.open(ID, &to("/a")).await.unwrap();
        store(&dead, &contents(total), 0, total, 1).await.unwrap();
        let place = dead.place(ID).await;
        dead.publish(ID, &to("/a"), total, 1).await.unwrap();
        // It died before it said so.
        assert_eq!(next.held(ID, &place, 2).await.unwrap(), Held::Published, "{total}");
        // One that slept, or an answer that was lost: it is published once, and the repeat succeeds.
        next.resume(ID, &place, 2).await.unwrap();
        let before = shared.head(&Path::from("files/a")).await.unwrap();
        next.publish(ID, &to("/a"), total, 2).await.unwrap();
        let after = shared.head(&Path::from("files/a")).await.unwrap();
        assert_eq!(before.e_tag, after.e_tag, "{total}");
        assert_eq!(read(&shared, "files/a").await, contents(total));
    }
}

#[tokio::test]
async fn an_upload_that_may_overwrite_replaces_what_is_there() {
    for total in [500, 2500] {
        let shared = InMemory::new();
        let objects = process(&shared, 1);
        shared.put(&Path::from("files/a"), PutPayload::from_static(b"theirs")).await.unwrap();
        objects.open(ID, &to("/a")).await.unwrap();
        store(&objects, &contents(total), 0, total, 1).await.unwrap();
        objects.publish(ID, &to("/a"), total, 1).await.unwrap();
        assert_eq!(read(&shared, "files/a").await, contents(total));
    }
}

#[tokio::test]
async fn a_destination_that_exists_is_never_overwritten_unless_it_may_be() {
    let shared = InMemory::new();
    let objects = process(&shared, 1);
    let never = Destination { path: "/a", overwrites: false };
    objects.open(ID, &never).await.unwrap();
    store(&objects, &contents(500), 0, 500, 1).await.unwrap();
    shared.put(&Path::from("files/a"), PutPayload::from_static(b"theirs")).await.unwrap();
    let refused = objects.publish(ID, &never, 500, 1).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::DestinationExists);
    assert_eq!(read(&shared, "files/a").await, "theirs");
    objects.discard(ID, 1).await.unwrap();
    assert_eq!(objects.open(ID, &never).await.unwrap_err().refusal(), Refusal::DestinationExists);
    // This store completes no multipart upload conditionally: what needs one is refused when its size is known.
    let other = Destination { path: "/b", overwrites: false };
    objects.open(ID, &other).await.unwrap();
    let refused = store(&objects, b"x", 0, PART + 1, 1).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::TooLarge);
    store(&objects, &contents(PART), 0, PART, 1).await.unwrap();
    objects.publish(ID, &other, PART, 1).await.unwrap();
}

/// A store that copies to a key only if it does not exist, and completes no multipart upload so.
fn copying(store: &InMemory, has_marks: bool) -> Objects {
    let mut builder = builder(store).copies_if_absent(true);
    (builder.shared.marks_parts, builder.shared.marks_copies) = (has_marks, has_marks);
    builder.build()
}

#[tokio::test]
async fn what_cannot_be_completed_on_its_key_is_put_together_apart_and_copied_unless_something_is_there() {
    for has_marks in [true, false] {
        let shared = InMemory::new();
        let objects = copying(&shared, has_marks);
        let never = Destination { path: "/a", overwrites: false };
        objects.open(ID, &never).await.unwrap();
        store(&objects, &contents(2500), 0, 2500, 1).await.unwrap();
        shared.put(&Path::from("files/a"), PutPayload::from_static(b"theirs")).await.unwrap();
        let refused = objects.publish(ID, &never, 2500, 1).await.unwrap_err();
        assert_eq!(refused.refusal(), Refusal::DestinationExists);
        assert_eq!(read(&shared, "files/a").await, "theirs");
        // The client closes it again when the other file is gone.
        shared.delete(&Path::from("files/a")).await.unwrap();
        objects.publish(ID, &never, 2500, 1).await.unwrap();
        assert_eq!(read(&shared, "files/a").await, contents(2500));
        assert_eq!(names(&shared).await, ["files/a"]);
    }
}

#[tokio::test]
async fn a_process_that_died_on_the_way_from_the_parts_to_the_destination_is_gone_on_from() {
    let to = Destination { path: "/a", overwrites: false };
    for (has_marks, copied) in [(true, false), (true, true), (false, false), (false, true)] {
        let shared = InMemory::new();
        let (dead, next) = (copying(&shared, has_marks), copying(&shared, has_marks));
        dead.open(ID, &to).await.unwrap();
        store(&dead, &contents(2500), 0, 2500, 1).await.unwrap();
        let (place, known) = (dead.place(ID).await, dead.0.place(ID, 1).unwrap());
        dead.0.put_together(ID, known.clone(), 1).await.unwrap();
        if copied {
            dead.0.copy_out(ID, &Path::from("files/a"), &known).await.unwrap();
        }
        let held = next.held(ID, &place, 2).await.unwrap();
        assert_eq!(held, if copied { Held::Published } else { Held::Bytes(2500) }, "{has_marks}");
        // Its answer was lost, or it slept: it is published once.
        next.publish(ID, &to, 2500, 2).await.unwrap();
        assert_eq!(read(&shared, "files/a").await, contents(2500));
        assert_eq!(names(&shared).await, ["files/a"]);
        // Something else under this name is not this upload.
        shared.put(&Path::from("files/a"), contents(2500)[1..].to_vec().into()).await.unwrap();
        next.resume(ID, &place, 3).await.unwrap();
        next.publish(ID, &to, 2500, 3).await.unwrap_err();
        assert_eq!(read(&shared, "files/a").await, contents(2500)[1..]);
    }
}

#[tokio::test]
async fn an_entity_that_is_staged_is_read_before_it_is_published_and_discarded_with_the_rest() {
    let shared = InMemory::new();
    let (one, other) = (builder(&shared).stages(true).build(), builder(&shared).stages(true).build());
    one.open(ID, &to("/a")).await.unwrap();
    store(&one, &contents(2500), 0, 2500, 1).await.unwrap();
    let place = one.place(ID).await;
    for (number, objects) in [&one, &other, &one].into_iter().enumerate() {
        objects.resume(ID, &place, 2 + number as u64).await.unwrap();
        let entity = objects.entity(ID).await.unwrap();
        assert_eq!(entity.size(), 2500);
        assert_eq!(entity.read(999..2001).await.unwrap(), contents(2500)[999..2001]);
    }
    assert_eq!(names(&shared).await.len(), 1, "and it is not published");
    one.discard(ID, 9).await.unwrap();
    assert!(names(&shared).await.is_empty());
}

#[tokio::test]
async fn an_entity_that_the_store_cannot_copy_is_refused_when_its_size_is_known() {
    let mut builder = builder(&InMemory::new()).stages(true);
    builder.shared.max_copy = 3 * PART;
    let objects = builder.build();
    objects.open(ID, &to("/a")).await.unwrap();
    let refused = store(&objects, b"x", 0, 3 * PART + 1, 1).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::TooLarge);
    store(&objects, b"x", 0, 3 * PART, 1).await.unwrap();
}

#[tokio::test]
async fn an_entity_that_needs_too_many_parts_is_refused_and_one_that_needs_larger_ones_is_not() {
    let objects = Objects::builder(InMemory::new()).build();
    objects.open(ID, &to("/a")).await.unwrap();
    let refused = store(&objects, b"x", 0, 1 << 62, 1).await.unwrap_err();
    assert_eq!(refused.refusal(), Refusal::TooLarge);
    store(&objects, b"x", 0, 200 << 30, 1).await.unwrap();
    let size = objects.0.place(ID, 1).unwrap().part_size;
    assert!((200_u64 << 30).div_ceil(size) <= 10_000 && size <= 64 << 20, "{size}");
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused() {
    let objects = process(&InMemory::new(), 1);
    for path in [
        "/",
        "/a/",
        "/../a",
        "/a/../../b",
        "/a//b",
        "/%2e%2e/a",
        "/a%2f%2fb",
        "/.bits/x",
        "/a/.BITS-x",
        "/a%0a",
        "/%ff",
    ] {
        let refused = objects.open(ID, &to(path)).await.expect_err(path);
        let refusal = refused.refusal();
        assert!(matches!(refusal, Refusal::AccessDenied | Refusal::IsDirectory), "{path}: {refusal}");
    }
    let long = format!("/{}", "a".repeat(1000));
    assert_eq!(objects.open(ID, &to(&long)).await.unwrap_err().refusal(), Refusal::AccessDenied);
}

#[tokio::test]
async fn what_is_read_is_what_was_stored_and_what_is_discarded_is_gone() {
    let shared = InMemory::new();
    let objects = process(&shared, 0);
    objects.open(ID, &to("/a")).await.unwrap();
    let bytes = contents(900);
    store(&objects, &bytes[..400], 0, 900, 1).await.unwrap();
    store(&objects, &bytes[400..], 400, 900, 1).await.unwrap();
    let entity = objects.entity(ID).await.unwrap();
    assert_eq!(entity.size(), 900);
    for range in [0..900, 0..1, 399..401, 899..900] {
        let part = &bytes[range.start as usize..range.end as usize];
        assert_eq!(entity.read(range).await.unwrap(), part);
    }
    let mut reply = objects.write_reply(ID).await.unwrap();
    reply.write(Bytes::from_static(b"thank ")).await.unwrap();
    reply.write(Bytes::from_static(b"you")).await.unwrap();
    assert_eq!(reply.finish().await.0, 9);
    assert_eq!(objects.reply(ID).await.unwrap().read(6..9).await.unwrap(), "you");
    assert_eq!(objects.stored().await.unwrap(), [ID]);
    objects.discard(ID, 1).await.unwrap();
    assert!(names(&shared).await.is_empty());
    assert!(objects.stored().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_published_by_whomever_is_counted_and_what_is_not_published_is_left_out() {
    let shared = InMemory::new();
    let objects = process(&shared, 1);
    for (name, size) in
        [("files/a", 10), ("files/alice/b", 20), ("files/alice/c/d", 30), ("files/alicea/e", 40)]
    {
        shared.put(&Path::from(name), PutPayload::from(contents(size))).await.unwrap();
    }
    // Beside the prefix, and of an unfinished upload.
    shared.put(&Path::from("filesystem/f"), PutPayload::from(contents(50))).await.unwrap();
    shared.put(&Path::from("files/.bits/g/1-0"), PutPayload::from(contents(60))).await.unwrap();
    let counted = |folder: &'static str| objects.count(folder);
    assert_eq!(counted("").await.unwrap(), 100);
    assert_eq!(counted("alice").await.unwrap(), 50);
    assert_eq!(counted("bob").await.unwrap(), 0);
    objects.open(ID, &to("/alice/h")).await.unwrap();
    store(&objects, &contents(2500), 0, 2500, 1).await.unwrap();
    assert_eq!(counted("alice").await.unwrap(), 50);
    objects.publish(ID, &to("/alice/h"), 2500, 1).await.unwrap();
    assert_eq!(counted("alice").await.unwrap(), 2550);
}

#[tokio::test]
async fn an_upload_counts_for_the_folder_in_which_its_object_is_published() {
    let shared = InMemory::new();
    let objects = process(&shared, 1);
    for (path, folder) in [
        ("/alice/a", Some("alice")),
        ("/al%69ce/b/c", Some("alice")),
        ("/my%20own/a", Some("my own")),
        ("/a", None),
        ("/", None),
        ("/.bits/a", None),
    ] {
        assert_eq!(objects.top_folder(path).as_deref(), folder, "{path}");
        let Some(folder) = folder else { continue };
        let before = objects.count(folder).await.unwrap();
        objects.open(ID, &to(path)).await.unwrap();
        store(&objects, b"abc", 0, 3, 1).await.unwrap();
        objects.publish(ID, &to(path), 3, 1).await.unwrap();
        assert_eq!(objects.count(folder).await.unwrap(), before + 3, "{path}");
    }
}
