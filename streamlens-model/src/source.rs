//! Where frames come from: a capture file, several merged by time, an interface.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{DropPlace, FrameBatch, Interface, Warning};

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

    /// Where the capture itself dropped frames so far, in ascending order; empty unless the source knows.
    fn drop_places(&self) -> &[DropPlace] {
        &[]
    }
}

/// A source on top of another one. Only what differs is said: the rest is as below, and the whole is a [`FrameSource`].
///
/// ```
/// use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer};
///
/// /// Counts the frames that pass.
/// struct Counted<S> {
///     source: S,
///     frames: usize,
/// }
///
/// impl<S: FrameSource> SourceLayer for Counted<S> {
///     type Below = S;
///     fn below(&self) -> &S { &self.source }
///     fn below_mut(&mut self) -> &mut S { &mut self.source }
///     fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
///         let more = self.source.read_batch(batch)?;
///         self.frames += batch.len();
///         Ok(more)
///     }
/// }
/// ```
pub trait SourceLayer: Send {
    /// The source below.
    type Below: FrameSource + ?Sized;

    /// The source below.
    fn below(&self) -> &Self::Below;

    /// The source below, to be read.
    fn below_mut(&mut self) -> &mut Self::Below;

    /// [`FrameSource::read_batch`] of the whole.
    ///
    /// # Errors
    ///
    /// As for that.
    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        self.below_mut().read_batch(batch)
    }

    /// [`FrameSource::warnings`] of the whole.
    fn all_warnings(&self) -> &[Warning] {
        self.below().warnings()
    }
}

impl<L: SourceLayer> FrameSource for L {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        self.give(batch)
    }

    fn interfaces(&self) -> &[Interface] {
        self.below().interfaces()
    }

    fn warnings(&self) -> &[Warning] {
        self.all_warnings()
    }

    fn position(&self) -> Position {
        self.below().position()
    }

    fn format(&self) -> &str {
        self.below().format()
    }

    fn name(&self) -> &str {
        self.below().name()
    }

    fn timestamp_source(&self) -> &'static str {
        self.below().timestamp_source()
    }

    fn drop_places(&self) -> &[DropPlace] {
        self.below().drop_places()
    }
}

impl<S: FrameSource + ?Sized> SourceLayer for Box<S> {
    type Below = S;

    fn below(&self) -> &S {
        self
    }

    fn below_mut(&mut self) -> &mut S {
        self
    }
}

impl<S: FrameSource + ?Sized> SourceLayer for &mut S {
    type Below = S;

    fn below(&self) -> &S {
        self
    }

    fn below_mut(&mut self) -> &mut S {
        self
    }
}

/// The first frames of a source.
#[derive(Debug)]
pub struct FirstFrames<S> {
    source: S,
    left: u64,
}

impl<S: FrameSource> FirstFrames<S> {
    /// At most so many frames of a source; `None` for all of them.
    #[must_use]
    pub fn new(source: S, most: Option<u64>) -> Self {
        Self { source, left: most.unwrap_or(u64::MAX) }
    }
}

impl<S: FrameSource> SourceLayer for FirstFrames<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        let more = self.left > 0 && self.source.read_batch(batch)?;
        if !more {
            batch.clear();
        }
        batch.records.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= batch.len() as u64;
        Ok(more)
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
