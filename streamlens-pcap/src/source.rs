//! What the single reader and the merging one have in common.

use streamlens_model::{FrameBatch, Interface, Warning};

use crate::CaptureError;

/// How far a source has been read, for a progress bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes taken from the file, compressed where it is compressed.
    pub read_bytes: u64,
    /// Bytes that there are altogether; `None` for pipes.
    pub total_bytes: Option<u64>,
}

/// Where frames come from: one capture, or several merged by time.
pub trait FrameSource: Send {
    /// Replaces what is in the batch by the next frames; false, and an empty batch, when no more will come.
    ///
    /// Give the same batch again and again: its memory is kept. Where one batch ends and the next begins depends
    /// on nothing but the bytes of the source, unless low latency was asked for.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Read`] where the system fails, after all frames read before were handed out. A call after
    /// that returns false.
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, CaptureError>;

    /// The interfaces met so far; [`FrameRecord::interface`](streamlens_model::FrameRecord::interface) is an index
    /// into it. It grows, and `dropped` changes, while batches are read.
    fn interfaces(&self) -> &[Interface];

    /// What has been found wrong so far.
    fn warnings(&self) -> &[Warning];

    /// How far the source has been read.
    fn position(&self) -> Position;

    /// The format in words, such as `pcapng in gzip`; several are joined by `, `.
    fn format(&self) -> &str;

    /// The path as given, `-` for standard input; several are joined by `, `.
    fn name(&self) -> &str;
}
