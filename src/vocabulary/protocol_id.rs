//! The protocols that a client offers and the one that a server chooses.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::packet::Conformance;
use crate::vocabulary::Guid;
use crate::vocabulary::InvalidValue;
use crate::vocabulary::Raw;
use crate::vocabulary::limits::MAX_PROTOCOLS;

/// A version of the upload protocol, named by a GUID (§2.2.2.2). There has been one; every GUID is allowed.
///
/// ```
/// use bits_proto::ProtocolId;
///
/// assert_eq!(ProtocolId::BITS_1_5.to_string(), "{7df0354d-249b-430f-820d-3d2a9bef4931}");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ProtocolId(Guid);

impl ProtocolId {
    /// The BITS 1.5 Upload Protocol, the only one there is (notes `<6>` and `<8>`).
    pub const BITS_1_5: Self = Self(Guid::from_bytes([
        0x7D, 0xF0, 0x35, 0x4D, 0x24, 0x9B, 0x43, 0x0F, 0x82, 0x0D, 0x3D, 0x2A, 0x9B, 0xEF, 0x49, 0x31,
    ]));

    /// The protocol named by this GUID.
    #[must_use]
    pub const fn new(guid: Guid) -> Self {
        Self(guid)
    }

    /// The header's value, in lower case as Windows sends it.
    pub(crate) fn text(self) -> [u8; 38] {
        self.0.text().map(|byte| byte.to_ascii_lowercase())
    }

    /// The GUID that names the protocol.
    #[must_use]
    pub const fn guid(self) -> Guid {
        self.0
    }
}

/// In lower case, as Windows sends it; `{:X}` gives the upper case that one real server insists on.
impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::UpperHex for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::UpperHex::fmt(&self.0, f)
    }
}

impl fmt::Debug for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolId({self})")
    }
}

impl FromStr for ProtocolId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Guid::parse(text.as_bytes()).map(Self).map_err(|_| InvalidValue::ProtocolId)
    }
}

crate::vocabulary::text::serde_as_text!(ProtocolId);

/// The protocols that a client offers, most preferred first (`BITS-Supported-Protocols`, §2.2.2.2).
///
/// Keeps the list as it was received. Reading it looks at the first 100 entries and passes over what is no GUID.
///
/// ```
/// use bits_proto::{Conformance, ProtocolId, SupportedProtocols};
///
/// let offered = SupportedProtocols::from(ProtocolId::BITS_1_5);
/// assert!(offered.contains(ProtocolId::BITS_1_5, Conformance::Strict));
/// assert_eq!(offered.to_string(), ProtocolId::BITS_1_5.to_string());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SupportedProtocols<'a>(Raw<'a>);

impl<'a> SupportedProtocols<'a> {
    /// The list in a header's value.
    ///
    /// # Errors
    /// [`InvalidValue::HeaderValue`] if the bytes cannot stand in a header, or are over 4,096.
    pub fn from_bytes(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Self, InvalidValue> {
        Raw::new(bytes).map(Self)
    }

    /// The list as it was received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The protocols in the list, most preferred first, 100 at most.
    ///
    /// Interop separates entries by whatever a GUID does not hold; strict by spaces and commas ([C08c], [Q43]).
    ///
    /// [C08c]: crate::manual::decisions#c08c
    /// [Q43]: crate::manual::tolerances#q43
    pub fn iter(&self, conformance: Conformance) -> impl Iterator<Item = ProtocolId> {
        self.entries(conformance)
            .take(MAX_PROTOCOLS)
            // In interop parentheses have gone with the separators; strict knows none (Q44).
            .filter(|entry| !entry.starts_with(b"("))
            .filter_map(|entry| Guid::parse(entry).ok().map(ProtocolId))
    }

    /// Whether the list names this protocol.
    #[must_use]
    pub fn contains(&self, protocol: ProtocolId, conformance: Conformance) -> bool {
        self.iter(conformance).any(|offered| offered == protocol)
    }

    /// The number of entries that the list has, legal or not.
    pub(crate) fn count(&self, conformance: Conformance) -> usize {
        self.entries(conformance).count()
    }

    /// The same list with its bytes owned.
    #[must_use]
    pub fn into_owned(self) -> SupportedProtocols<'static> {
        SupportedProtocols(self.0.into_owned())
    }

    fn entries(&self, conformance: Conformance) -> impl Iterator<Item = &[u8]> {
        let separates = move |byte: &u8| match conformance {
            Conformance::Interop => !byte.is_ascii_alphanumeric() && !b"{}-".contains(byte),
            Conformance::Strict => matches!(byte, b' ' | b','),
        };
        self.0.as_bytes().split(separates).filter(|entry| !entry.is_empty())
    }
}

/// The list with everything but visible ASCII escaped: safe in a log.
impl fmt::Display for SupportedProtocols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl SupportedProtocols<'static> {
    /// One protocol; in upper case for the one real server that insists on it.
    pub(crate) fn offer(protocol: ProtocolId, uppercase: bool) -> Self {
        let text = if uppercase { format!("{protocol:X}") } else { protocol.to_string() };
        Self(Raw::from_checked(text.into_bytes()))
    }
}

impl From<ProtocolId> for SupportedProtocols<'static> {
    fn from(protocol: ProtocolId) -> Self {
        Self::offer(protocol, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "{7df0354d-249b-430f-820d-3d2a9bef4931}";
    const OTHER: &str = "{00000000-0000-0000-0000-000000000001}";

    fn list(text: &str) -> SupportedProtocols<'_> {
        SupportedProtocols::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn q43_any_separator_will_do_in_interop() {
        for separator in [",", " ", "\t", ";", ", ,; ", "|"] {
            let text = format!("{separator}{OTHER}{separator}{ONE}{separator}");
            let found: Vec<_> = list(&text).iter(Conformance::Interop).collect();
            assert_eq!(found, [OTHER.parse().unwrap(), ProtocolId::BITS_1_5], "{separator:?}");
        }
        assert!(list(&format!("{OTHER} {ONE}")).contains(ProtocolId::BITS_1_5, Conformance::Strict));
        assert!(list(&format!("{OTHER},{ONE}")).contains(ProtocolId::BITS_1_5, Conformance::Strict));
        assert!(!list(&format!("{OTHER};{ONE}")).contains(ProtocolId::BITS_1_5, Conformance::Strict));
    }

    #[test]
    fn q44_forms_of_the_guid_in_a_list() {
        for form in [ONE.to_uppercase(), ONE[1..37].to_owned(), format!("({})", &ONE[1..37])] {
            assert!(list(&form).contains(ProtocolId::BITS_1_5, Conformance::Interop), "{form}");
        }
    }

    #[test]
    fn q45_the_first_100_entries_are_looked_at() {
        let ninety_nine = format!("{OTHER} ").repeat(99);
        assert!(list(&format!("{ninety_nine}{ONE}")).contains(ProtocolId::BITS_1_5, Conformance::Interop));
        // 101 GUIDs with braces and separators are 3,939 bytes: just under the bound of a header.
        let hundred = format!("{OTHER} ").repeat(100);
        assert!(!list(&format!("{hundred}{ONE}")).contains(ProtocolId::BITS_1_5, Conformance::Interop));
        assert_eq!(list(&format!("{hundred}{ONE}")).count(Conformance::Interop), 101);
    }
}
