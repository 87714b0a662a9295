//! Which columns there are and how wide: measured from the rows, fitted to the terminal.

use std::io::{self, Write};

use streamlens::model::TrafficType;

use super::rows::{Lead, Row};
use super::{ERROR, FAINT, GOOD, Look, TITLE};
use crate::text::{self, grouped, width};

/// The narrowest that a column of endpoints becomes before rows are broken into two lines.
const LEAST_ENDPOINT: usize = 12;

/// Widths that the rows would like to have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Natural {
    src: usize,
    dst: usize,
    vlan: usize,
    transport: usize,
    cast: usize,
    branch: usize,
    packets: usize,
    bytes: usize,
    compact_bytes: usize,
    lost: usize,
    mean: usize,
    p99: usize,
    jitter: usize,
}

impl Natural {
    /// Takes note of a row.
    pub(super) fn note(&mut self, row: &Row) {
        let grow = |most: &mut usize, wanted: usize| *most = (*most).max(wanted);
        match &row.lead {
            Lead::Flow { src, dst, vlan, transport, cast } => {
                grow(&mut self.src, width(src));
                grow(&mut self.dst, width(dst));
                grow(&mut self.vlan, width(vlan));
                grow(&mut self.transport, width(transport));
                grow(&mut self.cast, width(cast_name(*cast, false)));
            }
            Lead::Branch { stem, name, note, .. } => grow(&mut self.branch, branch_width(stem, name, note)),
        }
        grow(&mut self.packets, row.packets.map_or(0, |count| grouped(count).len()));
        grow(&mut self.bytes, row.bytes.map_or(0, |count| grouped(count).len()));
        grow(&mut self.compact_bytes, row.bytes.map_or(0, |count| text::bytes(count).len()));
        grow(&mut self.lost, row.lost.map_or(0, |count| grouped(count).len()));
        let wide = |text: &Option<String>| text.as_deref().map_or(0, width);
        grow(&mut self.mean, wide(&row.mean));
        grow(&mut self.p99, wide(&row.p99));
        grow(&mut self.jitter, wide(&row.jitter));
    }
}

/// The columns of figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Packets,
    Bytes,
    Lost,
    Mean,
    P99,
    Jitter,
}

impl Figure {
    fn title(self) -> &'static str {
        match self {
            Self::Packets => "#Frames",
            Self::Bytes => "Bytes",
            Self::Lost => "Lost",
            Self::Mean => "\u{394}T",
            Self::P99 => "\u{394}T p99",
            Self::Jitter => "Jitter",
        }
    }
}

/// The columns and their widths.
#[derive(Debug)]
pub(super) struct Layout {
    src: usize,
    dst: usize,
    /// 0 where no flow has a tag.
    vlan: usize,
    transport: usize,
    cast: usize,
    has_short_cast: bool,
    has_compact_bytes: bool,
    figures: Vec<(Figure, usize)>,
    gap: usize,
    look: Look,
}

impl Layout {
    /// The widest layout that fits: what matters least goes first, and in the end endpoints are broken into lines of
    /// their own rather than cut.
    pub(super) fn new(natural: &Natural, look: Look) -> Self {
        let steps: [fn(&mut Self); 6] = [
            |layout| layout.figures.retain(|(figure, _)| *figure != Figure::Jitter),
            |layout| layout.figures.retain(|(figure, _)| *figure != Figure::P99),
            |layout| (layout.has_short_cast, layout.cast) = (true, 5),
            |layout| layout.gap = 1,
            |layout| layout.has_compact_bytes = true,
            |_| (),
        ];
        let mut layout = Self::widest(natural, look);
        let Some(limit) = look.width else { return layout };
        for step in steps {
            if layout.total() <= limit {
                return layout;
            }
            step(&mut layout);
            if layout.has_compact_bytes {
                let bytes = natural.compact_bytes.max(5);
                layout
                    .figures
                    .iter_mut()
                    .filter(|(figure, _)| *figure == Figure::Bytes)
                    .for_each(|(_, width)| *width = bytes);
            }
        }
        // both endpoints share what is left; a short one leaves its room to the other
        let room = limit.saturating_sub(layout.total() - layout.src - layout.dst).max(2 * LEAST_ENDPOINT);
        let half = room / 2;
        let src = if layout.dst < half { layout.src.min(room - layout.dst) } else { layout.src.min(half) };
        (layout.src, layout.dst) = (src, layout.dst.min(room - src));
        layout
    }

    fn widest(natural: &Natural, look: Look) -> Self {
        let figures = [
            (Figure::Packets, natural.packets),
            (Figure::Bytes, natural.bytes),
            (Figure::Lost, natural.lost),
            (Figure::Mean, natural.mean),
            (Figure::P99, natural.p99),
            (Figure::Jitter, natural.jitter),
        ];
        // columns with nothing in them are left out, but for those that everyone looks for
        let figures = figures
            .into_iter()
            .filter(|(figure, wide)| *wide > 0 || matches!(figure, Figure::Packets | Figure::Bytes | Figure::Mean));
        let mut layout = Self {
            src: natural.src.max(width("Src:Port")),
            dst: natural.dst.max(width("Dst:Port")),
            vlan: if natural.vlan == 0 { 0 } else { natural.vlan.max(width("VLAN")) },
            transport: natural.transport.max(width("Proto")),
            cast: natural.cast,
            has_short_cast: false,
            has_compact_bytes: false,
            figures: figures.map(|(figure, wide)| (figure, wide.max(width(figure.title())))).collect(),
            gap: 2,
            look,
        };
        // a long branch has room in front of the figures as well, where there is room at all
        if look.width.is_none_or(|limit| layout.total() + natural.branch.saturating_sub(layout.lead()) <= limit) {
            layout.dst += natural.branch.saturating_sub(layout.lead());
        }
        layout
    }

    /// Columns in front of the figures.
    fn lead(&self) -> usize {
        let vlan = if self.vlan == 0 { 0 } else { self.vlan + self.gap };
        self.src + self.dst + self.transport + self.cast + 3 * self.gap + vlan
    }

    fn total(&self) -> usize {
        self.lead() + self.figures.iter().map(|(_, wide)| self.gap + wide).sum::<usize>()
    }

    pub(super) fn write_titles(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line =
            self.cells(&(padded_right("Src:Port", self.src + self.gap) + "Dst:Port"), "VLAN", "Proto", "Cast");
        for (figure, wide) in &self.figures {
            line.push_str(&padded_left(figure.title(), self.gap + wide));
        }
        writeln!(out, "{}", self.look.paint(TITLE, line.trim_end()))
    }

    pub(super) fn write_row(&self, out: &mut impl Write, row: &Row) -> io::Result<()> {
        let figures = self.figures_of(row);
        let lead = match &row.lead {
            Lead::Flow { src, dst, vlan, transport, cast } => {
                let ends = self.endpoints(out, src, dst)?;
                self.cells(&ends, vlan, transport, cast_name(*cast, self.has_short_cast))
            }
            Lead::Branch { stem, name, style, note } => {
                let painted = format!(
                    "{}{}{}",
                    self.look.paint(FAINT, stem),
                    self.look.paint(*style, name),
                    if note.is_empty() { String::new() } else { self.look.paint(FAINT, &format!(" ({note})")) }
                );
                let free = self.lead().checked_sub(branch_width(stem, name, note));
                match free {
                    _ if figures.is_empty() => painted,
                    Some(free) => painted + &" ".repeat(free),
                    None => {
                        writeln!(out, "{painted}")?;
                        " ".repeat(self.lead())
                    }
                }
            }
        };
        writeln!(out, "{lead}{figures}")
    }

    /// The two columns of endpoints. Where they don't fit side by side, all that has no room is written in lines of
    /// its own, so that no address is ever cut.
    fn endpoints(&self, out: &mut impl Write, src: &str, dst: &str) -> io::Result<String> {
        let both = self.src + self.gap + self.dst;
        if width(src) <= self.src && width(dst) <= self.dst {
            return Ok(padded_right(src, self.src + self.gap) + dst);
        }
        if width(src) + self.gap + width(dst) <= both {
            return Ok(padded_right(src, both - width(dst)) + dst);
        }
        writeln!(out, "{src}")?;
        let dst = format!("-> {dst}");
        if width(&dst) <= both {
            return Ok(dst);
        }
        writeln!(out, "{dst}")?;
        Ok(String::new())
    }

    /// The columns in front of the figures, filled up with spaces.
    fn cells(&self, ends: &str, vlan: &str, transport: &str, cast: &str) -> String {
        let mut line = padded_right(ends, self.src + self.gap + self.dst);
        for (text, wide) in [(vlan, self.vlan), (transport, self.transport), (cast, self.cast)] {
            if wide > 0 {
                line.push_str(&" ".repeat(self.gap));
                line.push_str(&padded_right(text, wide));
            }
        }
        line
    }

    /// The figures, right-aligned; nothing where the row has none.
    fn figures_of(&self, row: &Row) -> String {
        let mut line = String::new();
        for (figure, wide) in &self.figures {
            let (text, style) = match figure {
                Figure::Packets => (row.packets.map(grouped), None),
                Figure::Bytes if self.has_compact_bytes => (row.bytes.map(text::bytes), None),
                Figure::Bytes => (row.bytes.map(grouped), None),
                Figure::Lost => (row.lost.map(grouped), Some(if row.lost == Some(0) { GOOD } else { ERROR })),
                Figure::Mean => (row.mean.clone(), None),
                Figure::P99 => (row.p99.clone(), None),
                Figure::Jitter => (row.jitter.clone(), None),
            };
            let text = padded_left(text.as_deref().unwrap_or_default(), self.gap + wide);
            let trimmed = text.trim_start();
            line.push_str(&text[..text.len() - trimmed.len()]);
            line.push_str(&style.map_or_else(|| trimmed.to_owned(), |style| self.look.paint(style, trimmed)));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn branch_width(stem: &str, name: &str, note: &str) -> usize {
    width(stem) + width(name) + if note.is_empty() { 0 } else { width(note) + 3 }
}

fn padded_right(text: &str, wide: usize) -> String {
    text.to_owned() + &" ".repeat(wide.saturating_sub(width(text)))
}

fn padded_left(text: &str, wide: usize) -> String {
    " ".repeat(wide.saturating_sub(width(text))) + text
}

fn cast_name(cast: TrafficType, is_short: bool) -> &'static str {
    match (cast, is_short) {
        (TrafficType::Unicast, false) => "unicast",
        (TrafficType::Multicast, false) => "multicast",
        (TrafficType::Broadcast, false) => "broadcast",
        (TrafficType::Unicast, true) => "uni",
        (TrafficType::Multicast, true) => "multi",
        (TrafficType::Broadcast, true) => "broad",
    }
}
