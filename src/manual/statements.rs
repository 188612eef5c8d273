//! The statements of MC-BUP sections 2 and 3, each with the code that keeps it and a test that shows it.
//!
//! A statement is a MUST, a SHOULD, a MAY, or a rule of processing: a step of a state, a value of a field, the meaning of a
//! status. A sentence that demands two things is two statements. The words are few, and not those of MC-BUP; its text is
//! found by the section.
//!
//! | how | statements | meaning |
//! |---|---|---|
//! | shown | 461 | this library does it, and the test shows it |
//! | differs | 78 | this library does otherwise, at least in interop; the row says why, and the test shows what |
//! | done, no test | 1 | this library does it, and no test of its own shows it |
//! | elsewhere | 35 | the program's, the HTTP library's, or a matter of peer caching, which is not spoken |
//! | nothing to do | 9 | a remark on the model, or a rule that cannot be broken here |
//!
//! These are 584: 251 MUST, 30 SHOULD, 18 MAY and 285 rules. Sections 2 and 3 have the words MUST, SHOULD and MAY 296 times,
//! and in each section there are at least as many statements of that force. A test counts the statements, and looks whether
//! every function and every test that they name is there.
//!
#![doc = include_str!("statements/messages.md")]
//!
#![doc = include_str!("statements/client.md")]
//!
#![doc = include_str!("statements/server.md")]
//!
#![doc = include_str!("statements/notify.md")]
//!
#![doc = include_str!("statements/download.md")]
//!
#![doc = include_str!("rows.md")]
