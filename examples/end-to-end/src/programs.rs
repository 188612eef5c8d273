//! Both programs, built once.
//!
//! In the profile `dev`, in which their own tests have built them already: optimised, they would take minutes to build and
//! save seconds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use escargot::CargoBuild;
use escargot::format::Message;

/// `bits-server`.
pub fn server() -> &'static Path {
    program("bits-server")
}

/// `bits-upload`.
pub fn upload() -> &'static Path {
    program("bits-upload")
}

fn program(name: &str) -> &'static Path {
    static PROGRAMS: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    &PROGRAMS.get_or_init(build)[name]
}

/// Both at once: one by one, they could be built with other features of what they share, and that twice.
fn build() -> HashMap<String, PathBuf> {
    let messages = CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .args(["--locked", "--package", "bits-server", "--package", "bits-upload"])
        .exec()
        .unwrap();
    let mut programs = HashMap::new();
    for message in messages {
        let message = message.unwrap_or_else(|error| panic!("the programs cannot be built: {error}"));
        if let Message::CompilerArtifact(artifact) = message.decode().unwrap() {
            if let Some(executable) = artifact.executable {
                programs.insert(artifact.target.name.into_owned(), executable.into_owned());
            }
        }
    }
    programs
}
