//! The place where files are published, and the place where sessions are kept.

use std::error::Error;
use std::ffi::OsString;
use std::sync::Arc;

use bits_http::server::{Builder, Event, Table, Uploads};
use bits_http::storage::{Contents, Folder, Reader};
use bits_http::tasks::Tasks;
use bits_proto::server::Directory;
use ring::digest::{Context, SHA256};
use tokio::task::spawn_blocking;

use crate::addresses::Addresses;
use crate::log;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::users::Owner;
use crate::web::{self, Notifications};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// How many bytes are read at a time.
const READ_SIZE: u64 = 1024 * 1024;

/// Who is told of uploads, and who counts them.
type Told = (Option<Notifications>, Arc<Metrics>, Arc<Addresses>);

/// The service, and its table of sessions, unless they are in a database.
pub(crate) struct Served {
    pub(crate) uploads: Uploads,
    pub(crate) tasks: Option<Tasks<Owner>>,
}

/// The place where files are published.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    Folder(Folder),
    #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
    Bucket {
        objects: bits_http::storage::Objects,
        url: String,
    },
}

impl Root {
    pub(crate) fn open(options: &Options) -> Result<Self, String> {
        match options.bucket() {
            Some(url) => bucket(url, options),
            None => options.folder().open().map(Self::Folder).map_err(|error| error.to_string()),
        }
    }

    pub(crate) const fn folder(&self) -> Option<&Folder> {
        match self {
            Self::Folder(folder) => Some(folder),
            #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
            Self::Bucket { .. } => None,
        }
    }

    /// Puts the service together.
    pub(crate) async fn serve(
        &self,
        options: &Options,
        directory: Directory,
        told: Told,
    ) -> Fallible<Served> {
        match self {
            Self::Folder(folder) => {
                let builder = web::uploads(options, (self, folder.clone()), told.0, told.1, told.2);
                match options.database() {
                    Some(url) => serve_shared(options, directory, builder, url).await,
                    None => serve_alone(&directory, builder, folder).await,
                }
            }
            #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
            Self::Bucket { objects, .. } => {
                let builder = web::uploads(options, (self, objects.clone()), told.0, told.1, told.2);
                let url = options.database().ok_or("a bucket needs a database")?;
                serve_shared(options, directory, builder, url).await
            }
        }
    }

    /// What a command is told of a file: its path, or its URL.
    pub(crate) fn path(&self, destination: &str) -> OsString {
        match self {
            Self::Folder(folder) => folder.path(destination).unwrap_or_default().into(),
            #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
            Self::Bucket { url, .. } => format!("{}{destination}", url.trim_end_matches('/')).into(),
        }
    }

    /// The bytes that are free, where that can be known.
    ///
    /// # Errors
    /// It cannot be used.
    pub(crate) async fn free(&self) -> Result<Option<u64>, String> {
        match self {
            Self::Folder(folder) => {
                let folder = folder.clone();
                let looked = spawn_blocking(move || folder.state().and_then(|_| folder.free()));
                let free = looked.await.map_err(|error| error.to_string())?;
                free.map(Some).map_err(|error| error.to_string())
            }
            #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
            Self::Bucket { objects, .. } => {
                objects.check().await.map(|()| None).map_err(|failure| failure.to_string())
            }
        }
    }

    /// The digest of a published file, in hexadecimal digits.
    pub(crate) async fn sha256(&self, destination: &str) -> Option<String> {
        match self {
            Self::Folder(folder) => sha256(folder, destination).await,
            #[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
            Self::Bucket { objects, .. } => sha256(objects, destination).await,
        }
    }
}

#[cfg(any(feature = "azure", feature = "gcs", feature = "s3"))]
fn bucket(url: &str, options: &Options) -> Result<Root, String> {
    let objects = crate::bucket::open(url, options.notifies(), options.limits.bucket_memory)?;
    Ok(Root::Bucket { objects, url: url.to_owned() })
}

#[cfg(not(any(feature = "azure", feature = "gcs", feature = "s3")))]
fn bucket(url: &str, _options: &Options) -> Result<Root, String> {
    Err(format!("{url} cannot be used: {}", not_built(url.split(':').next().unwrap_or_default())))
}

/// The feature that the program lacks for such a URL.
pub(crate) fn not_built(scheme: &str) -> String {
    let feature = match scheme {
        "az" => "azure",
        "gs" => "gcs",
        _ => "s3",
    };
    format!("this program was built without the feature {feature}")
}

/// One server has the folder.
async fn serve_alone(
    directory: &Directory,
    builder: Builder<Folder, Owner>,
    folder: &Folder,
) -> Fallible<Served> {
    let (table, found) = Table::restore(directory, folder, folder.clone()).await?;
    for leftover in &found {
        log::event(&Event::Found(leftover));
    }
    let tasks = Some(table.tasks().clone());
    Ok(Served { uploads: builder.with_turns(table), tasks })
}

#[cfg(feature = "postgres")]
async fn serve_shared<S: Contents>(
    options: &Options,
    directory: Directory,
    builder: Builder<S, Owner>,
    url: &str,
) -> Fallible<Served> {
    use crate::database::Database;
    use bits_http::leases::{Leases, Postgres};
    use bits_proto::server::Keep;

    let Database { config, tls } = Database::of(url)?;
    let rows = Postgres::open(config, tls, options.database_connections.get()).await?;
    let directory = directory.to_builder().keep(Keep::Records).build()?;
    let mut leases = Leases::open(&directory, rows, options.lease).await?;
    if let Some(quota) = options.quota() {
        leases = leases.with_quota(quota)?;
    }
    Ok(Served { uploads: builder.with_turns(leases), tasks: None })
}

#[cfg(not(feature = "postgres"))]
async fn serve_shared<S: Contents>(
    _options: &Options,
    _directory: Directory,
    _builder: Builder<S, Owner>,
    _url: &str,
) -> Fallible<Served> {
    Err("this program was built without the feature postgres".into())
}

async fn sha256(contents: &impl Contents, destination: &str) -> Option<String> {
    let file = contents.published(destination).await.ok()?;
    let (mut digest, mut at) = (Context::new(&SHA256), 0);
    while at < file.size() {
        let end = file.size().min(at + READ_SIZE);
        digest.update(&file.read(at..end).await.ok()?);
        at = end;
    }
    Some(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
