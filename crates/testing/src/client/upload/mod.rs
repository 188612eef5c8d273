//! Uploads that are brought along a path of stimuli, and what the table knows of where they stand.

mod answer;
mod known;
mod recognise;
mod scene;
mod setup;

pub use known::{Abstract, sight_of};
pub use recognise::recognise;
pub use scene::Scene;
pub use setup::Setup;
