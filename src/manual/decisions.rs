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
// The search of the documentation finds a row by its number.
#![doc(alias(
    "C01", "C02", "C03", "C04", "C05", "C06", "C07", "C08", "C08b", "C08c", "C08d", "C08e", "C08f", "C08g",
    "C09", "C10", "C11", "C12", "C13", "C14", "C15", "C16", "C17", "C18", "C19", "C20", "C21", "C22", "C23",
    "C24", "C25", "C30", "C31", "C32", "C33", "C34", "C35", "C36", "C37", "C38", "C39", "C40", "C41", "C42",
    "C43", "C44", "C45", "C46", "C47", "C48", "C49", "C50", "C51", "C52", "C53", "C54", "C55", "C56", "C57",
    "C60", "C61", "C62", "C63", "C64", "C65", "C66", "C67", "C70", "C71", "C72", "C73", "C74", "C75", "C76"
))]
