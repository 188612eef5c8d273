//! Uploads over every transport.

use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bits_http::client::{Config, Control, Error, Event, FileSource, Source, State};
use bits_proto::client::{Credentials, Reason};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use test_server::{Fault, Server};

use crate::stack::BOTH;

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn impatient() -> Config {
    let (first, longest) = (Duration::from_millis(20), Duration::from_millis(200));
    let protocol =
        bits_proto::client::Config::builder().fragment_size(64 * 1024).retry_delays(first, longest);
    let patience = Duration::from_secs(30);
    let config = Config::new().protocol(protocol.give_up_after(patience));
    config.reply_retry_delays(first, longest).reply_give_up_after(patience)
}

#[test]
fn bytes_of_every_size_arrive() {
    for stack in BOTH {
        let server = Server::start();
        for size in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            let path = format!("/{size}");
            let done = stack.upload(bytes(size), &server.url(&path), impatient()).unwrap();
            assert!(done.confirmed && done.bytes == size as u64);
            assert!(server.published(&path) == Some(bytes(size)), "{stack:?} {size}");
        }
    }
}

#[test]
fn connections_that_break_or_end_without_a_word_only_cost_time() {
    for stack in BOTH {
        let server = Server::build()
            .faults(|seen| match seen.number % 5 {
                1 => Fault::CutAnswer,
                2 => Fault::HangUp,
                3 => Fault::CutBody(1_000),
                _ => Fault::None,
            })
            .start();
        stack.upload(bytes(500_000), &server.url("/a"), impatient()).unwrap();
        assert!(server.published("/a") == Some(bytes(500_000)), "{stack:?}");
    }
}

#[test]
fn nothing_is_followed_or_sent_again_by_the_stack_itself() {
    for stack in BOTH {
        let server = Server::build().faults(|_| Fault::Answer(302, "Location: /b\r\n", "")).start();
        let error = stack.upload(bytes(10), &server.url("/a"), impatient()).unwrap_err();
        assert!(matches!(error, Error::Failed { failure, .. } if failure.reason == Reason::NotBits));
        assert_eq!(server.seen().len(), 1, "{stack:?}");
    }
}

#[test]
fn progress_is_told() {
    for stack in BOTH {
        let (server, told) = (Server::start(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&told);
        let config = impatient().on_event(move |event| {
            if let Event::Sent { sent, total } = event {
                assert_eq!(total, 200_000);
                heard.lock().unwrap().push(sent);
            }
        });
        stack.upload(bytes(200_000), &server.url("/a"), config).unwrap();
        let told = told.lock().unwrap();
        assert!(told.len() > 3 && told.is_sorted() && told.last() == Some(&200_000), "{stack:?} {told:?}");
    }
}

#[test]
fn a_callback_answers_challenges() {
    const NAME: &str = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    for stack in BOTH {
        let server = Server::build().authorization(NAME).start();
        let config = impatient().credentials(|challenge| {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(NAME))]);
            (challenge.earlier == 0).then(|| Credentials::from(headers))
        });
        stack.upload(bytes(100_000), &server.url("/a"), config).unwrap();
        let error = stack.upload(bytes(10), &server.url("/b"), impatient()).unwrap_err();
        assert!(matches!(error, Error::Failed { failure, .. } if failure.reason == Reason::Unauthorized));
    }
}

#[test]
fn a_reply_is_fetched_unless_it_is_too_long() {
    for stack in BOTH {
        let server = Server::build().reply(b"the answer").start();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reply");
        let config = impatient().reply(&path).reply_limit(10);
        let done = stack.upload(bytes(10), &server.url("/a"), config).unwrap();
        assert_eq!((done.reply, std::fs::read(&path).unwrap()), (Some(10), b"the answer".to_vec()));
        let config = impatient().reply(folder.path().join("long")).reply_limit(9);
        let error = stack.upload(bytes(10), &server.url("/b"), config).unwrap_err();
        assert!(matches!(error, Error::Reply(_)), "{stack:?} {error}");
        assert!(server.published("/b").is_none() && !folder.path().join("long").exists());
    }
}

/// A state in memory.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Option<Vec<u8>>>>);

impl State for Memory {
    fn load(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&mut self, record: &[u8]) -> io::Result<()> {
        *self.0.lock().unwrap() = Some(record.to_vec());
        Ok(())
    }

    fn remove(&mut self) {
        *self.0.lock().unwrap() = None;
    }
}

#[test]
fn a_suspended_upload_goes_on_where_its_state_is_kept() {
    for stack in BOTH {
        let (server, memory, control) = (Server::start(), Memory::default(), Control::default());
        let told = control.clone();
        let config = impatient().state_in(memory.clone()).control(control).on_event(move |event| {
            if matches!(event, Event::Sent { sent, .. } if sent > 200_000) {
                told.suspend();
            }
        });
        let error = stack.upload(bytes(500_000), &server.url("/a"), config).unwrap_err();
        assert!(matches!(error, Error::Suspended), "{stack:?} {error}");
        assert!(memory.0.lock().unwrap().is_some() && server.open_sessions() == 1);
        stack.upload(bytes(500_000), &server.url("/a"), impatient().state_in(memory.clone())).unwrap();
        assert_eq!(server.count("Create-Session"), 1);
        assert!(memory.0.lock().unwrap().is_none() && server.published("/a") == Some(bytes(500_000)));
    }
}

#[test]
fn a_command_ends_a_wait() {
    for stack in BOTH {
        let server = Server::build().faults(|_| Fault::Answer(503, "Retry-After: 60\r\n", "")).start();
        let (control, begin) = (Control::default(), Instant::now());
        let config = Config::new().control(control.follower());
        thread::scope(|scope| {
            scope.spawn(|| {
                server.wait_for_requests(1);
                thread::sleep(Duration::from_millis(200));
                control.cancel();
            });
            let error = stack.upload(bytes(10), &server.url("/a"), config).unwrap_err();
            assert!(matches!(error, Error::Cancelled), "{stack:?} {error}");
        });
        assert!(begin.elapsed() < Duration::from_secs(30), "{stack:?}");
    }
}

#[test]
fn a_source_that_cannot_be_read_ends_the_upload() {
    struct Broken;
    impl Source for Broken {
        fn size(&self) -> u64 {
            100_000
        }
        fn version(&self) -> io::Result<String> {
            Ok(String::new())
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let end = 70_000_usize.saturating_sub(offset as usize).min(buffer.len());
            if end == 0 { Err(io::Error::other("a bad sector")) } else { Ok(end) }
        }
    }
    for stack in BOTH {
        let server = Server::start();
        let error = stack.upload(Broken, &server.url("/a"), impatient()).unwrap_err();
        assert!(
            matches!(&error, Error::Source(error) if error.to_string().contains("a bad sector")),
            "{error}"
        );
        assert_eq!((server.open_sessions(), server.published("/a")), (0, None), "{stack:?}");
    }
}

#[test]
fn a_file_is_not_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for stack in BOTH {
        let (server, path) = (Server::start(), folder.path().join("file"));
        std::fs::write(&path, bytes(500_000)).unwrap();
        let (changed, source) = (path.clone(), FileSource::open(&path).unwrap());
        let config = impatient().on_event(move |event| {
            if matches!(event, Event::Sent { sent, .. } if sent > 200_000) {
                std::fs::write(&changed, bytes(499_000)).unwrap();
            }
        });
        let error = stack.upload(source, &server.url("/a"), config).unwrap_err();
        assert!(matches!(error, Error::Failed { failure, .. } if failure.reason == Reason::SourceChanged));
        assert_eq!((server.open_sessions(), server.published("/a")), (0, None), "{stack:?}");
    }
}
