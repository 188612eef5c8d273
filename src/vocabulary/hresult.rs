//! Error codes and their contexts: open newtypes with names from one table.

use std::fmt;

use http::StatusCode;

use crate::packet::Conformance;
use crate::vocabulary::digits;
use crate::vocabulary::text::StackText;

/// An HRESULT, as `BITS-Error` and `BITS-Error-Code` carry it (§2.2.1.2).
///
/// Vendors have codes of their own, so every 32-bit value is allowed. The codes that this protocol gives a meaning have
/// constants, [names](Self::name) and [explanations](Self::explanation); the manual has the cause and the remedy of
/// [each](crate::manual::guide::errors).
///
/// ```
/// use bits_proto::Hresult;
///
/// assert_eq!(Hresult::BG_E_SESSION_NOT_FOUND.to_string(), "0x8020001F");
/// assert_eq!(Hresult::new(0x8020_001F).name(), Some("BG_E_SESSION_NOT_FOUND"));
/// assert!(Hresult::E_INVALIDARG.is_failure() && !Hresult::S_OK.is_failure());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hresult(u32);

/// One table gives the constants, their names and what they tell a person.
macro_rules! codes {
    ($type:ident: $($(#[$attribute:meta])* $name:ident = $value:literal, $explanation:literal;)*) => {
        impl $type {
            $(
                $(#[$attribute])*
                #[doc = concat!($explanation, " (`", stringify!($value), "`).")]
                pub const $name: Self = Self($value);
            )*

            /// The code with this value. Every value is allowed.
            #[must_use]
            pub const fn new(value: u32) -> Self {
                Self(value)
            }

            /// The value of the code.
            #[must_use]
            pub const fn get(self) -> u32 {
                self.0
            }

            /// The name of the code, if this library knows it.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// The meaning of the code for a person, if this library knows it.
            #[must_use]
            pub const fn explanation(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($explanation),)*
                    _ => None,
                }
            }
        }
    };
}

codes! { Hresult:
    S_OK = 0x0000_0000, "Success";
    E_ACCESSDENIED = 0x8007_0005,
        "Access was denied, the destination exists and may not be overwritten, or uploads are not enabled there";
    E_INVALIDARG = 0x8007_0057, "The server found the request invalid";
    ERROR_DISK_FULL = 0x8007_0070, "The server's disk is full";
    /// As MC-BUP prints `ERROR_DISK_FULL`: the decimal 112 read as hexadecimal. Read, but never sent for a full disk.
    ERROR_DISK_FULL_AS_PRINTED = 0x8007_0112, "The server's disk is full, or its application too slow";
    ERROR_TIMEOUT = 0x8007_05B4, "The server application did not answer in time";
    BG_E_LOCAL_FILE_CHANGED = 0x8020_001D, "The file changed while it was uploaded";
    BG_E_SESSION_NOT_FOUND = 0x8020_001F, "The server does not know the session, or no longer";
    BG_E_TOO_LARGE = 0x8020_0020, "The file is larger than the server accepts";
}

impl Hresult {
    /// The header's value (C08).
    pub(crate) fn text(self) -> StackText<10> {
        StackText::new().with(b"0x").with_hexadecimal(self.0, 8)
    }

    /// Whether the code says failure: bit 31 is set.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 & 0x8000_0000 != 0
    }

    /// The code in which Windows wraps an HTTP status: `0x8019` and the status (`BG_E_HTTP_ERROR_404` is `0x80190194`).
    ///
    /// ```
    /// use bits_proto::Hresult;
    /// use http::StatusCode;
    ///
    /// assert_eq!(Hresult::from_http_status(StatusCode::NOT_FOUND), Hresult::new(0x8019_0194));
    /// ```
    #[must_use]
    pub fn from_http_status(status: StatusCode) -> Self {
        Self(0x8019_0000 | u32::from(status.as_u16()))
    }

    /// Reads a header's value; `None` if it is not a code.
    ///
    /// [`Conformance::Interop`] takes the forms that real servers send: hexadecimal with or without `0x` or `x`, a
    /// trailing `L`, a negative decimal. [`Conformance::Strict`] takes `0x` and one to eight hexadecimal digits.
    ///
    /// ```
    /// use bits_proto::{Conformance, Hresult};
    ///
    /// let code = |text: &str| Hresult::parse(text.as_bytes(), Conformance::Interop);
    /// assert_eq!(code("0x80070057"), Some(Hresult::E_INVALIDARG));
    /// assert_eq!(code("X8020001F"), Some(Hresult::BG_E_SESSION_NOT_FOUND));
    /// assert_eq!(code("-2147024809"), Some(Hresult::E_INVALIDARG));
    /// assert_eq!(code("out of cheese"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &[u8], conformance: Conformance) -> Option<Self> {
        parse_code(text, conformance).map(Self)
    }
}

/// The origin of an error, as `BITS-Error-Context` carries it (§2.2.1.2). Every value is allowed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ErrorContext(u32);

codes! { ErrorContext:
    REMOTE_FILE = 0x5, "The server itself failed";
    REMOTE_APPLICATION = 0x7, "The server application failed";
}

impl ErrorContext {
    /// The header's value.
    pub(crate) fn text(self) -> StackText<10> {
        StackText::new().with(b"0x").with_hexadecimal(self.0, 1)
    }

    /// Reads a header's value, in the forms of [`Hresult::parse`]; `None` if it is not a number.
    #[must_use]
    pub fn parse(text: &[u8], conformance: Conformance) -> Option<Self> {
        parse_code(text, conformance).map(Self)
    }
}

/// The number in the forms that each level reads (Q14).
fn parse_code(text: &[u8], conformance: Conformance) -> Option<u32> {
    let text = digits::trim(text);
    let code = match (text, conformance) {
        ([b'0', b'x', digits @ ..], Conformance::Strict) if digits.len() <= 8 => digits::hexadecimal(digits)?,
        (_, Conformance::Strict) => return None,
        ([b'-', digits @ ..], Conformance::Interop) => return negative(digits::decimal(digits)?),
        ([b'0', b'x' | b'X', digits @ ..] | [b'x' | b'X', digits @ ..] | digits, Conformance::Interop) => {
            digits::hexadecimal(digits.strip_suffix(b"L").unwrap_or(digits))?
        }
    };
    u32::try_from(code).ok()
}

/// The 32-bit value whose signed form is `-magnitude`.
fn negative(magnitude: u64) -> Option<u32> {
    let magnitude = u32::try_from(magnitude).ok()?;
    if magnitude <= 0x8000_0000 { Some(magnitude.wrapping_neg()) } else { None }
}

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

/// Formats codes as hexadecimal numbers: their bits mean something.
macro_rules! hexadecimal {
    ($($kind:ident for $type:ty),+) => {
        $(impl fmt::$kind for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::$kind::fmt(&self.0, f)
            }
        })+
    };
}
hexadecimal!(LowerHex for Hresult, UpperHex for Hresult, LowerHex for ErrorContext, UpperHex for ErrorContext);

impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Hresult({self} {name})"),
            None => write!(f, "Hresult({self})"),
        }
    }
}

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "ErrorContext({self} {name})"),
            None => write!(f, "ErrorContext({self})"),
        }
    }
}

/// Gives a code the serde form of its header in formats that people read, where records of old have a number, and that of a
/// number in all others.
macro_rules! serde_as_code {
    ($type:ident) => {
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(self.text().as_str())
                } else {
                    serializer.serialize_u32(self.0)
                }
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    deserializer.deserialize_any(CodeVisitor).map(Self)
                } else {
                    u32::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

serde_as_code!(Hresult);
serde_as_code!(ErrorContext);

#[cfg(feature = "serde")]
struct CodeVisitor;

#[cfg(feature = "serde")]
impl serde::de::Visitor<'_> for CodeVisitor {
    type Value = u32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x and one to eight hexadecimal digits, or a number of 32 bits")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<u32, E> {
        let invalid = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        parse_code(text.as_bytes(), Conformance::Strict).ok_or_else(invalid)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<u32, E> {
        let invalid = |_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self);
        u32::try_from(number).map_err(invalid)
    }
}

impl From<u32> for Hresult {
    fn from(code: u32) -> Self {
        Self(code)
    }
}

impl From<Hresult> for u32 {
    fn from(code: Hresult) -> Self {
        code.0
    }
}

impl From<u32> for ErrorContext {
    fn from(context: u32) -> Self {
        Self(context)
    }
}

impl From<ErrorContext> for u32 {
    fn from(context: ErrorContext) -> Self {
        context.0
    }
}
