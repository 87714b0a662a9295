//! Takes compression off. Each reader goes over concatenated streams, hands out everything that was decoded before
//! a fault, and then fails: [`std::io::ErrorKind::UnexpectedEof`] where the stream ends early, another kind where its
//! bytes are wrong.

#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
use std::io;
use std::io::Read;

use crate::detect::Compression;

/// Compressed bytes taken from the source at a time.
#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
const CHUNK: usize = 128 * 1024;

/// The decompressed bytes of a source; `None` where the feature for it is off.
#[allow(unused_variables, reason = "`source` is not used where all of the features are off")]
pub(crate) fn open(compression: Compression, source: Box<dyn Read + Send>) -> Option<Box<dyn Read + Send>> {
    match compression {
        #[cfg(feature = "gzip")]
        Compression::Gzip => Some(Box::new(gzip::Gzip::new(io::BufReader::with_capacity(CHUNK, source)))),
        #[cfg(feature = "zstd")]
        Compression::Zstd => Some(Box::new(zstd::Zstd::new(io::BufReader::with_capacity(CHUNK, source)))),
        #[cfg(feature = "lz4")]
        Compression::Lz4 => Some(Box::new(lz4::Lz4::new(io::BufReader::with_capacity(CHUNK, source)))),
        #[allow(unreachable_patterns, reason = "reached where features are off")]
        _ => None,
    }
}

#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
fn ends_early(compression: Compression) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the {} stream ends early", compression.name()))
}

#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
fn damaged(compression: Compression, what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the {} stream is damaged: {what}", compression.name()))
}

/// Something other than another stream follows the end of one.
#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
fn trailing(compression: Compression) -> io::Error {
    let text = format!("bytes after the end of the {} stream are no further stream", compression.name());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Takes a skippable frame (RFC 8878, section 3.1.2, and the lz4 frame format) whose magic number was taken.
#[cfg(any(feature = "lz4", feature = "zstd"))]
fn skip_frame(source: &mut impl io::BufRead) -> io::Result<()> {
    let mut length = [0; 4];
    source.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    if io::copy(&mut source.take(length), &mut io::sink())? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
