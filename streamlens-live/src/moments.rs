//! The last moments in memory: frames as they passed, to be written when something has happened.
//!
//! [`Remember`] is the layer of a source that keeps them, [`Moments`] the handle by which anyone on any thread writes some of
//! them as pcapng. The memory is in pieces that are shared while they are written, so that a slow disk holds nobody up.

mod window;

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamlens_model::{
    Frame, FrameBatch, FrameRecord, FrameSource, Interface, SourceError, SourceLayer, Timestamp, Warning,
};
use streamlens_pcap::PcapngWriter;

use self::window::Window;
pub(crate) use self::window::not_written;

/// Bytes of frames in a piece, where the limit is not small. A piece is let go as a whole.
const PIECE: usize = 1 << 20;
/// So many pieces are there at least, so that no more than one in so many is let go at a time.
const PIECES: usize = 16;
/// A window is closed so much behind its end: times of a capture run backwards at times.
const LATE_NS: i64 = 1_000_000_000;

/// How much is kept: what either allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferLimits {
    /// Nanoseconds of capture time.
    pub nanos: Option<u64>,
    /// Bytes of memory: frames, and 40 bytes for each.
    pub bytes: u64,
}

impl Default for BufferLimits {
    /// A gibibyte, whatever the time.
    fn default() -> Self {
        Self { nanos: None, bytes: 1 << 30 }
    }
}

/// What [`Moments::write`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Number of frames.
    pub frames: u64,
    /// How far back the memory went: the time of the first frame in it. `None` where it held none.
    pub oldest: Option<Timestamp>,
    /// Whether frames of the span may have been let go before: the memory went back less far than the span.
    pub is_cut: bool,
}

/// The frames of the last moments of a source. All clones are the same memory.
#[derive(Clone, Debug)]
pub struct Moments(Arc<Mutex<Memory>>);

/// A source whose last moments are kept.
#[derive(Debug)]
pub struct Remember<S> {
    source: S,
    moments: Moments,
    warnings: Vec<Warning>,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    frames: FrameBatch,
    /// The latest time of a frame in it.
    latest: Option<Timestamp>,
    /// The time that stands for the frames in front of the first one with a time.
    begun: Option<Timestamp>,
}

struct Memory {
    limits: BufferLimits,
    /// The last one is being filled.
    pieces: VecDeque<Arc<Piece>>,
    /// Bytes of all pieces.
    bytes: u64,
    interfaces: Vec<Interface>,
    windows: Vec<Window>,
    /// The latest time of a frame, or that the source has told.
    now: Option<Timestamp>,
    /// The time of the last frame that had one.
    last: Option<Timestamp>,
    /// The latest time of a frame that was let go.
    forgotten: Option<Timestamp>,
    has_ended: bool,
    failed: Vec<Warning>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, bytes, .. } = self;
        f.debug_struct("Memory").field("limits", limits).field("bytes", bytes).finish_non_exhaustive()
    }
}

impl Piece {
    fn bytes(&self) -> u64 {
        (self.frames.bytes.capacity() + self.frames.records.capacity() * size_of::<FrameRecord>()) as u64
    }

    /// The frames with their times; those without one have that of the frame before.
    fn timed(&self) -> impl Iterator<Item = (Option<Timestamp>, Frame<'_>)> {
        let mut last = self.begun;
        self.frames.iter().map(move |frame| {
            last = frame.time.or(last);
            (last, frame)
        })
    }
}

impl Moments {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the frames between two times, both included, that pass a test, in the order in which they passed. A frame without
    /// a time goes by that of the frame before.
    ///
    /// # Errors
    ///
    /// Where they can't be written.
    pub fn write(
        &self,
        span: RangeInclusive<Timestamp>,
        mut test: impl FnMut(&Frame<'_>) -> bool,
        out: impl Write,
    ) -> io::Result<Written> {
        let (pieces, interfaces, oldest, is_cut) = {
            let memory = self.lock();
            let pieces: Vec<Arc<Piece>> = memory.pieces.iter().cloned().collect();
            (pieces, memory.interfaces.clone(), memory.oldest(), memory.is_cut(*span.start()))
        };
        let mut writer = PcapngWriter::new(BufWriter::new(out), &interfaces)?;
        let mut frames = 0;
        for (time, frame) in pieces.iter().flat_map(|piece| piece.timed()) {
            if time.is_some_and(|time| span.contains(&time)) && test(&frame) {
                writer.frame(&frame)?;
                frames += 1;
            }
        }
        writer.flush()?;
        Ok(Written { frames, oldest, is_cut })
    }

    /// As [`Self::write`] without a test, and goes on with the frames that come until the end of the span has passed. Where
    /// that fails later, the source has a warning.
    ///
    /// # Errors
    ///
    /// Where what is there already can't be written.
    pub(crate) fn follow(
        &self,
        span: RangeInclusive<Timestamp>,
        path: PathBuf,
        out: Box<dyn Write + Send>,
    ) -> io::Result<Written> {
        // under the lock: no frame may come between what is there and what follows
        let mut memory = self.lock();
        let is_cut = memory.is_cut(*span.start());
        let mut window = Window::new(span, path, out, &memory.interfaces)?;
        for (time, frame) in memory.pieces.iter().flat_map(|piece| piece.timed()) {
            window.take(time, &frame)?;
        }
        window.flush()?;
        let written = Written { frames: window.frames(), oldest: memory.oldest(), is_cut };
        if !memory.has_ended && !window.is_past(memory.now) {
            memory.windows.push(window);
        }
        Ok(written)
    }

    /// How far back the memory goes: the time of the first frame in it. `None` where it holds none.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.lock().oldest()
    }

    /// Bytes of memory in use.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Files that could not be written to their end.
    pub(crate) fn failed(&self) -> Vec<Warning> {
        self.lock().failed.clone()
    }

    /// Says that a file could not be written.
    pub(crate) fn fail(&self, warning: Warning) {
        self.lock().failed.push(warning);
    }
}

impl Memory {
    /// The time of the first frame.
    fn oldest(&self) -> Option<Timestamp> {
        self.pieces.iter().flat_map(|piece| &piece.frames.records).find_map(|record| record.time)
    }

    /// Whether frames from this time on have been let go.
    fn is_cut(&self, from: Timestamp) -> bool {
        self.forgotten.is_some_and(|forgotten| forgotten >= from)
    }

    /// Takes a batch in.
    fn take(&mut self, batch: &FrameBatch, interfaces: &[Interface]) {
        if self.interfaces.len() < interfaces.len() {
            self.interfaces = interfaces.to_vec();
            self.windows.iter_mut().for_each(|window| window.learn(interfaces));
        }
        for (frame, record) in batch.iter().zip(&batch.records) {
            self.last = record.time.or(self.last);
            self.now = self.now.max(record.time);
            self.keep(&frame);
            for window in &mut self.windows {
                window.take_or_fail(self.last, &frame);
            }
        }
        self.now = self.now.max(batch.now);
        self.forget_old();
        self.close(false);
    }

    /// Closes the windows that are past, or all of them.
    fn close(&mut self, all: bool) {
        let Self { windows, now, failed, .. } = self;
        windows.retain_mut(|window| {
            let is_over = all || window.has_failed() || window.is_past(*now);
            if is_over {
                failed.extend(window.end());
            }
            !is_over
        });
    }

    fn keep(&mut self, frame: &Frame<'_>) {
        let size = piece_size(self.limits.bytes);
        let needed = frame.data.len() + size_of::<FrameRecord>();
        let last = self.pieces.back().filter(|last| {
            let FrameBatch { bytes, records, .. } = &last.frames;
            let used = bytes.len() + records.len() * size_of::<FrameRecord>();
            used == 0 || used + needed <= size
        });
        if last.is_none() {
            self.begin_piece(frame.number);
        }
        let Some(last) = self.pieces.back_mut() else { return };
        let before = last.bytes();
        // one that is being written is copied; the writer keeps the old
        let last = Arc::make_mut(last);
        last.frames.push(frame);
        last.latest = last.latest.max(frame.time);
        self.bytes = self.bytes + last.bytes() - before;
        while self.bytes > self.limits.bytes && self.pieces.len() > 1 {
            self.forget_oldest();
        }
    }

    /// Begins the next piece, in the memory of one that is let go where there is no room for more.
    fn begin_piece(&mut self, first_number: u64) {
        let size = piece_size(self.limits.bytes) as u64;
        let mut piece = Piece::default();
        if self.bytes + size > self.limits.bytes && self.pieces.len() >= PIECES / 2 {
            piece = self.forget_oldest().and_then(Arc::into_inner).unwrap_or_default();
            piece.frames.clear();
            // one large frame makes no piece large for ever
            if piece.bytes() > 2 * size {
                piece = Piece::default();
            }
        }
        (piece.frames.first_number, piece.begun, piece.latest) = (first_number, self.last, None);
        self.bytes += piece.bytes();
        self.pieces.push_back(Arc::new(piece));
    }

    fn forget_oldest(&mut self) -> Option<Arc<Piece>> {
        let oldest = self.pieces.pop_front()?;
        self.bytes -= oldest.bytes();
        self.forgotten = self.forgotten.max(oldest.latest);
        Some(oldest)
    }

    /// Lets go what is older than is wanted.
    fn forget_old(&mut self) {
        let (Some(now), Some(nanos)) = (self.now, self.limits.nanos) else { return };
        let since = now.as_nanos().saturating_sub(i64::try_from(nanos).unwrap_or(i64::MAX));
        let is_old = |piece: &Arc<Piece>| piece.latest.is_some_and(|latest| latest.as_nanos() < since);
        while self.pieces.len() > 1 && self.pieces.front().is_some_and(is_old) {
            self.forget_oldest();
        }
    }
}

fn piece_size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX).div_euclid(PIECES).clamp(1 << 12, PIECE)
}

impl<S: FrameSource> Remember<S> {
    /// Keeps the last moments of a source.
    #[must_use]
    pub fn new(source: S, limits: BufferLimits) -> Self {
        let memory = Memory {
            limits,
            pieces: VecDeque::new(),
            bytes: 0,
            interfaces: source.interfaces().to_vec(),
            windows: Vec::new(),
            now: None,
            last: None,
            forgotten: None,
            has_ended: false,
            failed: Vec::new(),
        };
        let warnings = source.warnings().to_vec();
        Self { source, moments: Moments(Arc::new(Mutex::new(memory))), warnings }
    }

    /// The memory, for whoever writes from it.
    #[must_use]
    pub fn moments(&self) -> Moments {
        self.moments.clone()
    }

    /// The source's warnings, and what could not be written. To be called again once the last file was begun.
    pub fn gather_warnings(&mut self) {
        self.warnings.clear();
        self.warnings.extend_from_slice(self.source.warnings());
        self.warnings.extend(self.moments.failed());
    }
}

impl<S: FrameSource> SourceLayer for Remember<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        let more = self.source.read_batch(batch);
        let is_over = !matches!(more, Ok(true));
        {
            let mut memory = self.moments.lock();
            memory.take(batch, self.source.interfaces());
            if is_over {
                memory.has_ended = true;
                memory.close(true);
            }
        }
        self.gather_warnings();
        more
    }

    fn all_warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

#[cfg(test)]
pub(crate) mod tests;
