//! [`Contents`] behind a pointer: only who serves files or notifies an application needs a storage that gives bytes out.

use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use bits_proto::Guid;
use bytes::Bytes;

use crate::storage::{Contents, Failure, Reader, Storage, Writer};

pub(super) type BoxFuture<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

/// [`Reader`], behind a pointer.
pub(super) trait DynReader: Send + Sync {
    fn size(&self) -> u64;
    fn etag(&self) -> Option<String>;
    fn modified(&self) -> Option<SystemTime>;
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Failure>>;
}

impl<R: Reader> DynReader for R {
    fn size(&self) -> u64 {
        Reader::size(self)
    }

    fn etag(&self) -> Option<String> {
        Reader::etag(self)
    }

    fn modified(&self) -> Option<SystemTime> {
        Reader::modified(self)
    }

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Failure>> {
        Box::pin(Reader::read(self, range))
    }
}

type Opened<'f> = BoxFuture<'f, Result<Arc<dyn DynReader>, Failure>>;

/// [`Contents`], behind a pointer.
pub(super) trait DynContents: Send + Sync {
    fn published<'f>(&'f self, path: &'f str) -> Opened<'f>;
    fn entity(&self, id: Guid) -> Opened<'_>;
    fn reply(&self, id: Guid) -> Opened<'_>;
    fn write_reply(&self, id: Guid) -> BoxFuture<'_, Result<Box<dyn DynWriter>, Failure>>;
    fn remove_reply(&self, id: Guid) -> BoxFuture<'_, Result<(), Failure>>;
    fn files(&self, id: Guid) -> BoxFuture<'_, Option<[PathBuf; 2]>>;
}

/// [`Writer`], behind a pointer.
pub(super) trait DynWriter: Send {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Failure>>;
    fn finish(self: Box<Self>) -> BoxFuture<'static, (u64, Result<(), Failure>)>;
}

impl<W: Writer> DynWriter for W {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(Writer::write(self, bytes))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, (u64, Result<(), Failure>)> {
        Box::pin(Writer::finish(*self))
    }
}

/// A storage that is shared with the service.
pub(super) struct Of<S>(pub(super) Arc<S>);

fn behind<R: Reader>(reader: R) -> Arc<dyn DynReader> {
    Arc::new(reader)
}

impl<S: Contents> DynContents for Of<S> {
    fn published<'f>(&'f self, path: &'f str) -> Opened<'f> {
        Box::pin(async move { self.0.published(path).await.map(behind) })
    }

    fn entity(&self, id: Guid) -> Opened<'_> {
        Box::pin(async move { self.0.entity(id).await.map(behind) })
    }

    fn reply(&self, id: Guid) -> Opened<'_> {
        Box::pin(async move { self.0.reply(id).await.map(behind) })
    }

    fn write_reply(&self, id: Guid) -> BoxFuture<'_, Result<Box<dyn DynWriter>, Failure>> {
        Box::pin(async move {
            let writer: <S as Storage>::Writer = self.0.write_reply(id).await?;
            Ok(Box::new(writer) as Box<dyn DynWriter>)
        })
    }

    fn remove_reply(&self, id: Guid) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(self.0.remove_reply(id))
    }

    fn files(&self, id: Guid) -> BoxFuture<'_, Option<[PathBuf; 2]>> {
        Box::pin(self.0.files(id))
    }
}
