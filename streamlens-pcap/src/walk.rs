//! What a walker over records is given: where the frames go, and what is known around the buffer.

use std::fmt;

use streamlens_model::words::{Grouped, counted};
use streamlens_model::{FrameRecord, Interface};

use crate::chapter10::Chapter10;
use crate::detect::Format;
use crate::erf::Erf;
use crate::legacy::Legacy;
use crate::pcapng::PcapNg;
use crate::report::{Place, Report, code};
use crate::snoop::Snoop;

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
    /// Whether a truncated end is reported here: not where the error of a compressed stream does, nor where the user stops.
    pub(crate) reports_truncation: bool,
    /// Set by a walker that will not read on.
    pub(crate) finished: bool,
    /// Bytes of the buffer in front of those that the walker is given.
    pub(crate) start: usize,
    /// Set by a walker that stands at the header of a further file, and wants no more itself.
    pub(crate) joined: Option<Format>,
}

impl Walk<'_> {
    /// The place of a byte of the buffer, for a warning.
    pub(crate) fn place(&self, position: usize) -> Place {
        Place {
            byte: self.base + (self.start + position) as u64,
            frames: self.frames_before + self.records.len() as u64,
        }
    }

    /// Warns that the capture ends inside something that begins at `position`.
    #[cold]
    pub(crate) fn ended_inside(&mut self, position: usize, what: fmt::Arguments<'_>) {
        if self.reports_truncation {
            let place = self.place(position);
            self.report.incomplete(
                code::TRUNCATED,
                place,
                format_args!(
                    "the capture ends early, after {}, at byte {}: {what}; was it cut while copied, or is it \
                     still being written?",
                    counted(place.frames, "frame"),
                    Grouped(place.byte)
                ),
            );
        }
    }

    /// Ends the capture at `position`, where a record (or its header, as `what` says) can't be, in a format by which no further
    /// record can be found.
    #[cold]
    pub(crate) fn lost_track(&mut self, position: usize, (what, format): (&str, &str), why: fmt::Arguments<'_>) {
        let place = self.place(position);
        self.report.incomplete(
            code::DAMAGED,
            place,
            format_args!(
                "the {what} at byte {} {why}, which can't be; the {format} format has no marks to find the next record by, so \
                 that what follows is not read",
                Grouped(place.byte)
            ),
        );
        self.finished = true;
    }
}

/// The walker of a format.
#[derive(Debug)]
pub(crate) enum Walker {
    Legacy(Legacy),
    PcapNg(PcapNg),
    Chapter10(Box<Chapter10>),
    Snoop(Snoop),
    Erf(Erf),
}

impl Walker {
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Pcap(variant) => Self::Legacy(Legacy::new(variant)),
            Format::PcapNg => Self::PcapNg(PcapNg::default()),
            Format::Chapter10 => Self::Chapter10(Box::default()),
            Format::Snoop => Self::Snoop(Snoop::default()),
            Format::Erf => Self::Erf(Erf::default()),
        }
    }

    /// Takes whole records off the front of the buffer; returns how many bytes it took. Files that were joined are read
    /// one after the other.
    pub(crate) fn walk(&mut self, data: &[u8], out: &mut Walk<'_>) -> usize {
        let mut taken = 0;
        loop {
            out.start = taken;
            let rest = data.get(taken..).unwrap_or_default();
            taken += match self {
                Self::Legacy(legacy) => legacy.walk(rest, out),
                Self::PcapNg(pcapng) => pcapng.walk(rest, out),
                Self::Chapter10(chapter10) => chapter10.walk(rest, out),
                Self::Snoop(snoop) => snoop.walk(rest, out),
                Self::Erf(erf) => erf.walk(rest, out),
            };
            let Some(format) = out.joined.take() else { return taken };
            out.start = taken;
            self.go_on_as(format, out);
        }
    }

    #[cold]
    fn go_on_as(&mut self, format: Format, out: &mut Walk<'_>) {
        let place = out.place(0);
        out.report.note(
            code::JOINED,
            place,
            format_args!(
                "the header of a further file ({}) stands at byte {}, after frame {}: what follows is read by it, as \
                 files that were joined",
                format.name(),
                Grouped(place.byte),
                Grouped(place.frames)
            ),
        );
        let interfaces = self.interfaces().to_vec();
        *self = match format {
            Format::Pcap(variant) => Self::Legacy(Legacy::behind(variant, interfaces)),
            Format::PcapNg => Self::PcapNg(PcapNg::behind(interfaces)),
            Format::Chapter10 | Format::Snoop | Format::Erf => return,
        };
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Legacy(legacy) => legacy.interfaces(),
            Self::PcapNg(pcapng) => pcapng.interfaces(),
            Self::Chapter10(chapter10) => chapter10.interfaces(),
            Self::Snoop(snoop) => snoop.interfaces(),
            Self::Erf(erf) => erf.interfaces(),
        }
    }
}
