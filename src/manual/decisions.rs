//! The decisions where the sources contradict one another, or say nothing: the rows C01 to C76.
//!
//! Each row names its [sources](crate::manual#sources), says what this library does, and which setting changes it. Code and
//! tests cite a row by its number. A row that says "a judgement" has neither a source that decides nor a capture.
//!
//! - [Names and syntax](#names-and-syntax), C01 to C08g
//! - [Statuses and errors](#statuses-and-errors), C09 to C25
//! - [State and time](#state-and-time), C30 to C57
//! - [The reply](#the-reply), C60 to C67
//! - [What the sources could not know](#what-the-sources-could-not-know), C70 to C76
//!
#![doc = include_str!("decisions/names.md")]
//!
#![doc = include_str!("decisions/statuses.md")]
//!
#![doc = include_str!("decisions/state.md")]
//!
#![doc = include_str!("decisions/reply.md")]
//!
#![doc = include_str!("decisions/silence.md")]
//!
#![doc = include_str!("rows.md")]
