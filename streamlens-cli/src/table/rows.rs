//! The rows of a flow, as texts.

use anstyle::Style;
use streamlens::model::{ApplicationEncoding, Flow, PacketTypeStats, TimingSummary, TrafficType, TransportProtocol};

use super::{ENCODING, FAINT};
use crate::args::Depth;
use crate::text;

/// What stands in front of the figures.
pub(super) enum Lead {
    Flow { src: String, dst: String, vlan: String, transport: String, cast: TrafficType },
    Branch { stem: String, name: String, style: Style, note: String },
}

/// A row of the table.
pub(super) struct Row {
    pub(super) lead: Lead,
    pub(super) packets: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// Packets lost, where numbers tell.
    pub(super) lost: Option<u64>,
    pub(super) mean: Option<String>,
    pub(super) p99: Option<String>,
    pub(super) jitter: Option<String>,
}

impl Row {
    fn new(lead: Lead, packets: u64, bytes: u64, timing: &TimingSummary) -> Self {
        Self {
            lead,
            packets: Some(packets),
            bytes: Some(bytes),
            lost: None,
            mean: timing.mean_ns.map(text::duration),
            p99: timing.p99_ns.map(|p99| text::duration(p99 as f64)),
            jitter: timing.jitter_ns.map(text::duration),
        }
    }

    fn bare(lead: Lead) -> Self {
        Self { lead, packets: None, bytes: None, lost: None, mean: None, p99: None, jitter: None }
    }
}

/// Hands the rows of a flow to `take`, from the top.
pub(super) fn of_flow(flow: &Flow, depth: Depth, take: &mut dyn FnMut(&Row)) {
    let tags: Vec<_> = flow.key.vlan.as_slice().iter().map(u16::to_string).collect();
    let transports: Vec<_> = flow.transport_protocols.iter().map(|transport| &*transport.protocol_name).collect();
    let lead = Lead::Flow {
        src: flow.key.src.to_string(),
        dst: flow.key.dst.to_string(),
        vlan: tags.join(","),
        transport: text::escaped(&transports.join("+")).into_owned(),
        cast: flow.traffic_type,
    };
    take(&Row::new(lead, flow.total_packets, flow.total_bytes, &flow.timing_stats));
    match flow.transport_protocols.as_slice() {
        _ if depth == Depth::Flow => {}
        // the row of the flow says all of its only transport, unless that level is asked for
        [only] if depth > Depth::Transport => of_transport(only, depth, "", take),
        transports => {
            for (transport, is_last) in with_last(transports) {
                let lead = branch("", is_last, &transport.protocol_name, Style::new(), String::new());
                take(&Row::new(lead, transport.packet_count, transport.byte_count, &transport.timing_stats));
                of_transport(transport, depth, &stem_below("", is_last), take);
            }
        }
    }
}

fn of_transport(transport: &TransportProtocol, depth: Depth, stem: &str, take: &mut dyn FnMut(&Row)) {
    if depth < Depth::Encoding {
        return;
    }
    for (encoding, is_last) in with_last(&transport.application_encodings) {
        of_encoding(encoding, depth, stem, is_last, take);
    }
    // beside what was identified, what else might be there is of no interest to most; the document has it
    let candidates = if transport.application_encodings.is_empty() { &*transport.candidates } else { &[] };
    let worth_telling: Vec<_> = candidates.iter().filter(|candidate| candidate.confidence_score >= 0.05).collect();
    for (candidate, is_last) in with_last(&worth_telling) {
        let note = format!("candidate, {}", percent(candidate.confidence_score));
        take(&Row::bare(branch(stem, is_last, &candidate.encoding_name, FAINT, note)));
    }
}

fn of_encoding(encoding: &ApplicationEncoding, depth: Depth, stem: &str, is_last: bool, take: &mut dyn FnMut(&Row)) {
    let note = percent(encoding.confidence_score);
    let lead = branch(stem, is_last, &encoding.encoding_name, ENCODING, note);
    let mut row = Row::new(lead, encoding.packet_count, encoding.byte_count, &encoding.timing_stats);
    row.lost =
        encoding.health.streams.iter().filter_map(|stream| stream.lost).reduce(|one, other| one.saturating_add(other));
    take(&row);
    if depth < Depth::Type {
        return;
    }
    of_types(&encoding.packet_types, &stem_below(stem, is_last), take);
}

fn of_types(types: &[PacketTypeStats], stem: &str, take: &mut dyn FnMut(&Row)) {
    for (kind, is_last) in with_last(types) {
        let lead = branch(stem, is_last, &kind.type_name, Style::new(), String::new());
        take(&Row::new(lead, kind.packet_count, kind.byte_count, &kind.timing_stats));
        of_types(&kind.packet_types, &stem_below(stem, is_last), take);
    }
}

fn branch(stem: &str, is_last: bool, name: &str, style: Style, note: String) -> Lead {
    let stem = format!("{stem}{}", if is_last { "└─ " } else { "├─ " });
    Lead::Branch { stem, name: text::escaped(name).into_owned(), style, note }
}

fn stem_below(stem: &str, is_last: bool) -> String {
    format!("{stem}{}", if is_last { "   " } else { "│  " })
}

/// Never `100 %` for what is not certain.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 99.5 || share >= 1.0 {
        format!("{percent:.0} %")
    } else {
        format!("{:.1} %", (percent * 10.0).floor() / 10.0)
    }
}

fn with_last<T>(items: &[T]) -> impl Iterator<Item = (&T, bool)> {
    items.iter().enumerate().map(|(index, item)| (item, index + 1 == items.len()))
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn only_certainty_is_a_hundred_percent() {
        assert_eq!([0.7, 0.994, 0.9999, 1.0].map(percent), ["70 %", "99 %", "99.9 %", "100 %"]);
    }
}
