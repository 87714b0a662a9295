//! Writes what passes to pcapng files, and ends a capture when it has had enough.

mod files;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer, Timestamp, Warning};

use self::files::Files;
pub use self::files::{OnFile, RecordError, Ring, Target};
use crate::clock;
use crate::written_file::is_lost;

/// How often what was written is let out, with the counters of the interfaces.
const FLUSH: Duration = Duration::from_secs(1);

/// A ring of files is given up when so many of them were lost.
const MOST_FAILED: usize = 100;

/// When a capture has had enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Number of frames.
    pub frames: Option<u64>,
    /// Real time since the beginning.
    pub duration: Option<Duration>,
    /// Bytes written; frames captured, where nothing is written.
    pub bytes: Option<u64>,
}

/// A source whose frames are written as they pass.
pub struct Recorder<S> {
    source: S,
    files: Option<Files>,
    limits: Limits,
    stop: Arc<AtomicBool>,
    begun: Instant,
    next_flush: Instant,
    frames: u64,
    bytes: u64,
    /// The latest time of a frame, or that the source has told.
    now: Option<Timestamp>,
    has_enough: bool,
    is_over: bool,
    warnings: Vec<Warning>,
    failed: Vec<Warning>,
}

impl<S: FrameSource> Recorder<S> {
    /// Records a source. `stop` is what ends the source: the recorder sets it when a limit is reached.
    ///
    /// # Errors
    ///
    /// Where a file can't be made.
    pub fn new(source: S, target: Option<Target>, limits: Limits, stop: Arc<AtomicBool>) -> Result<Self, RecordError> {
        let files = target.map(|target| Files::create(target, source.interfaces())).transpose()?;
        let begun = clock::instant();
        let mut recorder = Self {
            source,
            files,
            limits,
            stop,
            begun,
            next_flush: begun + FLUSH,
            frames: 0,
            bytes: 0,
            now: None,
            has_enough: false,
            is_over: false,
            warnings: Vec::new(),
            failed: Vec::new(),
        };
        recorder.gather_warnings();
        Ok(recorder)
    }

    /// Frames so far.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }

    fn gather_warnings(&mut self) {
        self.warnings.clear();
        self.warnings.extend_from_slice(self.source.warnings());
        self.warnings.extend_from_slice(&self.failed);
    }

    /// Runs something that writes. Where it fails, nothing more is written, and the capture goes on.
    fn write(&mut self, write: impl FnOnce(&mut Files, &S) -> std::io::Result<()>) {
        let Some(files) = &mut self.files else { return };
        if let Err(error) = write(files, &self.source) {
            let path = files.path().to_owned();
            // of a ring only the file is lost
            let goes_on = is_lost(&error) && files.turn(self.source.interfaces(), clock::now()).is_ok();
            let next = match goes_on {
                true => "the next file of the ring goes on",
                false => "nothing more is written to it, and the capture goes on",
            };
            let text = format!("{error}; {next}");
            self.failed.push(Warning {
                code: "capture.not-written".into(),
                path: Some(path),
                byte: None,
                after_frame: Some(self.frames),
                text,
                incomplete: true,
            });
            if !goes_on || self.failed.len() >= MOST_FAILED {
                self.files = None;
            }
        }
    }

    /// Cuts a batch off where the frames or bytes asked for are reached.
    fn cut(&mut self, batch: &mut FrameBatch) {
        if let Some(most) = self.limits.frames {
            let left = most.saturating_sub(self.frames);
            batch.records.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            self.has_enough |= batch.len() as u64 >= left;
        }
        if let Some(most) = self.limits.bytes {
            // block headers of pcapng are some 36 bytes a frame
            let mut sum = self.bytes;
            let fitting = batch.records.iter().take_while(|record| {
                let is_open = sum < most;
                sum += u64::from(record.captured_length) + 36;
                is_open
            });
            let fitting = fitting.count();
            batch.records.truncate(fitting);
            self.has_enough |= sum >= most;
        }
        self.bytes += batch.records.iter().map(|record| u64::from(record.captured_length) + 36).sum::<u64>();
        self.frames += batch.len() as u64;
    }

    /// Lets the source count to its end, and closes the files.
    fn finish(&mut self) {
        self.is_over = true;
        let now = self.now.unwrap_or_else(clock::now);
        self.write(|files, source| files.flush(source.interfaces(), now));
        self.files = None;
        self.gather_warnings();
    }
}

impl<S: FrameSource> SourceLayer for Recorder<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        if self.is_over {
            batch.clear();
            return Ok(false);
        }
        let now = clock::instant();
        if self.limits.duration.is_some_and(|most| now.duration_since(self.begun) >= most) {
            self.stop.store(true, Ordering::Relaxed);
        }
        if self.has_enough {
            self.stop.store(true, Ordering::Relaxed);
            // what comes beyond the limit is not wanted; the counters at the end are
            while self.source.read_batch(batch)? {}
            batch.clear();
            self.finish();
            return Ok(false);
        }
        if !self.source.read_batch(batch)? {
            self.finish();
            return Ok(false);
        }
        self.cut(batch);
        let last = batch.records.last().and_then(|record| record.time);
        self.now = self.now.max(last).max(batch.now);
        self.write(|files, source| files.frames(batch, source.interfaces()));
        if now >= self.next_flush {
            self.next_flush = now + FLUSH;
            let time = self.now.unwrap_or_else(clock::now);
            self.write(|files, source| files.flush(source.interfaces(), time));
        }
        self.gather_warnings();
        Ok(true)
    }

    fn all_warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
