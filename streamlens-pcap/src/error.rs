//! Why a capture can't be opened or read on.

use std::io;
use std::path::{Path, PathBuf};

use streamlens_model::SourceError;

/// Why a capture can't be opened, or can't be read any further.
///
/// Damage in a capture is none of these: it is a [`Warning`](streamlens_model::Warning), and reading goes on.
/// Every message names the file, the place where there is one, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// There is no such file.
    #[error("{}: no such file; check the path", path.display())]
    NotFound {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user may not read the file.
    #[error("{}: no permission to read it; change its mode or owner, or run as a user who may", path.display())]
    PermissionDenied {
        /// The path as given.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to a directory.
    #[error("{}: is a directory; name the capture files in it", path.display())]
    IsDirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The system refused to open or to read it, for another reason than the above.
    #[error("{}: cannot be read at byte {byte}: {source}; check the device or the pipe behind it", path.display())]
    Read {
        /// The path as given; `-` for standard input.
        path: PathBuf,
        /// Bytes of the capture (uncompressed) that had been read by then.
        byte: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are no capture in a known format.
    #[error("{}: not a capture: {what} at byte 0; pcap, pcapng, snoop, ERF and Chapter 10 files are read, plain or in gzip, zstd or lz4{remedy}", path.display())]
    NotACapture {
        /// The path as given; `-` for standard input.
        path: PathBuf,
        /// What is there instead.
        what: String,
        /// What to do, beginning with a separator; may be empty.
        remedy: String,
    },
    /// A compressed stream broke before it gave a single byte of a capture.
    #[error("{}: nothing in it can be decompressed: {what}; fetch or make the file again", path.display())]
    BrokenCompression {
        /// The path as given; `-` for standard input.
        path: PathBuf,
        /// Which compression, and what is wrong.
        what: String,
    },
    /// The compression is known, but was left out when the program was built.
    #[error("{}: is compressed with {compression}, which this build leaves out; decompress it first, or build with the feature `{compression}`", path.display())]
    CompressionLeftOut {
        /// The path as given; `-` for standard input.
        path: PathBuf,
        /// Name of the compression, which is also that of the crate feature.
        compression: &'static str,
    },
}

impl CaptureError {
    /// The error for what the system said when a file was opened or asked about.
    pub(crate) fn opening(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path, source },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path, source },
            io::ErrorKind::IsADirectory => Self::IsDirectory { path },
            _ => Self::Read { path, byte: 0, source },
        }
    }

    /// The capture that it is about; `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::NotFound { path, .. }
            | Self::PermissionDenied { path, .. }
            | Self::IsDirectory { path }
            | Self::Read { path, .. }
            | Self::NotACapture { path, .. }
            | Self::BrokenCompression { path, .. }
            | Self::CompressionLeftOut { path, .. } => path,
        }
    }

    /// Whether rights are missing, as opposed to something being wrong with the capture.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        match self {
            Self::PermissionDenied { .. } => true,
            Self::Read { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

impl From<CaptureError> for SourceError {
    fn from(error: CaptureError) -> Self {
        let (path, is_denied) = (error.path().to_owned(), error.is_permission_denied());
        Self::new(path, is_denied, error)
    }
}
