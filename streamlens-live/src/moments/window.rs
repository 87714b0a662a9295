//! A span of time that is written to a file while it passes.

use std::io::{self, BufWriter, Write};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use streamlens_model::{Frame, Interface, Timestamp, Warning};
use streamlens_pcap::PcapngWriter;

use super::LATE_NS;

pub(super) struct Window {
    span: RangeInclusive<Timestamp>,
    path: PathBuf,
    out: PcapngWriter<BufWriter<Box<dyn Write + Send>>>,
    frames: u64,
    failed: Option<io::Error>,
}

impl Window {
    pub(super) fn new(
        span: RangeInclusive<Timestamp>,
        path: PathBuf,
        out: Box<dyn Write + Send>,
        interfaces: &[Interface],
    ) -> io::Result<Self> {
        let out = PcapngWriter::new(BufWriter::with_capacity(1 << 16, out), interfaces)?;
        Ok(Self { span, path, out, frames: 0, failed: None })
    }

    /// Writes a frame that is within the span.
    pub(super) fn take(&mut self, time: Option<Timestamp>, frame: &Frame<'_>) -> io::Result<()> {
        if time.is_some_and(|time| self.span.contains(&time)) {
            self.out.frame(frame)?;
            self.frames += 1;
        }
        Ok(())
    }

    /// As [`Self::take`]; what fails is kept for [`Self::end`].
    pub(super) fn take_or_fail(&mut self, time: Option<Timestamp>, frame: &Frame<'_>) {
        if self.failed.is_none() {
            self.failed = self.take(time, frame).err();
        }
    }

    /// Describes interfaces that are new.
    pub(super) fn learn(&mut self, interfaces: &[Interface]) {
        for interface in interfaces.iter().skip(self.out.interfaces() as usize) {
            if self.failed.is_none() {
                self.failed = self.out.interface(interface).err();
            }
        }
    }

    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether no more frames of the span are to be expected.
    pub(super) fn is_past(&self, now: Option<Timestamp>) -> bool {
        let end = self.span.end().as_nanos().saturating_add(LATE_NS);
        now.is_some_and(|now| now.as_nanos() > end)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Lets out what is kept back. Gives a warning where not all could be written.
    pub(super) fn end(&mut self) -> Option<Warning> {
        let error = self.failed.take().or_else(|| self.out.flush().err())?;
        Some(not_written(self.path.clone(), &error))
    }
}

/// What there is to say of a file that could not be written to its end.
pub(crate) fn not_written(path: PathBuf, error: &io::Error) -> Warning {
    Warning {
        code: "capture.not-written".into(),
        path: Some(path),
        byte: None,
        after_frame: None,
        text: format!("{error}; nothing more is written to it, and the capture goes on"),
        incomplete: true,
    }
}
