//! The program as a user runs it.
//!
//! | module | what is tested |
//! |---|---|
//! | [`uploads`] | files arrive, whatever their size and whatever happens on the way |
//! | [`resuming`] | whatever ends the program, the next run goes on in the same session |
//! | [`failures`] | every failure is one line that says what to do, and an exit status |
//! | [`files`] | the files of the command line |
//! | [`passwords`] | names and passwords |
//! | [`tls`] | certificates |

mod common;
mod failures;
#[cfg(unix)]
mod files;
mod passwords;
#[cfg(unix)]
mod resuming;
mod tls;
mod uploads;
