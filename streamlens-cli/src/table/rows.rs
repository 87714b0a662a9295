//! The rows of a flow, as texts.

use std::collections::BTreeSet;

use anstyle::Style;
use streamlens::model::row::{Element, Level, RowRef};
use streamlens::model::{Candidate, Flow, TrafficType};

use super::figures::Figures;
use super::{ENCODING, FAINT};
use crate::args::Depth;
use crate::text;
use crate::view::View;

/// What stands in front of the figures.
pub(super) enum Lead {
    Flow { src: String, dst: String, vlan: String, transport: String, cast: TrafficType },
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
#[derive(Clone, Copy)]
enum Line<'a> {
    Row(&'a RowRef<'a>),
    Candidate(&'a Candidate),
}

/// Hands the rows of a flow to `take`, from the top.
pub(super) fn of_flow<'a>(flow: &'a Flow, view: View<'a>, figures: &Figures, take: &mut dyn FnMut(&Row)) {
    // the row of the flow says all of its only transport, unless that level is asked for
    let hides_transport = flow.transport_protocols.len() == 1 && view.depth > Depth::Transport;
    let mut lines: Vec<(usize, Line<'_>)> = Vec::new();
    let mut types: Vec<_> = Vec::new();
    let rows: Vec<_> = view.rows(flow).collect();
    for row in &rows {
        if let Element::Transport(transport) = row.element() {
            let depth = usize::from(!hides_transport);
            if !hides_transport {
                lines.push((depth, Line::Row(row)));
            }
            if view.depth >= Depth::Encoding {
                let candidates = worth_telling(transport);
                lines.extend(candidates.map(|candidate| (depth + 1, Line::Candidate(candidate))));
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
            Line::Candidate(candidate) => {
                let note = format!("candidate, {}", percent(candidate.confidence_score));
                let name = text::escaped(&candidate.encoding_name).into_owned();
                let lead = Lead::Branch { stem: stem(&stems), name, style: FAINT, note };
                take(&Row { lead, figures: Vec::new(), bytes: None });
            }
        }
    }
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
        Element::Stream(stream) => (stream.name.as_ref().unwrap_or(&stream.id).clone(), FAINT, "stream".to_owned()),
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
