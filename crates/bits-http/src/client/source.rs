//! The bytes that are uploaded.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The bytes that are uploaded, read in pieces, from any offset, more than once.
///
/// Implemented by [`FileSource`], and by bytes in memory.
pub trait Source: Send + Sync + 'static {
    /// The size of the entity in bytes.
    fn size(&self) -> u64;

    /// A text that changes whenever the bytes do: a time of modification, a hash. It is asked for before each request. If it
    /// differs from that at the beginning of the upload, which may be an earlier run, the session is cancelled and the upload
    /// fails.
    ///
    /// # Errors
    /// The bytes cannot be read any more. The upload ends with this error.
    fn version(&self) -> io::Result<String>;

    /// Reads some bytes at this offset into the buffer, and returns how many. 0: there are no more.
    ///
    /// # Errors
    /// The bytes cannot be read. The upload ends with this error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// The name that the server is told; none by default. A name that may not be sent is left out.
    fn name(&self) -> Option<&str> {
        None
    }
}

impl Source for Vec<u8> {
    fn size(&self) -> u64 {
        self.as_slice().size_of()
    }

    fn version(&self) -> io::Result<String> {
        Ok(String::new())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.as_slice().copy_from(offset, buffer))
    }
}

impl Source for &'static [u8] {
    fn size(&self) -> u64 {
        self.size_of()
    }

    fn version(&self) -> io::Result<String> {
        Ok(String::new())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.copy_from(offset, buffer))
    }
}

trait Slice {
    fn size_of(&self) -> u64;
    fn copy_from(&self, offset: u64, buffer: &mut [u8]) -> usize;
}

impl Slice for [u8] {
    fn size_of(&self) -> u64 {
        u64::try_from(self.len()).unwrap_or(u64::MAX)
    }

    fn copy_from(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let (to, from) = (buffer.iter_mut(), rest.iter());
        to.zip(from).map(|(to, from)| *to = *from).count()
    }
}

/// A file, as it was when it was opened.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    file: File,
    size: u64,
}

impl FileSource {
    /// Opens a file.
    ///
    /// # Errors
    /// It cannot be read, or its size is not known before it is read: pipes, devices, folders, and files of `/proc`.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        // Before it is opened: a pipe would keep the program until somebody writes into it.
        match fs::metadata(&path)? {
            folder if folder.is_dir() => return Err(io::Error::other("it is a folder and not a file")),
            found if !found.is_file() => return Err(io::Error::other("it is not a file")),
            _ => {}
        }
        let file = File::open(&path)?;
        let size = file.metadata()?.len();
        let source = Self { path, file, size };
        // Files of /proc say that they have no bytes, and files of /sys that they have 4,096.
        let has_all = source.read_at(size.saturating_sub(1), &mut [0])? > 0;
        if has_all != (size > 0) {
            return Err(io::Error::other(format!(
                "it says that it has {size} bytes, and has not: copy it, and upload the copy"
            )));
        }
        Ok(source)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    /// Size and time of modification, in nanoseconds since 1970.
    fn version(&self) -> io::Result<String> {
        let metadata = self.file.metadata()?;
        if is_gone(&metadata) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it was deleted or replaced"));
        }
        Ok(version(&metadata))
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)
    }

    fn name(&self) -> Option<&str> {
        self.path.file_name().and_then(OsStr::to_str)
    }
}

fn version(metadata: &Metadata) -> String {
    let modified = match metadata.modified() {
        Ok(time) => match time.duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_nanos().to_string(),
            Err(before) => format!("-{}", before.duration().as_nanos()),
        },
        Err(_) => "unknown".to_owned(),
    };
    format!("{} bytes, modified {modified}", metadata.len())
}

/// Whether no name leads to the file any more.
#[cfg(unix)]
fn is_gone(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 0
}

#[cfg(not(unix))]
const fn is_gone(_: &Metadata) -> bool {
    false
}
