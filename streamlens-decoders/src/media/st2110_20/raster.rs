//! The picture behind the rows: height, width and the samplings that fit.

use super::super::unit::gcd;
use super::rows::{Row, Rows};

/// A sampling and depth: its pixel group takes so many bytes for so many pixels of one row header's line
/// (RFC 4175 §4.3, ST 2110-20 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    pub(crate) name: &'static str,
    group_bytes: u32,
    group_pixels: u32,
    /// Lines of the picture that one row header stands for: 2 in 4:2:0.
    lines: u32,
}

const fn sampling(name: &'static str, group_bytes: u32, group_pixels: u32, lines: u32) -> Sampling {
    Sampling { name, group_bytes, group_pixels, lines }
}

/// In order of how common they are: the first that fits is assumed.
const SAMPLINGS: [Sampling; 13] = [
    sampling("4:2:2 10 bit", 5, 2, 1),
    sampling("4:2:2 8 bit", 4, 2, 1),
    sampling("4:2:2 12 bit", 6, 2, 1),
    sampling("4:4:4 8 bit", 3, 1, 1),
    sampling("4:4:4 10 bit", 15, 4, 1),
    sampling("4:4:4 12 bit", 9, 2, 1),
    sampling("4:2:2 16 bit", 8, 2, 1),
    sampling("4:4:4 16 bit", 6, 1, 1),
    sampling("4:2:0 8 bit", 6, 2, 2),
    sampling("4:2:0 10 bit", 15, 4, 2),
    sampling("4:2:0 12 bit", 9, 2, 2),
    sampling("4:1:1 8 bit", 6, 4, 1),
    sampling("RGBA 8 bit", 4, 1, 1),
];

/// Widths of television, to choose among samplings where no row is cut.
const WIDTHS: [u32; 9] = [720, 1280, 1440, 1920, 2048, 3840, 4096, 7680, 8192];

/// What the rows say of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_interlaced: bool,
    /// Both values of F under one timestamp.
    pub(crate) is_segmented: bool,
    /// Lines are numbered through the frame although F is used.
    pub(crate) is_numbered_by_frame: bool,
    pub(crate) samplings: Vec<Sampling>,
    pub(crate) evidence: &'static str,
}

/// Collects the extent of the rows.
#[derive(Debug, Default)]
pub(crate) struct Raster {
    max_line: [Option<u16>; 2],
    /// Lines seen that are even, and odd, by field.
    parity: [[bool; 2]; 2],
    /// Rows by their end: the largest offset with the length of its segment.
    last_segment: Option<(u16, u16)>,
    /// The longest row that begins at pixel 0.
    first_segment: u16,
    lengths_gcd: u32,
    /// Of the last row, which most often has the length of the one before.
    last_length: u16,
    last: Option<Row>,
    /// Bytes and pixels between the beginnings of two segments of one row, and how many agree and differ.
    ratio: Option<(u32, u32)>,
    agreeing: u64,
    differing: u64,
    fields_of_unit: [bool; 2],
    segmented_units: u64,
}

impl Raster {
    /// `is_new_time`: whether the timestamp is another than that of the unit before; the segments of a `PsF` share one.
    pub(crate) fn start_unit(&mut self, is_new_time: bool) {
        self.last = None;
        if is_new_time {
            self.segmented_units += u64::from(self.fields_of_unit == [true, true]);
            self.fields_of_unit = [false; 2];
        }
    }

    /// `consecutive`: whether the packet follows on the one before.
    pub(crate) fn observe(&mut self, rows: &Rows<'_>, consecutive: bool) {
        if !consecutive {
            self.last = None;
        }
        for header in rows.iter() {
            self.row(header);
        }
    }

    /// Not inlined: in the loop, all it needs would be loaded for the one or two rows that a packet has.
    #[inline(never)]
    fn row(&mut self, header: &[u8; 6]) {
        let row = Row::read(header);
        if row.length == 0 {
            return;
        }
        let field = usize::from(row.field & 1);
        if let (Some(max), Some(parity)) = (self.max_line.get_mut(field), self.parity.get_mut(field)) {
            *max = (*max).max(Some(row.line));
            if let Some(seen) = parity.get_mut(usize::from(row.line & 1)) {
                *seen = true;
            }
        }
        if let Some(seen) = self.fields_of_unit.get_mut(field) {
            *seen = true;
        }
        if row.offset == 0 {
            self.first_segment = self.first_segment.max(row.length);
        } else if self.last_segment.is_none_or(|(offset, _)| row.offset >= offset) {
            self.last_segment = Some((row.offset, row.length));
        }
        if row.length != self.last_length {
            self.last_length = row.length;
            self.lengths_gcd = gcd(self.lengths_gcd.into(), row.length.into()) as u32;
        }
        if let Some(last) = self.last
            && last.line == row.line
            && last.field == row.field
            && row.offset > last.offset
        {
            self.ratio(u32::from(last.length), u32::from(row.offset - last.offset));
        }
        self.last = Some(row);
    }

    fn ratio(&mut self, bytes: u32, pixels: u32) {
        match self.ratio {
            None => {
                let common = gcd(u64::from(bytes), u64::from(pixels)).max(1) as u32;
                self.ratio = Some((bytes / common, pixels / common));
                self.agreeing = 1;
            }
            Some((b, p)) if bytes * p == pixels * b => self.agreeing += 1,
            Some(_) => self.differing += 1,
        }
    }

    /// Whether the rows make no picture: fewer than two lines, or segments of one row that contradict each other.
    pub(crate) fn is_flat(&self) -> bool {
        self.max_line.iter().flatten().max().is_none_or(|&line| line == 0) || self.differing > self.agreeing / 10
    }

    /// The highest line of a field.
    pub(crate) fn max_line(&self, field: usize) -> Option<u16> {
        self.max_line.get(field).copied().flatten()
    }

    pub(crate) fn picture(&self) -> Picture {
        let fits: Vec<Sampling> = SAMPLINGS.into_iter().filter(|sampling| self.fits(sampling)).collect();
        let (samplings, evidence) = if self.ratio.is_some() {
            (fits, "bytes and pixels between the segments of cut rows")
        } else {
            // No row is cut: of the samplings whose pixel group divides the rows, those that make a common width.
            let common: Vec<Sampling> =
                fits.iter().copied().filter(|sampling| WIDTHS.contains(&self.width(sampling))).collect();
            if common.is_empty() { (fits, "row lengths") } else { (common, "row lengths, and widths of television") }
        };
        let assumed = samplings.first();
        let is_segmented = self.segmented_units > 0;
        let both = self.max_line(0).is_some() && self.max_line(1).is_some();
        let is_numbered_by_frame = both && self.parity == [[true, false], [false, true]];
        let lines = self.max_line.iter().flatten().max().map_or(0, |&line| u32::from(line) + 1);
        let lines = if self.max_line(1).is_some() && !is_numbered_by_frame { lines * 2 } else { lines };
        Picture {
            width: assumed.map_or(0, |sampling| self.width(sampling)),
            height: lines * assumed.map_or(1, |sampling| sampling.lines),
            is_interlaced: self.max_line(1).is_some() && !is_segmented,
            is_segmented,
            is_numbered_by_frame,
            samplings,
            evidence,
        }
    }

    /// Whether a sampling of this name is among those that are tried.
    pub(super) fn knows(name: &str) -> bool {
        SAMPLINGS.iter().any(|sampling| sampling.name == name)
    }

    /// Width and height of the picture if it has the sampling of this name, where its rows allow that.
    pub(super) fn size_as(&self, picture: &Picture, name: Option<&str>) -> (u32, u32) {
        let Some(assumed) = picture.samplings.first() else { return (picture.width, picture.height) };
        let chosen = picture.samplings.iter().find(|sampling| Some(sampling.name) == name).unwrap_or(assumed);
        (self.width(chosen), picture.height / assumed.lines * chosen.lines)
    }

    fn fits(&self, sampling: &Sampling) -> bool {
        let by_ratio =
            self.ratio.is_none_or(|(bytes, pixels)| bytes * sampling.group_pixels == pixels * sampling.group_bytes);
        let progressive = sampling.lines == 1 || self.max_line(1).is_none();
        by_ratio && progressive && self.lengths_gcd.is_multiple_of(sampling.group_bytes)
    }

    fn width(&self, sampling: &Sampling) -> u32 {
        let pixels = |bytes: u16| u32::from(bytes) / sampling.group_bytes.max(1) * sampling.group_pixels;
        let cut = self.last_segment.map_or(0, |(offset, length)| u32::from(offset) + pixels(length));
        cut.max(pixels(self.first_segment))
    }
}
