//! Ping and its Ack (§2.2.4, §2.2.5).

/// Asks whether a server is there (§2.2.4; `captures/upload/05-ping.req`). It belongs to no session (C04).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct Ping;

/// Says that it is (§2.2.5; `captures/upload/06-ping.ack`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[expect(clippy::exhaustive_structs, reason = "a message is its fields")]
pub struct PingAck;
