//! Ping and its Ack (§2.2.4, §2.2.5).

/// Asks whether a server is there (§2.2.4), as Windows does. It belongs to no session
/// ([C04](crate::manual::decisions#c04)), whatever it names ([Q47](crate::manual::tolerances#q47)).
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/05-ping.req")]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct Ping;

/// Says that it is (§2.2.5), as IIS does:
///
/// ```text
#[doc = include_str!("../../tests/data/captures/upload/06-ping.ack")]
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct PingAck;
