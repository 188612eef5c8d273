//! The boundary between two parts.

use std::fmt::{self, Write as _};

use bytes::Bytes;
use http::HeaderValue;

use super::error::MultipartError;
use crate::vocabulary::digits::trim;
use crate::vocabulary::limits::MAX_BOUNDARY;
use crate::vocabulary::range::{ContentRange, split_once};

/// What stands between two parts: 1 to 70 visible characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::download) struct Boundary(String);

impl Boundary {
    /// A boundary of 32 hexadecimal digits.
    pub(in crate::download) fn from_random(random: [u8; 16]) -> Self {
        Self(random.iter().fold(String::with_capacity(32), |mut text, byte| {
            let _infallible = write!(text, "{byte:02x}");
            text
        }))
    }

    /// Reads the boundary that a `Content-Type` announces.
    ///
    /// Outside of quotation marks a boundary should be a token, but IIS has one in brackets: whatever is visible is taken.
    pub(super) fn from_content_type(value: &[u8]) -> Result<Self, MultipartError> {
        let (media_type, parameters) = split_once(value, b';').unwrap_or((value, b""));
        let media_type = trim(media_type);
        let known: [&[u8]; 2] = [b"multipart/byteranges", b"multipart/x-byteranges"];
        if !known.iter().any(|known| known.eq_ignore_ascii_case(media_type)) {
            return Err(MultipartError::MediaType);
        }
        Parameters(parameters)
            .find_map(|(name, value)| name.eq_ignore_ascii_case(b"boundary").then_some(value))
            .and_then(Self::new)
            .ok_or(MultipartError::Boundary)
    }

    fn new(bytes: Vec<u8>) -> Option<Self> {
        let legal = |byte: &u8| (b' '..=b'~').contains(byte);
        let text = String::from_utf8(bytes).ok().filter(|text| text.as_bytes().iter().all(legal))?;
        let fits = (1..=MAX_BOUNDARY).contains(&text.len()) && !text.ends_with(' ');
        fits.then_some(Self(text))
    }

    /// The text before the bytes of a part.
    pub(in crate::download) fn part_head(
        &self,
        line_break: &[u8],
        content_type: &HeaderValue,
        range: &ContentRange,
    ) -> Bytes {
        let delimiter = format!("--{self}\r\nContent-Type: ");
        let range = format!("\r\nContent-Range: {range}\r\n\r\n");
        let head = [line_break, delimiter.as_bytes(), content_type.as_bytes(), range.as_bytes()];
        Bytes::from(head.concat())
    }

    /// What a line that begins with the boundary is. `None`: it does not, or goes on.
    pub(super) fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        match line.strip_prefix(b"--")?.strip_prefix(self.0.as_bytes())? {
            [b'-', b'-', ..] => Some(Delimiter::End),
            padding if trim(padding).is_empty() => Some(Delimiter::Part),
            _ => None,
        }
    }
}

/// What comes after a boundary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Delimiter {
    Part,
    End,
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parameters of a media type (RFC 9110 §5.6.6), names with unquoted values; up to what is none.
struct Parameters<'t>(&'t [u8]);

impl<'t> Iterator for Parameters<'t> {
    type Item = (&'t [u8], Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        while let [b';' | b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
        let (name, rest) = split_once(self.0, b'=')?;
        let (value, rest) = match trim(rest) {
            [b'"', quoted @ ..] => unquote(quoted)?,
            plain => {
                let end = plain.iter().position(|byte| b"; \t".contains(byte)).unwrap_or(plain.len());
                let (value, rest) = plain.split_at_checked(end)?;
                (value.to_vec(), rest)
            }
        };
        self.0 = rest;
        Some((trim(name), value))
    }
}

/// The text up to the closing quotation mark, and what follows it.
fn unquote(mut quoted: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    loop {
        match quoted {
            [b'"', rest @ ..] => return Some((text, rest)),
            [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                text.push(*byte);
                quoted = rest;
            }
            [] => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<String, MultipartError> {
        Boundary::from_content_type(value.as_bytes()).map(|boundary| boundary.to_string())
    }

    #[test]
    fn forms_of_a_boundary() {
        for (value, boundary) in [
            ("multipart/byteranges; boundary=THIS_STRING_SEPARATES", "THIS_STRING_SEPARATES"), // RFC 9110 §14.6
            ("Multipart/ByteRanges;BOUNDARY=x", "x"),
            ("multipart/x-byteranges; boundary=x", "x"), // RFC 2616 §19.2
            (r#"multipart/byteranges; boundary="gc0p4Jq0M:2Yt08jU534c0p""#, "gc0p4Jq0M:2Yt08jU534c0p"), // RFC 2046
            (r#"multipart/byteranges; boundary="a \"b\" \\c""#, r#"a "b" \c"#),
            (r#"multipart/byteranges; x="; boundary=no"; boundary=yes ; z=1"#, "yes"),
            ("multipart/byteranges; boundary=[lka9uw3et5vxybtp87ghq23]", "[lka9uw3et5vxybtp87ghq23]"),
        ] {
            assert_eq!(read(value).as_deref(), Ok(boundary), "{value}");
        }
        let seventy = "x".repeat(70);
        assert_eq!(read(&format!("multipart/byteranges; boundary={seventy}")), Ok(seventy));
    }

    #[test]
    fn what_is_no_boundary() {
        for value in ["", "text/html; boundary=x", "multipart/form-data; boundary=x", "multipart/byterangesx"]
        {
            assert_eq!(read(value), Err(MultipartError::MediaType), "{value}");
        }
        let long = format!("multipart/byteranges; boundary={}", "x".repeat(71));
        for value in [
            "multipart/byteranges",
            "multipart/byteranges;",
            "multipart/byteranges; boundary",
            "multipart/byteranges; boundary=",
            r#"multipart/byteranges; boundary="""#,
            r#"multipart/byteranges; boundary="x"#,
            r#"multipart/byteranges; boundary="x ""#,
            "multipart/byteranges; boundary=\"a\tb\"",
            "multipart/byteranges; boundary=\u{fc}",
            long.as_str(),
        ] {
            assert_eq!(read(value), Err(MultipartError::Boundary), "{value}");
        }
    }
}
