//! Lines on their way to standard output and standard error. Who reads them may be slow, or read no more: the upload does not
//! wait, and nor does the program.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How many lines wait for a slow reader before some are left out.
const WAITING: usize = 4_096;

/// How long the last lines have at the end.
const END_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Printer {
    lines: Option<SyncSender<String>>,
    ended: Mutex<Receiver<()>>,
}

impl Printer {
    /// A printer on standard output.
    pub(crate) fn start() -> Self {
        Self::to(io::stdout)
    }

    fn to<W: Write + 'static>(open: fn() -> W) -> Self {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (end, ended) = sync_channel(1);
        thread::spawn(move || {
            for line in waiting {
                let _nobody_reads = writeln!(open(), "{line}");
            }
            let _nobody_waits = end.send(());
        });
        Self { lines: Some(lines), ended: Mutex::new(ended) }
    }

    pub(crate) fn print(&self, line: String) {
        if let Some(lines) = &self.lines {
            let _too_many = lines.try_send(line);
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.lines = None;
        if let Ok(ended) = self.ended.get_mut() {
            let _slow = ended.recv_timeout(END_TIME);
        }
    }
}

/// A line on standard error that says what is wrong.
pub(crate) fn complain(what: impl Display) {
    Printer::to(io::stderr).print(format!("bits-upload: {what}"));
}
