//! What a walker over records is given: where the frames go, and what is known around the buffer.

use std::fmt;

use streamlens_model::{FrameRecord, Interface};

use crate::chapter10::Chapter10;
use crate::detect::Format;
use crate::legacy::Legacy;
use crate::pcapng::PcapNg;
use crate::report::{Place, Report, code};

/// The longest frame that is believed. Well above what capturing tools allow, so that super-frames of offloading
/// network cards and USB transfers fit.
pub(crate) const MAX_FRAME: u32 = 64 << 20;

/// The output of a walk over one buffer.
pub(crate) struct Walk<'a> {
    /// Where frames go; their offsets are from the start of the buffer.
    pub(crate) records: &'a mut Vec<FrameRecord>,
    pub(crate) report: &'a mut Report,
    /// Offset of the buffer's first byte in the uncompressed capture.
    pub(crate) base: u64,
    /// Frames of this capture in earlier batches.
    pub(crate) frames_before: u64,
    /// No byte comes after those in the buffer.
    pub(crate) at_end: bool,
    /// Whether being cut is news: it is not where a broken compressed stream tells it, nor where the user stops.
    pub(crate) end_is_news: bool,
    /// Set by a walker that will not read on.
    pub(crate) finished: bool,
}

impl Walk<'_> {
    /// The place of a byte of the buffer, for a warning.
    pub(crate) fn place(&self, position: usize) -> Place {
        Place { byte: self.base + position as u64, frames: self.frames_before + self.records.len() as u64 }
    }

    /// Warns that the capture ends inside something that begins at `position`.
    #[cold]
    pub(crate) fn ended_inside(&mut self, position: usize, what: fmt::Arguments<'_>) {
        if self.end_is_news {
            let place = self.place(position);
            self.report.incomplete(
                code::TRUNCATED,
                place,
                format_args!(
                    "the capture ends early, after {} frames, at byte {}: {what}; was it cut while copied, or is it \
                     still being written?",
                    place.frames, place.byte
                ),
            );
        }
    }
}

/// The walker of a format.
#[derive(Debug)]
pub(crate) enum Walker {
    Legacy(Legacy),
    PcapNg(PcapNg),
    Chapter10(Chapter10),
}

impl Walker {
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Pcap(variant) => Self::Legacy(Legacy::new(variant)),
            Format::PcapNg => Self::PcapNg(PcapNg::default()),
            Format::Chapter10 => Self::Chapter10(Chapter10::default()),
        }
    }

    /// Takes whole records off the front of the buffer; returns how many bytes it took.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        match self {
            Self::Legacy(legacy) => legacy.walk(data, out),
            Self::PcapNg(pcapng) => pcapng.walk(data, out),
            Self::Chapter10(chapter10) => chapter10.walk(data, out),
        }
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Legacy(legacy) => legacy.interfaces(),
            Self::PcapNg(pcapng) => pcapng.interfaces(),
            Self::Chapter10(chapter10) => chapter10.interfaces(),
        }
    }
}
