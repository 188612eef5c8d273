//! Standard error, for a log that nobody may read: a full pipe stops a thread of its own, and never the server.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::options::LogFormat;

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
    /// Writes to an output; `format` is that of the lines.
    pub(crate) fn new(mut output: impl Write + Send + 'static, format: LogFormat) -> Self {
        let (lines, received) = sync_channel(WAITING);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let spawned = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write(&received, &shared, &mut output, format));
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

fn write(lines: &Receiver<Vec<u8>>, state: &State, output: &mut impl Write, format: LogFormat) {
    while let Ok(line) = lines.recv() {
        let lost = state.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let message = "lines of the log are lost: nobody read them";
            let _nobody_reads = match format {
                LogFormat::Text => writeln!(output, "{lost} {message}"),
                LogFormat::Json => {
                    let line = serde_json::json!({ "level": "WARN", "message": message, "lost": lost });
                    writeln!(output, "{line}")
                }
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing as long as somebody else holds it.
    struct Slow(Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_are_lost_are_counted_in_the_format_of_the_log() {
        for (format, line) in [
            (LogFormat::Text, "lines of the log are lost"),
            (LogFormat::Json, r#""message":"lines of the log are lost"#),
        ] {
            let output = Arc::new(Mutex::new(Vec::new()));
            let writer = LogWriter::new(Slow(Arc::clone(&output)), format);
            let held = output.lock().unwrap();
            for _ in 0..WAITING + 10 {
                (&writer).write_all(b"{}\n").unwrap();
            }
            drop(held);
            writer.flush(Duration::from_secs(60));
            (&writer).write_all(b"{}\n").unwrap();
            writer.flush(Duration::from_secs(60));
            let text = String::from_utf8(output.lock().unwrap().clone()).unwrap();
            let lost: Vec<_> = text.lines().filter(|found| *found != "{}").collect();
            assert!(!lost.is_empty() && lost.iter().all(|found| found.contains(line)), "{lost:?}");
            for lost in lost.iter().filter(|_| format == LogFormat::Json) {
                let object: serde_json::Value = serde_json::from_str(lost).unwrap();
                assert!(object["lost"].as_u64().unwrap() > 0, "{object}");
            }
        }
    }
}
