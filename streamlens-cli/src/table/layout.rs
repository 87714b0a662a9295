//! Which columns there are and how wide: measured from the rows, fitted to the terminal.

use std::io::{self, Write};

use streamlens::model::TrafficType;

use super::figures::{Figures, Matters};
use super::rows::{Lead, Row};
use super::{ERROR, FAINT, GOOD, Look, TITLE};
use crate::text::{self, width};

/// The narrowest that a column of endpoints becomes before rows are broken into two lines.
const LEAST_ENDPOINT: usize = 12;

/// Widths that the rows would like to have.
#[derive(Clone, Debug, Default)]
pub(super) struct Natural {
    src: usize,
    dst: usize,
    vlan: usize,
    transport: usize,
    cast: usize,
    branch: usize,
    compact_bytes: usize,
    /// Of the columns of figures, in their order.
    figures: Vec<usize>,
}

impl Natural {
    /// Records a row.
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
        grow(&mut self.compact_bytes, row.bytes.map_or(0, |count| text::bytes(count).len()));
        self.figures.resize(self.figures.len().max(row.figures.len()), 0);
        for (most, figure) in self.figures.iter_mut().zip(&row.figures) {
            grow(most, figure.as_deref().map_or(0, width));
        }
    }
}

/// A column of figures: its place in the rows, and how it is shown.
#[derive(Clone, Debug)]
struct Shown {
    place: usize,
    title: String,
    width: usize,
    matters: Matters,
    is_bytes: bool,
    is_lost: bool,
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
    figures: Vec<Shown>,
    gap: usize,
    look: Look,
}

impl Layout {
    /// The widest layout that fits, with further columns where there is room: words and gaps become short before a column goes,
    /// of columns that goes first which matters least, and in the end endpoints are broken into lines of their own rather than cut.
    pub(super) fn new(natural: &Natural, figures: &Figures, look: Look) -> Self {
        let steps: [fn(&mut Self); 6] = [
            |layout| (layout.has_short_cast, layout.cast) = (true, 5),
            |layout| layout.has_compact_bytes = true,
            |layout| layout.gap = 1,
            |layout| layout.figures.retain(|figure| figure.matters != Matters::UntilStep(1)),
            |layout| layout.figures.retain(|figure| figure.matters != Matters::UntilStep(2)),
            |_| (),
        ];
        let widest = |most| Self::widest(natural, figures, most, look);
        let Some(limit) = look.width else { return widest(0) };
        if let Some(layout) =
            [2, 1].into_iter().map(widest).find(|layout| layout.total() <= limit && natural.branch <= layout.lead())
        {
            return layout;
        }
        let mut layout = widest(0);
        for step in steps {
            if layout.total() <= limit {
                return layout;
            }
            step(&mut layout);
            if layout.has_compact_bytes {
                let bytes = natural.compact_bytes.max(5);
                layout.figures.iter_mut().filter(|figure| figure.is_bytes).for_each(|figure| figure.width = bytes);
            }
        }
        // both endpoints share what is left; a short one leaves its room to the other
        let room = limit.saturating_sub(layout.total() - layout.src - layout.dst).max(2 * LEAST_ENDPOINT);
        let half = room / 2;
        let src = if layout.dst < half { layout.src.min(room - layout.dst) } else { layout.src.min(half) };
        (layout.src, layout.dst) = (src, layout.dst.min(room - src));
        layout
    }

    /// With so many of the columns that are there only where there is room.
    fn widest(natural: &Natural, figures: &Figures, most: usize, look: Look) -> Self {
        let has_room = |matters| !matches!(matters, Matters::WhereRoom(place) if place > most);
        let shown = figures.0.iter().enumerate().filter(|(_, figure)| has_room(figure.matters));
        let shown = shown.map(|(place, figure)| {
            let wide = natural.figures.get(place).copied().unwrap_or(0);
            let shown = Shown {
                place,
                title: figure.title.clone(),
                width: wide.max(width(&figure.title)),
                matters: figure.matters,
                is_bytes: figure.field.name() == "bytes",
                is_lost: figure.field.name() == "lost",
            };
            (wide > 0 || figure.is_kept_empty).then_some(shown)
        });
        let mut layout = Self {
            src: natural.src.max(width("Src:Port")),
            dst: natural.dst.max(width("Dst:Port")),
            vlan: if natural.vlan == 0 { 0 } else { natural.vlan.max(width("VLAN")) },
            transport: natural.transport.max(width("Proto")),
            cast: natural.cast,
            has_short_cast: false,
            has_compact_bytes: false,
            // columns with nothing in them are left out, but for those that everyone looks for
            figures: shown.flatten().collect(),
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
        self.lead() + self.figures.iter().map(|figure| self.gap + figure.width).sum::<usize>()
    }

    pub(super) fn write_titles(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line =
            self.cells(&(padded_right("Src:Port", self.src + self.gap) + "Dst:Port"), "VLAN", "Proto", "Cast");
        for figure in &self.figures {
            line.push_str(&padded_left(&figure.title, self.gap + figure.width));
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
        for figure in &self.figures {
            let own = row.figures.get(figure.place).and_then(Option::as_deref);
            let compact = row.bytes.filter(|_| figure.is_bytes && self.has_compact_bytes && own.is_some());
            let compact = compact.map(text::bytes);
            let own = compact.as_deref().or(own);
            let style = own.filter(|_| figure.is_lost).map(|lost| if lost == "0" { GOOD } else { ERROR });
            let text = padded_left(own.unwrap_or_default(), self.gap + figure.width);
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

fn cast_name(cast: Option<TrafficType>, is_short: bool) -> &'static str {
    let Some(cast) = cast else { return "" };
    match (cast, is_short) {
        (TrafficType::Unicast, false) => "unicast",
        (TrafficType::Multicast, false) => "multicast",
        (TrafficType::Broadcast, false) => "broadcast",
        (TrafficType::Unicast, true) => "uni",
        (TrafficType::Multicast, true) => "multi",
        (TrafficType::Broadcast, true) => "broad",
    }
}
