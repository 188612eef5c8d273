//! The folder of uploads: unfinished ones in a folder of their own, published ones under their names.

use std::io::{self, ErrorKind, SeekFrom};
use std::path::PathBuf;

use bits_proto::Guid;
use bits_proto::server::{Refusal, Report};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncSeekExt;

#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    unfinished: PathBuf,
}

impl Folder {
    /// Sessions of this example end with its process: what an earlier one left unfinished goes.
    ///
    /// # Errors
    /// Files cannot be made there.
    pub async fn open(root: PathBuf) -> io::Result<Self> {
        let unfinished = root.join(".unfinished");
        match fs::remove_dir_all(&unfinished).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&unfinished).await?,
        }
        Ok(Self { root, unfinished })
    }

    /// Makes room for an upload.
    pub(crate) async fn create(&self, id: Guid, path: &str) -> Result<Report, Refusal> {
        // Told now, a client need not send the whole file to learn it. It counts when it is published.
        if fs::try_exists(self.published(path)?).await? {
            return Err(Refusal::DestinationExists);
        }
        File::create_new(self.part(id)).await?;
        Ok(Report::Opened)
    }

    /// The unfinished upload, to be written from here on.
    pub(crate) async fn open_part(&self, id: Guid, offset: u64) -> Result<File, Refusal> {
        let mut file = OpenOptions::new()
            .write(true)
            .open(self.part(id))
            .await
            .map_err(missing)?;
        file.seek(SeekFrom::Start(offset)).await?;
        Ok(file)
    }

    /// Puts the file at its destination: the whole of it at once, and never over another one.
    pub(crate) async fn publish(&self, id: Guid, path: &str) -> Result<Report, Refusal> {
        let destination = self.published(path)?;
        // The bytes must be on the disk before the name is.
        self.open_part(id, 0).await?.sync_all().await?;
        // Not `rename`: it overwrites.
        fs::hard_link(self.part(id), destination).await?;
        // And the name before it is acknowledged, as far as the system can promise that.
        if cfg!(unix) {
            File::open(&self.root).await?.sync_all().await?;
        }
        let _goes_at_the_next_start = fs::remove_file(self.part(id)).await;
        Ok(Report::Published)
    }

    pub(crate) async fn discard(&self, id: Guid) -> Result<Report, Refusal> {
        match fs::remove_file(self.part(id)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(Report::Discarded),
        }
    }

    fn part(&self, id: Guid) -> PathBuf {
        self.unfinished.join(id.to_string())
    }

    /// Where the file of a request's path is published.
    ///
    /// The path is whatever a stranger sent. What is known to be good is taken, and nothing else: so no path leads out of
    /// the folder, or to what is unfinished.
    fn published(&self, path: &str) -> Result<PathBuf, Refusal> {
        let name = path.strip_prefix("/uploads/").unwrap_or_default();
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let legal =
            (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(good);
        if legal {
            Ok(self.root.join(name))
        } else {
            Err(Refusal::AccessDenied)
        }
    }
}

/// An unfinished upload that is not there was lost.
fn missing(error: io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound => Refusal::EntityMissing,
        _ => error.into(),
    }
}
