//! Where frames come from: a capture file, several merged by time, an interface.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{FrameBatch, Interface, Warning};

/// How far a source has been read, for a progress bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes taken from the file, compressed where it is compressed.
    pub read_bytes: u64,
    /// Bytes that there are altogether; `None` for pipes and interfaces.
    pub total_bytes: Option<u64>,
}

/// Where frames come from.
///
/// A source that is never without frames until it ends, as a file, gives them in batches and then returns false. A live
/// source may have *nothing yet*: it returns true with an empty batch, and says in [`FrameBatch::now`] how late it is.
///
/// ```
/// use streamlens_model::{CaptureSummary, FrameBatch, FrameSource, Interface, SourceError, Timestamp, Warning};
///
/// /// Hears nothing for three seconds, and ends.
/// struct Silence(i64);
///
/// impl FrameSource for Silence {
///     fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
///         batch.clear();
///         self.0 += 1;
///         batch.now = (self.0 <= 3).then(|| Timestamp::from_nanos(self.0 * 1_000_000_000));
///         Ok(self.0 <= 3)
///     }
///     fn interfaces(&self) -> &[Interface] { &[] }
///     fn warnings(&self) -> &[Warning] { &[] }
///     fn format(&self) -> &str { "silence" }
///     fn name(&self) -> &str { "nowhere" }
/// }
///
/// let (mut source, mut batch, mut looks) = (Silence(0), FrameBatch::default(), 0);
/// while source.read_batch(&mut batch)? {
///     looks += 1;
///     assert!(batch.is_empty() && batch.now.is_some());
/// }
/// assert_eq!(looks, 3);
/// assert_eq!(CaptureSummary::of(&source).path.as_deref(), Some("nowhere"));
/// # Ok::<(), SourceError>(())
/// ```
pub trait FrameSource: Send {
    /// Replaces what is in the batch by the next frames; false, and an empty batch, when no more will come.
    ///
    /// True with an empty batch means that there is no frame *yet*; the caller calls again. A source that does this
    /// blocks for a while first (a live one for some tens of milliseconds at most), so that calling again at once is no
    /// busy loop, and sets [`FrameBatch::now`]: no frame that it gives later has an earlier time, but for times that run
    /// backwards on the wire itself. A source that always has frames until its end leaves `now` at `None`, and capture
    /// time is that of its frames.
    ///
    /// Give the same batch again and again: its memory is kept. Where one batch ends and the next begins depends
    /// on nothing but the bytes of the source, unless it is live or low latency was asked for.
    ///
    /// # Errors
    ///
    /// Where the system fails, after all frames read before were handed out. A call after that returns false.
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError>;

    /// The interfaces met so far; [`FrameRecord::interface`](crate::FrameRecord::interface) is an index into it. It
    /// grows, and `dropped` changes, while batches are read.
    fn interfaces(&self) -> &[Interface];

    /// What has been found wrong so far.
    fn warnings(&self) -> &[Warning];

    /// How far the source has been read; the default is that of a source without bytes to count.
    fn position(&self) -> Position {
        Position::default()
    }

    /// The format in words, such as `pcapng in gzip`; several are joined by `, `.
    fn format(&self) -> &str;

    /// The path as given, `-` for standard input, the name of an interface; several are joined by `, `.
    fn name(&self) -> &str;

    /// Who stamped the frames, as far as the source knows: `kernel`, `adapter`, `mixed`; `unknown` unless told.
    fn timestamp_source(&self) -> &'static str {
        "unknown"
    }
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        (**self).read_batch(batch)
    }

    fn interfaces(&self) -> &[Interface] {
        (**self).interfaces()
    }

    fn warnings(&self) -> &[Warning] {
        (**self).warnings()
    }

    fn position(&self) -> Position {
        (**self).position()
    }

    fn format(&self) -> &str {
        (**self).format()
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn timestamp_source(&self) -> &'static str {
        (**self).timestamp_source()
    }
}

impl<S: FrameSource + ?Sized> FrameSource for &mut S {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        (**self).read_batch(batch)
    }

    fn interfaces(&self) -> &[Interface] {
        (**self).interfaces()
    }

    fn warnings(&self) -> &[Warning] {
        (**self).warnings()
    }

    fn position(&self) -> Position {
        (**self).position()
    }

    fn format(&self) -> &str {
        (**self).format()
    }

    fn name(&self) -> &str {
        (**self).name()
    }

    fn timestamp_source(&self) -> &'static str {
        (**self).timestamp_source()
    }
}

/// Why a source can't be read on.
///
/// It shows as the error that it was made of, whose message names the source and says what to do; that error is there by
/// [`Self::get_ref`].
#[derive(Debug)]
pub struct SourceError {
    path: PathBuf,
    is_permission_denied: bool,
    error: Box<dyn Error + Send + Sync>,
}

impl SourceError {
    /// The failure of the source of this name (see [`FrameSource::name`]), and whether it is for want of rights.
    #[must_use]
    pub fn new(
        path: impl Into<PathBuf>,
        is_permission_denied: bool,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { path: path.into(), is_permission_denied, error: error.into() }
    }

    /// The source that it is about; `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether rights are missing, as opposed to something being wrong with the source.
    #[must_use]
    pub fn is_permission_denied(&self) -> bool {
        self.is_permission_denied
    }

    /// The error that it was made of.
    #[must_use]
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // it shows as the inner error does, so a chain of causes goes on behind that one
        self.error.source()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_shows_as_what_it_was_made_of_and_gives_it_back() {
        let error = SourceError::new("eth0", true, io::Error::from_raw_os_error(1));
        assert_eq!(error.to_string(), io::Error::from_raw_os_error(1).to_string());
        assert_eq!((error.path(), error.is_permission_denied()), (Path::new("eth0"), true));
        let inner = error.get_ref().downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        assert_eq!(inner, Some(1));
        assert!(error.source().is_none(), "the inner error has no cause of its own");
    }
}
