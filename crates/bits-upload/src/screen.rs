//! The output for a person: on a terminal a progress bar, elsewhere plain lines. Errors go to standard error, and are elsewhere.

use std::fmt::{Arguments, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bits_http::client::Event;
use bits_proto::Guid;
use bits_proto::header::{self, spelling};
use http::header::{CONTENT_RANGE, HeaderMap, HeaderName};
use http::{Request, Response, Uri};
use indicatif::{BinaryBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::options::Options;
use crate::printer::Printer;
use crate::wording;

/// How often a line tells how far it is, where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
const BETWEEN_OBJECTS: Duration = Duration::from_secs(1);

/// How many letters a GUID has without its braces.
const GUID_LENGTH: usize = 36;

/// The headers worth a reader's time. Never one with a password in it.
const SHOWN: [HeaderName; 9] = [
    header::BITS_SUPPORTED_PROTOCOLS,
    header::BITS_PROTOCOL,
    header::BITS_HOST_ID,
    CONTENT_RANGE,
    header::BITS_RECEIVED_CONTENT_RANGE,
    header::BITS_REPLY_URL,
    header::BITS_ERROR_CODE,
    header::BITS_ERROR_CONTEXT,
    http::header::RANGE,
];

/// Standard output, shared by all uploads of a run.
#[derive(Debug)]
pub(crate) struct Console {
    quiet: bool,
    verbose: bool,
    json: bool,
    /// Whether lines and bars say which file they are about.
    several: bool,
    printer: Printer,
    /// On a terminal alone.
    bars: Option<MultiProgress>,
    /// The bar of all files together.
    all: Option<ProgressBar>,
}

impl Console {
    /// For uploads of so many files with so many bytes together.
    pub(crate) fn new(options: &Options, files: usize, total: u64) -> Self {
        let (quiet, json, several) = (options.quiet, options.json, files > 1);
        let is_drawn = !quiet && !json && io::stdout().is_terminal();
        let bars = is_drawn.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let all = bars.as_ref().filter(|_| several).map(|bars| bars.add(bar(total, "all")));
        Self { quiet, verbose: options.verbose, json, several, printer: Printer::start(), bars, all }
    }

    /// Something worth telling of no file in particular.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.quiet && !self.json {
            self.print(text);
        }
    }

    /// An object, where they are wanted.
    pub(crate) fn object(&self, object: &Value) {
        if self.json {
            self.print(object);
        }
    }

    /// All uploads are over.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.all {
            bar.finish_and_clear();
        }
    }

    fn print(&self, line: impl Display) {
        match &self.bars {
            // Nobody may be reading any more: no reason to stop uploading.
            Some(bars) => bars.suspend(|| drop(writeln!(io::stdout(), "{line}"))),
            None => self.printer.print(line.to_string()),
        }
    }
}

/// What is shown of one upload.
#[derive(Debug)]
pub(crate) struct Screen {
    console: Arc<Console>,
    file: String,
    url: Uri,
    quiet: bool,
    is_check: bool,
    bar: Option<ProgressBar>,
    total: u64,
    begin: Instant,
    began_at: u64,
    shown_to: u64,
    last_line: Instant,
}

impl Screen {
    pub(crate) fn new(console: &Arc<Console>, file: String, url: Uri, total: u64) -> Self {
        let begin = Instant::now();
        let label = if console.several { file.clone() } else { String::new() };
        let bar = console.bars.as_ref().map(|bars| bars.add(bar(total, &label)));
        Self {
            console: Arc::clone(console),
            file,
            url,
            quiet: console.quiet,
            is_check: false,
            bar,
            total,
            begin,
            began_at: 0,
            shown_to: 0,
            last_line: begin,
        }
    }

    /// The same for a check, which uploads nothing.
    pub(crate) fn of_check(self) -> Self {
        Self { is_check: true, ..self }
    }

    /// Something worth telling.
    pub(crate) fn note(&self, text: Arguments<'_>) {
        if self.quiet {
            return;
        }
        self.console.object(&json!({ "event": "note", "file": self.file, "text": text.to_string() }));
        if !self.console.json {
            self.print(text);
        }
    }

    /// An object about this file.
    fn object(&self, mut object: Value) {
        if let Some(object) = object.as_object_mut().filter(|_| !self.quiet) {
            let _was_none = object.insert("file".to_owned(), self.file.clone().into());
        }
        if !self.quiet {
            self.console.object(&object);
        }
    }

    /// What happens to the upload of this file.
    pub(crate) fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::Begun { from, total } => self.begin(*from, *total),
            Event::Sent { sent, .. } => self.progress(*sent),
            Event::Request(request) => self.request(request),
            Event::Response(response) => self.response(response),
            Event::Protocol { event, trouble } => {
                if let bits_proto::client::Event::Progress { acknowledged } = event {
                    self.progress(*acknowledged);
                }
                let line = wording::line(event, trouble.unwrap_or_default());
                match line.as_ref().and_then(|line| wording::object(event, line)) {
                    Some(object) if self.console.json => self.object(object),
                    _ => line.iter().for_each(|line| self.note(format_args!("{line}"))),
                }
            }
            Event::ReplyDelayed(why) => self.note(format_args!("the reply: {why}; trying again")),
            Event::ReplyFetched(bytes) if self.console.json => {
                self.object(json!({ "event": "reply_fetched", "bytes": bytes }));
            }
            Event::ReplyFetched(bytes) => self.note(format_args!("the reply has {bytes} bytes")),
            // From here on what happens is of no interest, unless the conversation was asked for.
            Event::Withdrawing => self.quiet = true,
            _ => {}
        }
    }

    /// The upload begins, and not always at the first byte.
    fn begin(&mut self, from: u64, total: u64) {
        self.total = total;
        let (file, url) = (&self.file, shown(&self.url));
        self.console
            .object(&json!({ "event": "begun", "file": file, "url": url, "from": from, "total": total }));
        if !self.console.json && !self.quiet {
            match from {
                _ if self.is_check => self.print(format_args!("checking {url}")),
                0 => self.print(format_args!("uploading {file}, {total} bytes, to {url}")),
                _ => {
                    self.print(format_args!("uploading {file}, {total} bytes, to {url}, from byte {from} on"))
                }
            }
        }
        self.began_at = from;
        self.advance(from);
        if let Some(bar) = &self.bar {
            bar.reset_eta();
        }
    }

    /// The bars, where there are some.
    fn advance(&mut self, sent: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(sent);
        }
        if let Some(all) = &self.console.all {
            all.inc(sent.saturating_sub(self.shown_to));
        }
        self.shown_to = self.shown_to.max(sent);
    }

    /// So many bytes have gone.
    fn progress(&mut self, sent: u64) {
        self.advance(sent);
        let now = Instant::now();
        let between = if self.console.json { BETWEEN_OBJECTS } else { BETWEEN_LINES };
        if self.bar.is_some() || now.saturating_duration_since(self.last_line) < between {
            return;
        }
        self.last_line = now;
        let rate = self.rate(sent);
        self.console.object(
            &json!({ "event": "sent", "file": self.file, "sent": sent, "total": self.total, "rate": rate }),
        );
        if self.console.json || self.quiet {
            return;
        }
        let total = BinaryBytes(self.total);
        let percent = sent.saturating_mul(100).checked_div(self.total).unwrap_or(100);
        let left = self.total.saturating_sub(sent).checked_div(rate).map(Duration::from_secs);
        let left = left.map(|left| format!(", {} left", HumanDuration(left))).unwrap_or_default();
        self.print(format_args!("{percent} % of {total}, {}/s{left}", BinaryBytes(rate)));
    }

    /// The upload is over: the bar goes.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// The server has the file.
    pub(crate) fn done(&self) {
        let sent = BinaryBytes(self.total.saturating_sub(self.began_at));
        let (seconds, rate) = (self.begin.elapsed().as_secs_f64(), BinaryBytes(self.rate(self.total)));
        if !self.quiet && !self.console.json {
            self.print(format_args!("done: {sent} in {seconds:.1} s, {rate}/s"));
        }
    }

    /// A request goes out.
    fn request<B>(&self, request: &Request<B>) {
        if self.console.verbose {
            let what = packet(request.headers()).unwrap_or_else(|| request.method().to_string());
            self.line(">", &format!("{what} {}", shown(request.uri())), request.headers());
        }
    }

    /// An answer came in.
    fn response<B>(&self, response: &Response<B>) {
        if self.console.verbose {
            let what = packet(response.headers()).unwrap_or_else(|| "no Ack:".to_owned());
            self.line("<", &format!("{what} {}", response.status()), response.headers());
        }
    }

    fn line(&self, direction: &str, what: &str, headers: &HeaderMap) {
        let mut line = format!("{:8.3} {direction} {what}", self.begin.elapsed().as_secs_f64());
        // Whoever knows a session's id can write into the session: no log should have the whole of it.
        if headers.contains_key(header::BITS_PROTOCOL) {
            let id: String = text(headers, &header::BITS_SESSION_ID).chars().take(9).collect();
            line += &format!("  BITS-Session-Id: {id}...");
        }
        for name in SHOWN.iter().filter(|name| headers.contains_key(*name)) {
            let value = text(headers, name);
            let value = if *name == header::BITS_REPLY_URL { shown_address(&value) } else { value };
            line += &format!("  {}: {value}", spelling(name));
        }
        self.print(line);
    }

    fn print(&self, line: impl Display) {
        match self.console.several {
            true => self.console.print(format_args!("{}: {line}", self.file)),
            false => self.console.print(line),
        }
    }

    /// Bytes a second of this run.
    fn rate(&self, sent: u64) -> u64 {
        let milliseconds = self.begin.elapsed().as_millis().max(1);
        let bytes = u128::from(sent.saturating_sub(self.began_at)).saturating_mul(1000);
        bytes.checked_div(milliseconds).and_then(|rate| u64::try_from(rate).ok()).unwrap_or(u64::MAX)
    }
}

fn bar(total: u64, label: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    let template = "{msg}{percent:>3} % [{wide_bar}] {binary_bytes}/{binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    let message = if label.is_empty() { String::new() } else { format!("{label} ") };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")).with_message(message),
        Err(_) => bar,
    }
}

/// An address for people and logs: its query may be what lets somebody in, and so may the id of a session.
pub(crate) fn shown(url: &Uri) -> String {
    shown_address(&url.to_string())
}

fn shown_address(text: &str) -> String {
    let (mut rest, query) = text.split_once('?').map_or((text, ""), |(address, _)| (address, "?..."));
    let mut shown = String::new();
    while let Some(letter) = rest.chars().next() {
        let guid = rest.get(..GUID_LENGTH).filter(|text| text.parse::<Guid>().is_ok());
        match guid.and_then(|guid| guid.get(..8)) {
            Some(begin) => shown.extend([begin, "..."]),
            None => shown.push(letter),
        }
        let length = guid.map_or(letter.len_utf8(), str::len);
        rest = rest.get(length..).unwrap_or_default();
    }
    shown + query
}

fn packet(headers: &HeaderMap) -> Option<String> {
    headers.contains_key(header::BITS_PACKET_TYPE).then(|| text(headers, &header::BITS_PACKET_TYPE))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).map(|value| value.as_bytes().escape_ascii().to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_queries_nor_ids_of_sessions_are_shown() {
        for (url, expected) in [
            ("http://h/ä/b?token=1", "http://h/ä/b?..."),
            ("/a/%7B7DF0354D-249B-430F-820D-3D2A9BEF4931%7D/b", "/a/%7B7DF0354D...%7D/b"),
            (r"a\{7df0354d-249b-430f-820d-3d2a9bef4931}", r"a\{7df0354d...}"),
            ("/7DF0354D-249B-430F-820D-3D2A9BEF493", "/7DF0354D-249B-430F-820D-3D2A9BEF493"),
        ] {
            assert_eq!(shown_address(url), expected);
        }
    }
}
