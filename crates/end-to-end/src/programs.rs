//! The programs, built once.
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

/// The server that the README of bits-http shows.
pub fn server_of_the_readme() -> &'static Path {
    program("folder_server")
}

fn program(name: &str) -> &'static Path {
    static PROGRAMS: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    &PROGRAMS.get_or_init(build)[name]
}

/// All at once: one by one, they could be built with other features of what they share, and that twice.
fn build() -> HashMap<String, PathBuf> {
    let mut cargo = CargoBuild::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .args(["--locked", "--package", "bits-server", "--package", "bits-upload"])
        .args(["--package", "bits-http", "--features", "bits-http/folder"])
        .args(["--bin", "bits-server", "--bin", "bits-upload", "--example", "folder_server"]);
    // What the cargo that runs this test says of this crate: build scripts would take it for a change, and much would be
    // built again.
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo = cargo.env_remove(name);
        }
    }
    let mut programs = HashMap::new();
    for message in cargo.exec().unwrap() {
        let message = message.unwrap_or_else(|error| panic!("the programs cannot be built: {error}"));
        if let Message::CompilerArtifact(artifact) = message.decode().unwrap() {
            if let Some(executable) = artifact.executable {
                programs.insert(artifact.target.name.into_owned(), executable.into_owned());
            }
        }
    }
    programs
}
