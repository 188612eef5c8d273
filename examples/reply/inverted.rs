//! The application's work on a file: it inverts every byte as it passes by.

use std::io::{self, Read};

/// Inverts what it reads.
pub(crate) struct Inverted<R>(pub(crate) R);

impl<R: Read> Read for Inverted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read(buffer)?;
        for byte in &mut buffer[..length] {
            *byte = !*byte;
        }
        Ok(length)
    }
}
