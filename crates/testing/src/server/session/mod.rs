//! One session, brought to any place of its transition table.
//!
//! A place is recognised by what a session tells and does next, not by what brought it there.

mod place;
mod replies;
mod requests;
mod scene;
mod settings;
mod ways;

pub use replies::*;
pub use requests::*;
pub use scene::*;
pub use settings::Settings;
pub use ways::scenes;
