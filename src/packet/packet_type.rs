//! The kinds of packets.

use std::fmt;

use http::HeaderValue;

use crate::vocabulary::digits::trim;

/// The kind of a packet, as `BITS-Packet-Type` names it (§2.2.1.2).
///
/// ```
/// use bits_proto::packet::PacketType;
///
/// assert_eq!(PacketType::CreateSession.as_str(), "Create-Session");
/// assert_eq!(PacketType::parse(b"CREATE-SESSION"), Some(PacketType::CreateSession));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(
    clippy::exhaustive_enums,
    reason = "the protocol has these and no others; a new version has its own GUID"
)]
pub enum PacketType {
    /// Asks for a new session (§2.2.2).
    CreateSession,
    /// Asks whether a server is there (§2.2.4).
    Ping,
    /// Brings bytes of the entity (§2.2.6).
    Fragment,
    /// Says that the upload is complete (§2.2.8).
    CloseSession,
    /// Says that the upload is given up (§2.2.10).
    CancelSession,
    /// Answers any of the others.
    Ack,
}

impl PacketType {
    const ALL: [Self; 6] =
        [Self::CreateSession, Self::Ping, Self::Fragment, Self::CloseSession, Self::CancelSession, Self::Ack];

    /// The spelling of the captures, in which it is sent ([C05](crate::manual::decisions#c05)).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreateSession => "Create-Session",
            Self::Ping => "Ping",
            Self::Fragment => "Fragment",
            Self::CloseSession => "Close-Session",
            Self::CancelSession => "Cancel-Session",
            Self::Ack => "Ack",
        }
    }

    /// The header's value. Each is checked when this library is compiled, and none is copied.
    pub(crate) fn to_value(self) -> HeaderValue {
        const VALUES: [HeaderValue; 6] = {
            let [create, ping, fragment, close, cancel, ack] = PacketType::ALL;
            [
                HeaderValue::from_static(create.as_str()),
                HeaderValue::from_static(ping.as_str()),
                HeaderValue::from_static(fragment.as_str()),
                HeaderValue::from_static(close.as_str()),
                HeaderValue::from_static(cancel.as_str()),
                HeaderValue::from_static(ack.as_str()),
            ]
        };
        let [create, ping, fragment, close, cancel, ack] = VALUES;
        match self {
            Self::CreateSession => create,
            Self::Ping => ping,
            Self::Fragment => fragment,
            Self::CloseSession => close,
            Self::CancelSession => cancel,
            Self::Ack => ack,
        }
    }

    /// Reads a header's value, in any case and with blanks around it ([Q40](crate::manual::tolerances#q40)).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = trim(text);
        match text {
            b"Fragment" => return Some(Self::Fragment),
            b"Ack" => return Some(Self::Ack),
            _ => {}
        }
        Self::ALL.into_iter().find(|packet_type| text.eq_ignore_ascii_case(packet_type.as_str().as_bytes()))
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q40_case_and_blanks_do_not_matter() {
        for text in ["FRAGMENT", "fragment", " Fragment\t", "FrAgMeNt"] {
            assert_eq!(PacketType::parse(text.as_bytes()), Some(PacketType::Fragment), "{text:?}");
        }
        for text in ["", " ", "Fragments", "Frag ment", "Create_Session", "Fragment,Fragment"] {
            assert_eq!(PacketType::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
