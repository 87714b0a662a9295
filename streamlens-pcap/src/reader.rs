//! One capture: opens it, fills batches, and owns what runs across their borders.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use streamlens_model::words::Counted;
use streamlens_model::{Frame, FrameBatch, FrameSource, Interface, Position, SourceError, Warning};

use crate::CaptureError;
use crate::detect::{DETECT_BYTES, compression_of, describe, format_of};
use crate::inflate;
use crate::input::{Growing, Meter, Metered, read_full};
use crate::options::ReaderOptions;
use crate::report::{Place, Report, code};
use crate::walk::{Walk, Walker};

/// Bytes of a batch. Small enough to stay in the cache until it is analysed, large enough to make the cost of a
/// system call per batch vanish. A single larger record makes its batch larger.
const BATCH_BYTES: usize = 1 << 20;
/// A batch that grew beyond this for one large record is cut back when it is used again.
const BATCH_BYTES_KEPT: usize = 4 << 20;
/// How many streams may lie around each other.
const MAX_LAYERS: usize = 3;

/// Reads one capture.
///
/// Damage ends up in [`Self::warnings`], never in an error: every frame before it comes out, in pcapng also every
/// frame behind it.
pub struct CaptureReader {
    input: Box<dyn Read + Send>,
    meter: Arc<Meter>,
    /// The file, where there is one: it tells how much there is to read.
    file: Option<Arc<File>>,
    total_bytes: Option<u64>,
    path: PathBuf,
    name: String,
    format: String,
    walker: Walker,
    report: Report,
    /// Bytes read and not yet taken by the walker; the next batch begins with them.
    tail: Vec<u8>,
    /// Offset of the tail's first byte in the uncompressed capture.
    offset: u64,
    /// Frames handed out.
    frames: u64,
    low_latency: bool,
    follow: bool,
    /// The input gave its last byte.
    ended: bool,
    /// What ended it, where it was not its end.
    fault: Option<io::Error>,
    /// The walker wants no more.
    finished: bool,
    /// Frames for [`Self::next_frame`], and how many of them it handed out.
    pending: FrameBatch,
    pending_taken: usize,
}

impl std::fmt::Debug for CaptureReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureReader")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("offset", &self.offset)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl CaptureReader {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, CaptureError> {
        Self::open_with(path, &ReaderOptions::default())
    }

    /// Opens a file; `-` is standard input. Waits for the first bytes where the file is to be followed.
    ///
    /// # Errors
    ///
    /// Where it can't be opened or read, or is no capture; see [`CaptureError`].
    pub fn open_with(path: impl AsRef<Path>, options: &ReaderOptions) -> Result<Self, CaptureError> {
        let path = path.as_ref();
        if path.as_os_str() == "-" {
            return Self::from_stdin_with(options);
        }
        let file = File::open(path).map_err(|error| CaptureError::opening(path, error))?;
        let metadata = file.metadata().map_err(|error| CaptureError::opening(path, error))?;
        if metadata.is_dir() {
            return Err(CaptureError::IsDirectory { path: path.to_owned() });
        }
        let total = metadata.is_file().then_some(metadata.len());
        let known = file.try_clone().ok().filter(|_| total.is_some()).map(Arc::new);
        let input: Box<dyn Read + Send> = if options.follow {
            Box::new(Growing { file, interval: options.poll_interval, stop: Arc::clone(&options.stop) })
        } else {
            Box::new(file)
        };
        let source = Source { path: path.to_owned(), input, total, file: known, follow: options.follow };
        Self::start(source, options)
    }

    /// Reads standard input.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn from_stdin() -> Result<Self, CaptureError> {
        Self::from_stdin_with(&ReaderOptions::default())
    }

    /// Reads standard input.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn from_stdin_with(options: &ReaderOptions) -> Result<Self, CaptureError> {
        Self::from_reader_with("-", io::stdin(), options)
    }

    /// Reads from anything that gives bytes; `name` stands in messages where a path would.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn from_reader(name: impl Into<PathBuf>, input: impl Read + Send + 'static) -> Result<Self, CaptureError> {
        Self::from_reader_with(name, input, &ReaderOptions::default())
    }

    /// Reads from anything that gives bytes; `name` stands in messages where a path would.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn from_reader_with(
        name: impl Into<PathBuf>,
        input: impl Read + Send + 'static,
        options: &ReaderOptions,
    ) -> Result<Self, CaptureError> {
        let source = Source { path: name.into(), input: Box::new(input), total: None, file: None, follow: false };
        Self::start(source, options)
    }

    /// Reads a capture in memory; `name` stands in messages where a path would.
    ///
    /// # Errors
    ///
    /// See [`Self::open_with`].
    pub fn from_bytes(
        name: impl Into<PathBuf>,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let total = Some(bytes.as_ref().len() as u64);
        let input = Box::new(io::Cursor::new(bytes));
        let source = Source { path: name.into(), input, total, file: None, follow: false };
        Self::start(source, &ReaderOptions::default())
    }

    /// Takes compression off and finds out the format.
    fn start(source: Source, options: &ReaderOptions) -> Result<Self, CaptureError> {
        let Source { path, input, total, file, follow } = source;
        let meter = Arc::new(Meter::default());
        let mut input: Box<dyn Read + Send> = Box::new(Metered::new(input, Arc::clone(&meter)));
        let (mut layers, mut depth) = (String::new(), 0);
        let (start, fault) = loop {
            let mut start = vec![0; DETECT_BYTES];
            let (count, fault) = read_full(&mut *input, &mut start);
            start.truncate(count);
            if let (true, Some(source)) = (meter.has_failed() && count == 0, &fault) {
                let source = io::Error::new(source.kind(), source.to_string());
                return Err(CaptureError::opening(&path, source));
            }
            let Some(compression) = compression_of(&start).filter(|_| depth < MAX_LAYERS) else {
                break (start, fault);
            };
            depth += 1;
            layers.insert_str(0, &format!(" in {}", compression.name()));
            let behind = Box::new(io::Cursor::new(start).chain(input));
            input = inflate::open(compression, behind).ok_or_else(|| CaptureError::CompressionLeftOut {
                path: path.clone(),
                compression: compression.name(),
            })?;
        };
        let Some(format) = format_of(&start) else {
            if let Some(fault) = fault {
                return Err(CaptureError::BrokenCompression { path, what: fault.to_string() });
            }
            let (what, remedy) = describe(&start);
            return Err(CaptureError::NotACapture { path, what, remedy: remedy.to_owned() });
        };
        Ok(Self {
            input,
            meter,
            file,
            total_bytes: total,
            name: path.display().to_string(),
            format: format!("{}{layers}", format.name()),
            walker: Walker::new(format),
            report: Report::new(Some(path.clone())),
            path,
            ended: fault.is_some(),
            fault,
            tail: start,
            offset: 0,
            frames: 0,
            low_latency: options.low_latency || follow,
            follow,
            finished: false,
            pending: FrameBatch::default(),
            pending_taken: 0,
        })
    }

    /// Replaces what is in the batch by the next frames; false, and no frame, when no more will come. See
    /// [`FrameSource::read_batch`].
    ///
    /// # Errors
    ///
    /// [`CaptureError::Read`] where the system fails; once, after all frames read before.
    pub fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, CaptureError> {
        if self.pending_taken < self.pending.len() {
            // Frames that were read for `next_frame` and not asked for come first.
            self.pending.records.drain(..self.pending_taken);
            self.pending.first_number += self.pending_taken as u64;
            self.pending_taken = 0;
            std::mem::swap(batch, &mut self.pending);
            self.pending.records.clear();
            return Ok(true);
        }
        batch.records.clear();
        batch.now = None;
        batch.first_number = self.frames + 1;
        if self.finished {
            return self.tell_failure().map(|()| false);
        }
        // The bytes keep their length from one use to the next, so that they are cleared to zero only once.
        // How much of them is used depends on nothing but the capture, or batches would.
        let mut limit = (2 * self.tail.len()).max(BATCH_BYTES);
        if batch.bytes.len() < limit || batch.bytes.len() > limit.max(BATCH_BYTES_KEPT) {
            batch.bytes.resize(limit, 0);
            batch.bytes.shrink_to(limit);
        }
        let mut filled = self.tail.len();
        if let Some(start) = batch.bytes.get_mut(..filled) {
            start.copy_from_slice(&self.tail);
        }
        self.tail.clear();
        loop {
            self.fill(batch.bytes.get_mut(..limit).unwrap_or_default(), &mut filled);
            let data = batch.bytes.get(..filled).unwrap_or_default();
            let stopped_by_user = self.follow && self.fault.is_none();
            let mut walk = Walk {
                records: &mut batch.records,
                report: &mut self.report,
                base: self.offset,
                frames_before: self.frames,
                at_end: self.ended,
                reports_truncation: self.fault.is_none() && !stopped_by_user,
                finished: false,
                start: 0,
                joined: None,
            };
            let taken = self.walker.walk(data, &mut walk);
            self.finished = walk.finished || self.ended;
            self.offset += taken as u64;
            if self.finished {
                self.frames += batch.records.len() as u64;
                self.warn_of_fault();
                break;
            }
            if !batch.records.is_empty() {
                self.frames += batch.records.len() as u64;
                self.tail.extend_from_slice(data.get(taken..).unwrap_or_default());
                break;
            }
            batch.bytes.copy_within(taken..filled, 0);
            filled -= taken;
            if filled == limit {
                // One record is larger than the buffer. It grows with the bytes that are there, not with what a
                // length field promises.
                limit *= 2;
                batch.bytes.resize(limit.max(batch.bytes.len()), 0);
            }
        }
        if batch.is_empty() {
            return self.tell_failure().map(|()| false);
        }
        Ok(true)
    }

    /// The next frame; `None` when no more will come. Slower than batches by a few nanoseconds per frame.
    ///
    /// # Errors
    ///
    /// As for [`Self::read_batch`].
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if self.pending_taken >= self.pending.len() {
            let mut batch = std::mem::take(&mut self.pending);
            self.pending_taken = 0;
            let result = self.read_batch(&mut batch);
            self.pending = batch;
            if !result? {
                return Ok(None);
            }
        }
        self.pending_taken += 1;
        Ok(self.pending.frame(self.pending_taken - 1))
    }

    /// The interfaces met so far, numbered over all sections. See [`FrameSource::interfaces`].
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        self.walker.interfaces()
    }

    /// The format in words: `pcap`, `pcap (nanoseconds)`, `pcapng in gzip`, ...
    #[must_use]
    pub fn format(&self) -> &str {
        &self.format
    }

    /// What has been found wrong so far.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        self.report.warnings()
    }

    /// How far the source has been read.
    #[must_use]
    pub fn position(&self) -> Position {
        let read_bytes = self.meter.read_bytes();
        // A file that is being written has grown since it was opened.
        let grown = self.file.as_ref().filter(|_| self.follow).and_then(|file| file.metadata().ok());
        let total_bytes = grown.map(|metadata| metadata.len()).or(self.total_bytes);
        Position { read_bytes, total_bytes: total_bytes.map(|total| total.max(read_bytes)) }
    }

    /// The path as given; `-` for standard input.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads until the buffer is full, so that batches do not depend on how a source hands out its bytes; with low
    /// latency, reads once.
    fn fill(&mut self, buffer: &mut [u8], filled: &mut usize) {
        while !self.ended {
            let Some(free) = buffer.get_mut(*filled..).filter(|free| !free.is_empty()) else { return };
            match self.input.read(free) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    *filled += count.min(free.len());
                    if self.low_latency {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.fault = Some(error);
                }
            }
        }
    }

    /// Warns of what ended the input, where it was not its end.
    fn warn_of_fault(&mut self) {
        let Some(fault) = &self.fault else { return };
        let place = Place { byte: self.offset, frames: self.frames };
        let Place { byte, frames } = place;
        let (code, what) = match fault.kind() {
            _ if self.meter.has_failed() => (code::UNREADABLE, "the system failed to read on"),
            io::ErrorKind::UnexpectedEof => (code::TRUNCATED, "was it cut while copied?"),
            _ => (code::DAMAGED, "what follows is lost"),
        };
        self.report.incomplete(
            code,
            place,
            format_args!(
                "{fault}, after {} and {} of the capture in it; {what}",
                Counted(frames, "frame"),
                Counted(byte, "byte")
            ),
        );
    }

    /// The failure of the system to read on, once.
    fn tell_failure(&mut self) -> Result<(), CaptureError> {
        match self.fault.take() {
            Some(source) if self.meter.has_failed() => {
                Err(CaptureError::Read { path: self.path.clone(), byte: self.offset, source })
            }
            _ => Ok(()),
        }
    }
}

impl FrameSource for CaptureReader {
    fn read_batch(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        Ok(self.read_batch(batch)?)
    }

    fn interfaces(&self) -> &[Interface] {
        self.interfaces()
    }

    fn warnings(&self) -> &[Warning] {
        self.warnings()
    }

    fn position(&self) -> Position {
        self.position()
    }

    fn format(&self) -> &str {
        self.format()
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// An opened source whose format is not yet known.
struct Source {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    total: Option<u64>,
    file: Option<Arc<File>>,
    follow: bool,
}
