//! The manual: the protocol as this library speaks it, and why.
//!
//! Three published sources describe the BITS Upload Protocol, and they contradict one another. Real peers bend it further.
//! These pages say what was decided, what is tolerated, and what shows it. They hold text only.
//!
//! - [`guide`]: what a program that uses this library has to know.
//! - [`protocol`]: the messages, and the rules of both sides.
//! - [`decisions`]: the rows C01 to C76, where the sources contradict one another or say nothing.
//! - [`tolerances`]: the rows Q01 to Q64, what real peers do to the wire.
//! - [`statements`]: the statements of MC-BUP, each with the code that keeps it and the test that shows it.
//! - [`captures`]: the captured messages that decide many rows.
//!
//! # Sources
//!
//! - **MC-BUP**: *Background Intelligent Transfer Service (BITS) Upload Protocol*, Microsoft Open Specifications, v16.0 of
//!   2024-04-23. Section numbers (§) without another name are those of MC-BUP, and numbers in angle brackets its notes on
//!   products (Appendix A).
//! - **The Win32 pages**: Microsoft's documentation of BITS, "BITS Upload Protocol" with a page a packet ("Create-Session",
//!   "Ack for Fragment", …), "Notification Protocol for BITS Server Applications", "BITS IIS Extension Properties",
//!   "Handling Server Application Errors" and "BITS Return Values".
//! - **RFCs**: 9110 (HTTP), 9112 (HTTP/1.1), 3986 (URIs), 1738 and 2373 (hosts, to which MC-BUP refers).
//! - **The captures**: Windows BITS 6.7 and IIS 6.0 on the wire, [head by head](captures).
//!
//! # Two levels
//!
//! **Interop**, the default, is exact in what it sends and takes what real peers send. **Strict** refuses everything
//! that MC-BUP says must be refused, to test other implementations. The setting is
//! [`client::ConfigBuilder::conformance`](crate::client::ConfigBuilder::conformance),
//! [`server::DirectoryBuilder::conformance`](crate::server::DirectoryBuilder::conformance), and its like of the other
//! machines; for a single message it is an argument ([`Conformance`](crate::Conformance)). Where a row says *Here*, both
//! levels do the same.

pub mod captures;
pub mod decisions;
pub mod guide;
pub mod protocol;
pub mod statements;
pub mod tolerances;
