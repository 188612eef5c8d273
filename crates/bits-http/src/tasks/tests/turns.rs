//! Rules 7 to 11 of turn taking, each by itself.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use bits_proto::packet::Ack;
use bits_proto::server::{Keep, Output, Refusal, Report};

use super::{Count, close, create, fragment, next, now_or_never, tasks, waits};
use crate::tasks::Tasks;

#[test]
fn of_three_that_race_the_newest_wins_and_each_is_woken_for_its_answer() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    let first = fragment(&tasks, &id, 0, 10, 10);
    assert!(matches!(next(&first), Output::Store(_)) && !first.is_stopped());
    let ((second_woken, second_waker), (third_woken, third_waker)) = (Count::new(), Count::new());
    let second = fragment(&tasks, &id, 0, 10, 10);
    assert!(second.poll_next(&Context::from_waker(&second_waker)).is_pending());
    assert!(first.is_stopped());
    let third = fragment(&tasks, &id, 0, 10, 10);
    assert_eq!(second_woken.get(), 1, "it is replaced");
    let Output::Respond(ack) = next(&second) else { panic!() };
    assert_eq!(ack.status(), 503);
    assert!(third.poll_next(&Context::from_waker(&third_waker)).is_pending());
    first.report(Report::Stored(4));
    assert_eq!(third_woken.get(), 1);
    let Output::Store(store) = next(&third) else { panic!() };
    assert_eq!((store.skip(), store.range()), (4, &(4..10)));
    let Output::Respond(Ack::Error(error)) = next(&first) else { panic!() };
    assert_eq!((error.status.as_u16(), error.received), (503, None), "nothing that lasts is told");
}

#[test]
fn a_report_wakes_only_who_waits_for_that_session() {
    let tasks = tasks(Keep::Nothing);
    let ids = [create(&tasks), create(&tasks)];
    let at_work = ids.each_ref().map(|id| fragment(&tasks, id, 0, 10, 10));
    for task in &at_work {
        assert!(matches!(next(task), Output::Store(_)));
    }
    let woken = ids.each_ref().map(|id| {
        let (count, waker) = Count::new();
        let task = fragment(&tasks, id, 0, 10, 10);
        assert!(task.poll_next(&Context::from_waker(&waker)).is_pending());
        (count, task)
    });
    at_work[0].report(Report::Stored(10));
    assert_eq!((woken[0].0.get(), woken[1].0.get()), (1, 0));
}

#[test]
fn a_save_that_goes_on_without_its_task_is_not_overtaken() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    let first = fragment(&tasks, &id, 0, 5, 10);
    assert!(matches!(next(&first), Output::Store(_)));
    first.report(Report::Stored(5));
    assert!(matches!(next(&first), Output::Save(_)));
    let second = fragment(&tasks, &id, 5, 10, 10);
    assert!(waits(&second));
    let hold = first.hold();
    drop(first);
    assert!(waits(&second), "the save goes on");
    drop(hold);
    assert!(matches!(next(&second), Output::Store(_)));
    second.report(Report::Stored(5));
    assert!(matches!(next(&second), Output::Save(_)), "what the first one stored is saved now");
}

#[test]
fn a_task_that_dies_never_locks_an_upload_out() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    let first = fragment(&tasks, &id, 0, 5, 10);
    assert!(matches!(next(&first), Output::Store(_)));
    let second = fragment(&tasks, &id, 0, 5, 10);
    let (woken, waker) = Count::new();
    assert!(second.poll_next(&Context::from_waker(&waker)).is_pending());
    drop(first);
    assert_eq!(woken.get(), 1);
    assert!(matches!(next(&second), Output::Store(_)));
}

#[test]
fn a_future_that_is_dropped_and_made_anew_loses_nothing() {
    let tasks = tasks(Keep::Nothing);
    let id = create(&tasks);
    let first = fragment(&tasks, &id, 0, 5, 10);
    for _ in 0..3 {
        assert!(matches!(next(&first), Output::Store(_)), "until it is reported");
    }
    let second = fragment(&tasks, &id, 0, 5, 10);
    for _ in 0..3 {
        assert!(waits(&second));
    }
    let (woken, waker) = Count::new();
    assert!(second.poll_next(&Context::from_waker(&waker)).is_pending());
    first.report(Report::Stored(5));
    assert_eq!(woken.get(), 1, "the last waker is woken");
}

#[test]
fn a_publish_whose_task_died_is_believed_when_the_bytes_are_gone() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    let task = fragment(&tasks, &id, 0, 10, 10);
    assert!(matches!(next(&task), Output::Store(_)));
    task.report(Report::Stored(10));
    assert!(matches!(next(&task), Output::Save(_)));
    task.report(Report::Saved);
    assert!(matches!(next(&task), Output::Respond(_)));
    for died in [true, false] {
        let task = close(&tasks, &id);
        assert!(matches!(next(&task), Output::Save(_)));
        task.report(Report::Saved);
        assert!(matches!(next(&task), Output::Publish { size: 10 }));
        if died {
            continue; // It is dropped here. It did publish.
        }
        task.report(Report::Failed(Refusal::EntityMissing));
        let Output::Respond(Ack::CloseSession(_)) = next(&task) else { panic!() };
    }
}

/// A waker that asks for the table itself when it is woken and when it is dropped: a lock that is held then is a deadlock.
struct Foreign(Tasks);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.with(|sessions| assert!(sessions.len() < 2));
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.0.with(|sessions| assert!(sessions.len() < 2));
    }
}

#[test]
fn foreign_wakers_never_run_under_the_lock() {
    let done = thread::spawn(|| {
        let tasks = tasks(Keep::Nothing);
        let foreign = || Waker::from(Arc::new(Foreign(tasks.clone())));
        let id = create(&tasks);
        let first = fragment(&tasks, &id, 0, 5, 10);
        assert!(matches!(next(&first), Output::Store(_)));
        // Ready at once: the waker is dropped unused.
        assert!(first.poll_next(&Context::from_waker(&foreign())).is_ready());
        assert!(!first.on_stop(&foreign()));
        assert!(!first.on_stop(&foreign()), "the one before is dropped");
        let second = fragment(&tasks, &id, 0, 5, 10);
        assert!(first.on_stop(&foreign()), "woken at once");
        for _ in 0..2 {
            assert!(second.poll_next(&Context::from_waker(&foreign())).is_pending());
        }
        first.report(Report::Stored(2));
        assert!(second.poll_next(&Context::from_waker(&foreign())).is_ready());
        let third = fragment(&tasks, &id, 5, 10, 10);
        assert!(third.poll_next(&Context::from_waker(&foreign())).is_pending());
        // Its wakers are dropped with it.
        drop((third, second, first));
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while !done.is_finished() {
        assert!(Instant::now() < deadline, "a deadlock");
        thread::sleep(Duration::from_millis(5));
    }
    done.join().unwrap();
}

/// Shuts down the read half of a socket.
struct HangUp(TcpStream);

impl Wake for HangUp {
    fn wake(self: Arc<Self>) {
        self.0.shutdown(Shutdown::Read).unwrap();
    }
}

#[test]
fn a_thread_that_reads_a_silent_body_is_stopped_and_its_client_answered() {
    let tasks = tasks(Keep::Nothing);
    let id = create(&tasks);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"1234").unwrap();
    let older = fragment(&tasks, &id, 0, 10, 10);
    let thread = thread::spawn(move || {
        let Output::Store(store) = older.next_blocking() else { panic!() };
        older.on_stop(&Waker::from(Arc::new(HangUp(server.try_clone().unwrap()))));
        let mut bytes = Vec::new();
        let _ended = Read::by_ref(&mut server).take(store.length()).read_to_end(&mut bytes);
        older.report(Report::Stored(bytes.len() as u64));
        let Output::Respond(ack) = older.next_blocking() else { panic!() };
        server.write_all(ack.status().as_str().as_bytes()).unwrap();
    });
    // It may read for a while: nothing else comes.
    thread::sleep(Duration::from_millis(50));
    let newer = fragment(&tasks, &id, 0, 10, 10);
    let Output::Store(store) = newer.next_blocking() else { panic!() };
    assert_eq!(store.range(), &(4..10));
    thread.join().unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "503");
}

#[test]
fn lost_signals_cost_a_second_and_nothing_else() {
    let tasks = tasks(Keep::Nothing);
    let id = create(&tasks);
    let first = fragment(&tasks, &id, 0, 10, 10);
    assert!(matches!(next(&first), Output::Store(_)));
    let second = fragment(&tasks, &id, 0, 10, 10);
    let thread = thread::spawn(move || {
        let Output::Store(store) = second.next_blocking() else { panic!() };
        store.range().start
    });
    // Somebody else polls the signal of this report.
    let exchange = first.exchange();
    let begin = Instant::now();
    tasks.with(|sessions| {
        sessions.handle_report(Instant::now(), exchange, Report::Stored(3));
        while sessions.poll_signal().is_some() {}
    });
    assert_eq!(thread.join().unwrap(), 3);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert!(first.is_stopped(), "it is asked for, and not remembered from a signal");
}

#[test]
fn what_has_expired_is_ended_by_a_task_of_its_own() {
    let tasks = tasks(Keep::Records);
    let id = create(&tasks);
    tasks.with(|sessions| {
        let id = sessions.iter().next().unwrap().id();
        assert!(sessions.evict(Instant::now(), id));
    });
    let task = tasks.expired().unwrap();
    assert!(tasks.expired().is_none());
    assert!(matches!(next(&task), Output::Save(_)), "the intent");
    // A request that comes meanwhile learns that the session is gone, at once or when it is.
    let late = fragment(&tasks, &id, 0, 10, 10);
    let answer = now_or_never(late.next());
    loop {
        task.report(match next(&task) {
            Output::Save(_) => Report::Saved,
            Output::Discard => Report::Discarded,
            Output::Forget => Report::Forgotten,
            Output::Done => break,
            other => panic!("{other:?}"),
        });
    }
    drop(task);
    let Output::Respond(Ack::Error(error)) = answer.unwrap_or_else(|| next(&late)) else { panic!() };
    assert_eq!(error.code, Some(bits_proto::Hresult::BG_E_SESSION_NOT_FOUND));
    tasks.with(|sessions| assert!(sessions.is_empty()));
}
