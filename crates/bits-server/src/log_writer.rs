//! Standard error, for a log that nobody may read: a full pipe stops a thread of its own, and never the server.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait to be written. More are lost, and counted.
const WAITING: usize = 4096;

/// Hands lines to the thread that writes them.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    lines: SyncSender<Vec<u8>>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Lines that nobody wrote.
    lost: AtomicU64,
    /// Lines that are not written yet.
    waiting: Mutex<usize>,
    written: Condvar,
}

impl LogWriter {
    pub(crate) fn new(mut output: impl Write + Send + 'static) -> Self {
        let (lines, received) = sync_channel(WAITING);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let spawned = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&received, &shared, &mut output));
        // Without the thread, its end of the channel is gone and all lines are lost: the server serves.
        drop(spawned);
        Self { lines, state }
    }

    /// Waits until what was logged is written; not for ever, if nobody reads it.
    pub(crate) fn flush(&self, longest: Duration) {
        let waiting = self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let _written_or_not = self.state.written.wait_timeout_while(waiting, longest, |waiting| *waiting > 0);
    }

    fn count(&self, change: impl FnOnce(&mut usize)) {
        change(&mut self.state.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn write(lines: &Receiver<Vec<u8>>, state: &State, output: &mut impl Write) {
    while let Ok(line) = lines.recv() {
        let lost = state.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _nobody_reads = writeln!(output, "{lost} lines of the log are lost: nobody read them");
        }
        let _nobody_reads = output.write_all(&line);
        *state.waiting.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        state.written.notify_all();
    }
}

/// One line.
impl Write for &LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.count(|waiting| *waiting += 1);
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.lines.try_send(line.to_vec())
        {
            self.count(|waiting| *waiting -= 1);
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> &'w Self {
        self
    }
}
