//! The deviations of real peers, and the answers of this library: the rows Q01 to Q64.
//!
//! Each row was seen on a real peer, or found by asking what one may do. It says what this library does, and which
//! setting changes it. Code and tests cite a row by its number.
//!
//! - [How a client reads Acks](#how-a-client-reads-acks), Q01 to Q37
//! - [How a server reads requests](#how-a-server-reads-requests), Q40 to Q64
//! - [What our server sends](#what-our-server-sends)
//!
#![doc = include_str!("tolerances/acks.md")]
//!
#![doc = include_str!("tolerances/requests.md")]
//!
#![doc = include_str!("tolerances/sent.md")]
//!
#![doc = include_str!("rows.md")]
