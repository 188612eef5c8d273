//! Wireshark's reading of a recorded conversation.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Output};

use crate::tap::{Recording, Speaker};

/// As much as an Ethernet carries in a packet.
const PACKET: usize = 1_400;

/// One connection as a capture file.
#[derive(Debug)]
pub struct Capture {
    folder: tempfile::TempDir,
}

impl Capture {
    pub const IN_PLACE_OF_BITS_POST: &str = "PROPPATCH";

    /// Of a connection to a web server, by the look of its port.
    ///
    /// Wireshark knows no `BITS_POST`: in its place stands a method of the same length that it knows.
    pub fn of(recording: &Recording) -> Self {
        let mut dump = String::new();
        for (speaker, mut bytes) in recording.lock().unwrap().clone() {
            if speaker == Speaker::Client && bytes.starts_with(b"BITS_POST /") {
                bytes[..Self::IN_PLACE_OF_BITS_POST.len()]
                    .copy_from_slice(Self::IN_PLACE_OF_BITS_POST.as_bytes());
            }
            for packet in bytes.chunks(PACKET) {
                dump += if speaker == Speaker::Client { "I\n0000" } else { "O\n0000" };
                for byte in packet {
                    write!(dump, " {byte:02x}").unwrap();
                }
                dump += "\n";
            }
        }
        let this = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(this.path("dump"), dump).unwrap();
        run(Command::new("text2pcap")
            .args(["-q", "-D", "-T", "40000,80"])
            .args([this.path("dump"), this.path("pcap")]));
        this
    }

    /// A line for each message of HTTP: these fields of it, with tabs in between.
    pub fn messages(&self, fields: &[&str]) -> Vec<String> {
        let fields = fields.iter().flat_map(|field| ["-e", field]);
        self.tshark(&mut ["-Y", "http", "-T", "fields"].into_iter().chain(fields))
    }

    /// Everything that is malformed, or that there is a warning or an error about.
    pub fn complaints(&self) -> Vec<String> {
        // Severities are compared by number: this is that of warnings.
        let filter = "_ws.malformed || _ws.expert.severity >= 6291456";
        let fields = ["-e", "frame.number", "-e", "_ws.col.Info", "-e", "_ws.expert.message"];
        self.tshark(&mut ["-Y", filter, "-T", "fields"].into_iter().chain(fields))
    }

    /// The packets whose bytes are in no message of HTTP.
    pub fn unread(&self) -> Vec<String> {
        self.tshark(&mut ["-Y", "tcp.len > 0 && !http && !tcp.reassembled_in"].into_iter())
    }

    fn tshark(&self, args: &mut dyn Iterator<Item = &str>) -> Vec<String> {
        // Twice over the packets: only then the first packets of a message know that it came to its end.
        let output = run(Command::new("tshark").args(["-2", "-r"]).arg(self.path("pcap")).args(args));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().unwrap_or_else(|error| panic!("{name} is needed, Debian's package tshark: {error}"));
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
