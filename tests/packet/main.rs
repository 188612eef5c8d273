//! Tests of the packets: their heads are read and written as the specification and real peers have them.

/// Errors, and responses that are no Ack (Q13 to Q31).
mod ack_errors;
/// The session, host and reply that an Ack names (Q22 to Q26).
mod ack_sessions;
/// Acks of real servers (Q01 to Q31).
mod acks;
/// The exact headers of every Ack that a server sends.
mod acks_sent;
/// Values that `arbitrary` makes are legal.
mod arbitrary;
/// Captured heads are read and written back.
mod captures;
/// Heads with a fault beside what matters (C70, C73).
mod faulty_heads;
/// Properties of every packet and every head.
mod properties;
/// Rules that all requests share (`manual::protocol`).
mod request_rules;
/// Requests of real clients (Q40 to Q63).
mod requests;
/// The serde forms of vocabulary and packets.
mod serde;
