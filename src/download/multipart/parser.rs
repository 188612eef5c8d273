//! Reading a body of several parts, in chunks of any size.

use super::boundary::{Boundary, Delimiter};
use super::error::MultipartError;
use crate::packet::Conformance;
use crate::vocabulary::digits::trim;
use crate::vocabulary::limits::MAX_PART_HEAD;
use crate::vocabulary::range::{ContentRange, split_once};

/// What was found in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever reads a body must know every one of these")]
pub enum Event<'c> {
    /// A part begins: its bytes are these of the entity.
    Part(ContentRange),
    /// The next bytes of that part: a slice of what was fed.
    Data {
        /// Where in the entity they belong.
        offset: u64,
        /// The bytes; never none.
        bytes: &'c [u8],
    },
    /// The closing boundary: what follows has no meaning.
    End,
}

/// Reads a `multipart/byteranges` body in chunks of any size, without copying the parts' bytes.
///
/// Only the text between the parts is kept, line by line, [`MAX_PART_HEAD`] bytes at most.
///
/// ```
/// use bits_proto::Conformance;
/// use bits_proto::download::multipart::{Event, Parser};
///
/// let body = "--x\r\nContent-Range: bytes 1-3/9\r\n\r\nabc\r\n--x\r\nContent-Range: bytes 7-8/9\r\n\r\nyz\r\n--x--\r\n";
/// let mut parser = Parser::new(b"multipart/byteranges; boundary=x", Conformance::Interop)?;
/// let mut entity = *b".........";
/// for chunk in body.as_bytes().chunks(10) {
///     let mut rest = chunk;
///     while let Some(event) = parser.parse(&mut rest)? {
///         if let Event::Data { offset, bytes } = event {
///             let offset = offset as usize;
///             entity[offset..offset + bytes.len()].copy_from_slice(bytes);
///         }
///     }
/// }
/// assert!(parser.is_ended());
/// assert_eq!(&entity, b".abc...yz");
/// # Ok::<(), bits_proto::download::multipart::MultipartError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parser {
    boundary: Boundary,
    conformance: Conformance,
    state: State,
    /// The line that has begun.
    line: Vec<u8>,
    /// How much text was read since the last part's bytes.
    text: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before the first boundary: text that has no meaning.
    Preamble,
    /// In the head of a part.
    Head(Option<ContentRange>),
    /// In the bytes of a part.
    Data {
        offset: u64,
        end: u64,
    },
    /// After the bytes of a part: the end of their line, then the boundary.
    Delimiter {
        line_ended: bool,
    },
    /// After the closing boundary.
    End,
    Failed(MultipartError),
}

impl Parser {
    /// A parser for the body that this `Content-Type` announces.
    ///
    /// # Errors
    /// [`MultipartError::MediaType`] and [`MultipartError::Boundary`].
    pub fn new(content_type: &[u8], conformance: Conformance) -> Result<Self, MultipartError> {
        let boundary = Boundary::from_content_type(content_type)?;
        Ok(Self { boundary, conformance, state: State::Preamble, line: Vec::new(), text: 0 })
    }

    /// Reads up to the next event; `chunk` becomes what was not read yet. `None` means that the chunk is used up.
    ///
    /// # Errors
    /// [`MultipartError`]; once there was one, the same one again.
    pub fn parse<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Event<'c>>, MultipartError> {
        let event = self.advance(chunk);
        if let Err(error) = event {
            self.state = State::Failed(error);
            self.line = Vec::new();
        }
        event
    }

    /// Whether the closing boundary was read.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::End)
    }

    fn advance<'c>(&mut self, chunk: &mut &'c [u8]) -> Result<Option<Event<'c>>, MultipartError> {
        loop {
            match self.state {
                State::Failed(error) => return Err(error),
                State::End => {
                    *chunk = &[];
                    return Ok(None);
                }
                State::Data { offset, end } => {
                    return Ok(self.data(offset, end, chunk));
                }
                State::Preamble | State::Head(_) | State::Delimiter { .. } => {
                    if !self.read_line(chunk)? {
                        return Ok(None);
                    }
                    let line = std::mem::take(&mut self.line);
                    if let Some(event) = self.line(without_line_break(&line))? {
                        return Ok(Some(event));
                    }
                }
            }
        }
    }

    fn data<'c>(&mut self, offset: u64, end: u64, chunk: &mut &'c [u8]) -> Option<Event<'c>> {
        let wanted = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (bytes, rest) = chunk.split_at_checked(wanted.min(chunk.len()))?;
        if bytes.is_empty() {
            return None;
        }
        *chunk = rest;
        let next = u64::try_from(bytes.len()).ok().and_then(|length| offset.checked_add(length))?;
        self.state = State::Data { offset: next, end };
        if next == end {
            self.state = State::Delimiter { line_ended: false };
        }
        Some(Event::Data { offset, bytes })
    }

    /// Adds to the line that has begun; whether it has ended.
    fn read_line(&mut self, chunk: &mut &[u8]) -> Result<bool, MultipartError> {
        while let Some((&byte, rest)) = chunk.split_first() {
            *chunk = rest;
            self.line.push(byte);
            self.text = self.text.saturating_add(1);
            if self.text > MAX_PART_HEAD {
                return Err(MultipartError::HeadTooLong);
            }
            // The closing boundary may be the last of the body, without a line break.
            if byte == b'\n' || self.boundary.delimiter(&self.line) == Some(Delimiter::End) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn line(&mut self, line: &[u8]) -> Result<Option<Event<'static>>, MultipartError> {
        match (self.state, self.boundary.delimiter(line)) {
            (State::Head(range), _) if line.is_empty() => return self.begin_part(range).map(Some),
            (State::Head(range), _) => self.state = State::Head(self.head_line(range, line)?),
            (_, Some(Delimiter::Part)) => self.state = State::Head(None),
            (_, Some(Delimiter::End)) => {
                self.state = State::End;
                return Ok(Some(Event::End));
            }
            (State::Delimiter { line_ended: false }, None) if line.is_empty() => {
                self.state = State::Delimiter { line_ended: true };
            }
            (State::Delimiter { .. }, None) => return Err(MultipartError::BoundaryExpected),
            (_, None) => {}
        }
        Ok(None)
    }

    fn head_line(
        &self,
        range: Option<ContentRange>,
        line: &[u8],
    ) -> Result<Option<ContentRange>, MultipartError> {
        if let [b' ' | b'\t', ..] = line {
            // The header before goes on; a range fits into one line.
            return Ok(range);
        }
        let (name, value) = split_once(line, b':').ok_or(MultipartError::HeadMalformed)?;
        if !name.eq_ignore_ascii_case(b"content-range") {
            return Ok(range);
        }
        match (ContentRange::parse(trim(value), self.conformance), range) {
            (Ok(found), None) => Ok(Some(found)),
            (Ok(found), Some(range)) if found == range => Ok(Some(range)),
            _ => Err(MultipartError::RangeMissing),
        }
    }

    fn begin_part(&mut self, range: Option<ContentRange>) -> Result<Event<'static>, MultipartError> {
        let range = range.ok_or(MultipartError::RangeMissing)?;
        self.state = State::Data { offset: range.first(), end: range.end() };
        self.text = 0;
        Ok(Event::Part(range))
    }
}

fn without_line_break(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
