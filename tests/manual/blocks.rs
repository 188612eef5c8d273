//! The blocks of text in the documentation: drawings, and messages as they are on the wire.

use bits_proto::packet::{Ack, PacketType, Request};
use bits_proto::{Conformance, notify};
use testing::http1;

use crate::sources::{Source, files, root};

/// Rustdoc cuts off what is wider.
const WIDEST: usize = 92;

/// A block between fences in the documentation of an item.
struct Block {
    path: String,
    /// The line of code that the documentation is for; empty for a module's own.
    item: String,
    language: String,
    text: String,
}

impl Block {
    /// Whether it is a head of HTTP: wire forms are as wide as they are.
    fn is_message(&self) -> bool {
        self.text.lines().next().is_some_and(|line| line.contains("HTTP/1."))
    }
}

/// A line of documentation, if it is one: that of a comment, or those of a file that is included.
#[expect(clippy::disallowed_methods, reason = "the manual is files")]
fn documentation(source: &Source, line: &str) -> Option<String> {
    if source.path.ends_with(".md") {
        return Some(line.to_owned());
    }
    let line = line.trim_start();
    if let Some(text) = line.strip_prefix("//!").or_else(|| line.strip_prefix("///")) {
        return Some(text.strip_prefix(' ').unwrap_or(text).to_owned());
    }
    let (_, included) = line.split_once("doc = include_str!(\"")?;
    let (name, _) = included.split_once('"')?;
    let path = root().join(&source.path).parent()?.join(name);
    Some(std::fs::read_to_string(path).unwrap().trim_end().to_owned())
}

fn blocks(source: &Source) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut undocumented): (Option<Block>, usize) = (None, 0);
    for line in source.text.lines() {
        let Some(text) = documentation(source, line) else {
            let code = line.trim();
            if !code.is_empty() && !code.starts_with("#[") {
                blocks[undocumented..].iter_mut().for_each(|block| block.item = code.to_owned());
                undocumented = blocks.len();
            }
            continue;
        };
        for line in text.lines().chain(text.is_empty().then_some("")) {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let (path, language) = (source.path.clone(), language.trim().to_owned());
                    open = Some(Block { path, item: String::new(), language, text: String::new() });
                }
                (None, Some(block)) => block.text += &format!("{line}\n"),
                (None, None) => {}
            }
        }
    }
    blocks
}

#[test]
fn every_drawing_fits_the_page() {
    let folders = ["src", "crates", "README.md"];
    let sources = folders.iter().flat_map(|folder| files(folder, &["rs", "md"]));
    let blocks: Vec<_> = sources.flat_map(|source| blocks(&source)).collect();
    let drawings: Vec<_> =
        blocks.iter().filter(|block| block.language == "text" && !block.is_message()).collect();
    assert!(drawings.len() > 12, "{} drawings", drawings.len());
    for drawing in drawings {
        for line in drawing.text.lines() {
            let width = line.chars().count();
            assert!(width <= WIDEST, "{}: {width} columns: {line}", drawing.path);
        }
    }
}

/// The page of each message has its wire form, and reading that gives the message.
#[test]
fn every_message_has_its_wire_form() {
    let mut messages = 0;
    for source in ["src/packet", "src/notify"].iter().flat_map(|folder| files(folder, &["rs"])) {
        let forms: Vec<_> = blocks(&source).into_iter().filter(Block::is_message).collect();
        for (before, _) in source.text.match_indices("reason = \"a message is its fields\"") {
            let (_, item) = source.text[before..].split_once("pub struct ").unwrap();
            let name = item.split(|char: char| !char.is_alphanumeric()).next().unwrap();
            let form = forms.iter().find(|form| form.item.starts_with(&format!("pub struct {name}")));
            let form = form.unwrap_or_else(|| panic!("{}: {name} has no wire form", source.path));
            assert_eq!(read(name, &form.text), name, "{}", form.text);
            messages += 1;
        }
    }
    assert_eq!(messages, 14);
}

/// The name of the type that a message is read as.
fn read(name: &str, text: &str) -> &'static str {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let head = lines.join("\r\n") + "\r\n\r\n";
    if !head.starts_with("HTTP/") {
        let head = http1::request(head.as_bytes());
        return match Request::decode(&head, Conformance::Strict).unwrap() {
            Some(Request::CreateSession(_)) => "CreateSession",
            Some(Request::Ping(_)) => "Ping",
            Some(Request::Fragment(_)) => "Fragment",
            Some(Request::CloseSession(_)) => "CloseSession",
            Some(Request::CancelSession(_)) => "CancelSession",
            None => notification(&head),
        };
    }
    let head = http1::response(head.as_bytes());
    if name == "NotificationResponse" {
        notify::NotificationResponse::decode(&head, Conformance::Strict).unwrap();
        return "NotificationResponse";
    }
    let answers = match name {
        "CreateSessionAck" | "Host" => PacketType::CreateSession,
        "PingAck" => PacketType::Ping,
        "CloseSessionAck" => PacketType::CloseSession,
        "CancelSessionAck" => PacketType::CancelSession,
        _ => PacketType::Fragment,
    };
    match Ack::decode(&head, answers, Conformance::Strict).unwrap() {
        Some(Ack::CreateSession(ack)) if ack.host.is_some() => "Host",
        Some(Ack::CreateSession(_)) => "CreateSessionAck",
        Some(Ack::Ping(_)) => "PingAck",
        Some(Ack::Fragment(_)) => "FragmentAck",
        Some(Ack::CloseSession(_)) => "CloseSessionAck",
        Some(Ack::CancelSession(_)) => "CancelSessionAck",
        Some(Ack::Error(_)) => "ErrorAck",
        None => "no Ack",
    }
}

fn notification(head: &http::Request<()>) -> &'static str {
    let application = notify::Application::new(Conformance::Strict);
    application.read(head).unwrap().map_or("nothing", |_| "NotificationRequest")
}
