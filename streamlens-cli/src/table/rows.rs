//! The rows of a flow, as texts.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use anstyle::Style;
use streamlens::model::row::{Element, Level, RowId, RowRef};
use streamlens::model::{ApplicationEncoding, Candidate, Flow, StreamHealth, TrafficType};

use super::figures::Figures;
use super::{ENCODING, FAINT, unidentified};
use crate::args::Depth;
use crate::text;
use crate::view::View;

/// What stands in front of the figures.
pub(super) enum Lead {
    Flow { src: String, dst: String, vlan: String, transport: String, cast: Option<TrafficType> },
    Branch { stem: String, name: String, style: Style, note: String },
}

/// A row of the table.
pub(super) struct Row {
    pub(super) lead: Lead,
    /// The texts of the figures, in the order of their columns; `None` where a row has none.
    pub(super) figures: Vec<Option<String>>,
    /// Bytes on the wire, for the shorter form of that column.
    pub(super) bytes: Option<u64>,
}

/// What a line of the tree stands for.
enum Line<'a> {
    Row(&'a RowRef<'a>),
    /// No row: words about what is not shown, or not certain.
    Faint {
        name: String,
        note: String,
    },
}

/// How many streams of the encoding above are not shown.
fn more_streams(more: usize) -> Line<'static> {
    let name = format!("{}; --depth stream shows all", text::counted(more as u64, "more stream"));
    Line::Faint { name, note: String::new() }
}

fn candidate(candidate: &Candidate) -> Line<'static> {
    let note = format!("candidate, {}", percent(candidate.confidence_score));
    Line::Faint { name: candidate.encoding_name.to_string(), note }
}

/// Hands the rows of a flow to `take`, from the top.
pub(super) fn of_flow<'a>(flow: &'a Flow, view: View<'a>, figures: &Figures, take: &mut dyn FnMut(&Row)) {
    // the row of the flow says all of its only transport, unless that level is asked for
    let hides_transport = flow.transport_protocols.len() == 1 && view.depth > Depth::Transport;
    let mut lines: Vec<(usize, Line<'_>)> = Vec::new();
    let mut types: Vec<_> = Vec::new();
    let rows: Vec<_> = view.rows(flow).collect();
    let mut streams = Streams::default();
    for (place, row) in rows.iter().enumerate() {
        if view.depth == Depth::Type && row.level() == Level::Stream {
            let below = rows.get(place..).unwrap_or_default();
            match streams.shown(row, below) {
                Shown::Row => {}
                Shown::Hidden => continue,
                Shown::Rest(more) => {
                    lines.push((2 + usize::from(!hides_transport), more_streams(more)));
                    continue;
                }
            }
        }
        if let Element::Transport(transport) = row.element() {
            let depth = usize::from(!hides_transport);
            if !hides_transport {
                lines.push((depth, Line::Row(row)));
            }
            if view.depth >= Depth::Encoding {
                let customary = unidentified::customary(flow, transport);
                let customary = customary.map(|name| Line::Faint { name, note: String::new() });
                lines.extend(worth_telling(transport).map(candidate).chain(customary).map(|line| (depth + 1, line)));
            }
            continue;
        }
        let below_transport = 1 + usize::from(!hides_transport);
        let depth = match row.level() {
            Level::Flow | Level::Transport => 0,
            Level::Encoding => below_transport,
            Level::Stream => below_transport + 1,
            Level::PacketType => {
                let above = row.parent();
                while types.last().is_some_and(|last| Some(*last) != above) {
                    types.pop();
                }
                types.push(row.id());
                below_transport + types.len()
            }
        };
        lines.push((depth, Line::Row(row)));
    }
    let last = last_of_their_branch(&lines);
    // for each depth, whether the branch at it goes on below
    let mut stems: Vec<&str> = Vec::new();
    for (place, (depth, line)) in lines.iter().enumerate() {
        stems.truncate(depth.saturating_sub(1));
        let is_last = last.contains(&place);
        let stem = |stems: &[&str]| format!("{}{}", stems.concat(), if is_last { "└─ " } else { "├─ " });
        match line {
            Line::Row(row) if *depth == 0 => take(&Row { lead: lead_of(flow), ..figures.row(row) }),
            Line::Row(row) => {
                let (name, style, note) = named(row);
                let lead = Lead::Branch { stem: stem(&stems), name: text::escaped(&name).into_owned(), style, note };
                take(&Row { lead, ..figures.row(row) });
                stems.push(if is_last { "   " } else { "│  " });
            }
            Line::Faint { name, note } => {
                let (name, note) = (text::escaped(name).into_owned(), note.clone());
                let lead = Lead::Branch { stem: stem(&stems), name, style: FAINT, note };
                take(&Row { lead, figures: Vec::new(), bytes: None });
            }
        }
    }
}

/// Streams that are shown below an encoding where nothing says how deep to go.
const MOST_STREAMS: usize = 12;

/// Which streams of the encoding at hand are shown where nothing says how deep to go: all where there are few; else those that
/// miss most, then those with most packets.
#[derive(Default)]
struct Streams {
    encoding: Option<RowId>,
    chosen: BTreeSet<RowId>,
    /// How many are left to come, and how many of them are not shown.
    left: usize,
    hidden: usize,
}

/// What becomes of the row of a stream.
enum Shown {
    Row,
    Hidden,
    /// The last one, which is hidden as are so many in all.
    Rest(usize),
}

impl Streams {
    /// `below` are the rows from this one on.
    fn shown(&mut self, row: &RowRef<'_>, below: &[RowRef<'_>]) -> Shown {
        if self.encoding != row.parent() {
            self.begin(row, below);
        }
        self.left = self.left.saturating_sub(1);
        if self.chosen.contains(&row.id()) {
            // those that are hidden are counted behind the last one
            return Shown::Row;
        }
        match (self.left, self.hidden) {
            (_, 0) => Shown::Hidden,
            (0, hidden) => Shown::Rest(hidden),
            _ => Shown::Hidden,
        }
    }

    fn begin(&mut self, row: &RowRef<'_>, below: &[RowRef<'_>]) {
        let own = |other: &&RowRef<'_>| other.level() == Level::Stream && other.parent() == row.parent();
        let mut streams: Vec<_> = below.iter().take_while(own).collect();
        (self.encoding, self.left, self.hidden) = (row.parent(), streams.len(), 0);
        self.chosen.clear();
        if !row.encoding().is_some_and(worth_showing) {
            return;
        }
        if streams.len() > MOST_STREAMS {
            let key = |row: &&RowRef<'_>| {
                row.stream().map(|stream| (Reverse(stream.lost), Reverse(stream.received), row.id()))
            };
            // the last one stays out, in whose place it is said how many there are
            let last = streams.pop();
            streams.sort_by_key(key);
            self.hidden = streams.len() - MOST_STREAMS + usize::from(last.is_some());
            streams.truncate(MOST_STREAMS);
        }
        self.chosen.extend(streams.iter().map(|row| row.id()));
    }
}

/// Whether the streams of an encoding say more than itself and its packet types: they have names, or there are several that are not
/// just the packet types, or that miss something, which packet types can't say.
fn worth_showing(encoding: &ApplicationEncoding) -> bool {
    let streams = &encoding.health.streams;
    let is_type = |stream: &StreamHealth| {
        let types = &encoding.packet_types;
        types.iter().any(|kind| kind.packet_count == stream.received && stream.id.ends_with(&*kind.type_name))
    };
    let says_more = |stream: &StreamHealth| stream.lost > Some(0) || !is_type(stream);
    streams.iter().any(|stream| stream.name.is_some()) || streams.len() > 1 && streams.iter().any(says_more)
}

/// Beside what was identified, what else might be there is of no interest to most; the document has it.
fn worth_telling(transport: &streamlens::model::TransportProtocol) -> impl Iterator<Item = &Candidate> {
    let candidates = if transport.application_encodings.is_empty() { &*transport.candidates } else { &[] };
    candidates.iter().filter(|candidate| candidate.confidence_score >= 0.05)
}

/// The places of the lines that are the last below theirs.
fn last_of_their_branch(lines: &[(usize, Line<'_>)]) -> BTreeSet<usize> {
    // the depths at which a line of the same branch was seen, from the end
    let mut seen: Vec<bool> = Vec::new();
    let mut last = BTreeSet::new();
    for (place, (depth, _)) in lines.iter().enumerate().rev() {
        seen.resize(depth + 1, false);
        if !std::mem::replace(&mut seen[*depth], true) {
            last.insert(place);
        }
    }
    last
}

fn lead_of(flow: &Flow) -> Lead {
    let tags: Vec<_> = flow.key.vlan.as_slice().iter().map(u16::to_string).collect();
    let transports: Vec<_> = flow.transport_protocols.iter().map(|transport| &*transport.protocol_name).collect();
    Lead::Flow {
        src: flow.key.src.to_string(),
        dst: flow.key.dst.to_string(),
        vlan: tags.join(","),
        transport: text::escaped(&transports.join("+")).into_owned(),
        cast: flow.traffic_type,
    }
}

/// Name, style and note of a row below a flow.
fn named(row: &RowRef<'_>) -> (String, Style, String) {
    match row.element() {
        Element::Encoding(encoding) => {
            (encoding.encoding_name.to_string(), ENCODING, percent(encoding.confidence_score))
        }
        Element::Stream(stream) => match &stream.name {
            // many names say the identifier as well
            Some(name) if !name.contains(&stream.id) => (name.clone(), Style::new(), format!("stream {}", stream.id)),
            Some(name) => (name.clone(), Style::new(), "stream".to_owned()),
            None => (stream.id.clone(), Style::new(), "stream".to_owned()),
        },
        Element::PacketType(kind) => (kind.type_name.to_string(), Style::new(), String::new()),
        Element::Transport(transport) => (transport.protocol_name.to_string(), Style::new(), String::new()),
        Element::Flow(_) => (String::new(), Style::new(), String::new()),
    }
}

/// Never `100 %` for what is not certain.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 99.5 || share >= 1.0 {
        format!("{percent:.0} %")
    } else {
        format!("{:.1} %", (percent * 10.0).floor() / 10.0)
    }
}
