//! The file that is uploaded.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bits_proto::client::Entity;

use crate::problem::Problem;

#[derive(Debug)]
pub(crate) struct Source {
    file: Arc<File>,
    entity: Entity,
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let unreadable = |error| Problem::failed(format_args!("{shown} cannot be read: {error}"));
        // Before it is opened: a pipe would keep the program until somebody writes into it.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Problem::failed(format_args!("{shown} is not a file: name one file to upload")));
        }
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let entity = Entity::new(metadata.len())
            .map_err(|error| Problem::failed(format_args!("{shown}: {error}")))?
            .validated(validator(&metadata));
        // The name is a courtesy to the server. Where it is none that may be sent, the file goes without.
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let entity = entity.clone().named(name).unwrap_or(entity);
        Ok(Self { file: Arc::new(file), entity })
    }

    pub(crate) const fn entity(&self) -> &Entity {
        &self.entity
    }

    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Whether somebody has written to the file since it was opened.
    pub(crate) fn has_changed(&self) -> bool {
        let now: io::Result<String> = self.file.metadata().map(|metadata| validator(&metadata));
        now.ok().as_deref() != self.entity.validator()
    }
}

/// Size and time of modification, in nanoseconds since 1970.
fn validator(metadata: &Metadata) -> String {
    let modified = match metadata.modified() {
        Ok(time) => match time.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos().to_string(),
            Err(before) => format!("-{}", before.duration().as_nanos()),
        },
        Err(_) => "unknown".to_owned(),
    };
    format!("{} bytes, modified {modified}", metadata.len())
}
