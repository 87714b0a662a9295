//! Which flows are shown, in which order, how deep.

use std::cmp::{Ordering, Reverse};

use streamlens::engine::{FlowOrder, FlowSelection};
use streamlens::model::{Analysis, Flow};

use super::args::{AnalyzeArgs, Depth, Format, SortKey};
use super::table::MOST_FINDINGS;

/// What the engine is asked for: the flows that are shown, where their order can be told without making all of them.
pub(crate) fn selection(args: &AnalyzeArgs) -> FlowSelection {
    // of these formats one shows the gravest, the other none
    let most_findings = matches!(args.format, Format::Table | Format::Csv).then_some(MOST_FINDINGS);
    let order = match key(args) {
        SortKey::First => FlowOrder::FirstSeen,
        SortKey::Last => FlowOrder::LastSeen,
        SortKey::Frames => FlowOrder::Frames,
        SortKey::Bytes => FlowOrder::Bytes,
        SortKey::Rate => FlowOrder::BitRate,
        SortKey::Src => FlowOrder::Source,
        SortKey::Dst => FlowOrder::Destination,
        SortKey::Dt | SortKey::Jitter | SortKey::Lost => {
            return FlowSelection { most_findings, ..FlowSelection::default() };
        }
    };
    FlowSelection { order, top: args.top, most_findings }
}

fn key(args: &AnalyzeArgs) -> SortKey {
    args.sort.or(args.top.map(|_| SortKey::Bytes)).unwrap_or(SortKey::First)
}

/// Does what the engine left: orders by figures that have to be made first, and takes away levels that were not asked
/// for. The totals of the capture and the findings stay.
pub(crate) fn apply(analysis: &mut Analysis, args: &AnalyzeArgs) {
    sort(&mut analysis.flows, key(args));
    if let Some(top) = args.top {
        analysis.flows.truncate(top);
    }
    analysis.flows.iter_mut().for_each(|flow| prune(flow, args));
}

/// Whether the engine brings the flows into their order.
pub(crate) fn is_by_engine(args: &AnalyzeArgs) -> bool {
    !matches!(key(args), SortKey::Dt | SortKey::Jitter | SortKey::Lost)
}

/// Stable, so that equal flows stay in the order in which they were first seen.
fn sort(flows: &mut [Flow], key: SortKey) {
    match key {
        SortKey::Dt => flows.sort_by(|one, other| {
            let least = |flow: &Flow| flow.timing_stats.mean_ns.map(|mean| -mean);
            most_first(least(one), least(other))
        }),
        SortKey::Jitter => {
            flows.sort_by(|one, other| most_first(one.timing_stats.jitter_ns, other.timing_stats.jitter_ns));
        }
        SortKey::Lost => flows.sort_by_cached_key(|flow| Reverse(lost_of(flow))),
        // the engine's order
        _ => {}
    }
}

/// What is undefined comes last.
fn most_first(one: Option<f64>, other: Option<f64>) -> Ordering {
    match (one, other) {
        (Some(one), Some(other)) => other.total_cmp(&one),
        (one, other) => other.is_some().cmp(&one.is_some()),
    }
}

/// Packets lost in all streams of a flow.
fn lost_of(flow: &Flow) -> u64 {
    flow.encodings().flat_map(|encoding| &encoding.health.streams).filter_map(|stream| stream.lost).sum()
}

/// Takes away the levels of a flow that were not asked for.
pub(crate) fn prune(flow: &mut Flow, args: &AnalyzeArgs) {
    let depth = args.depth;
    // the table goes as deep as it is told to, and names the transports of a flow at any depth
    if depth >= Depth::Type || args.format == Format::Table {
        return;
    }
    if depth == Depth::Flow {
        flow.transport_protocols.clear();
    }
    for transport in &mut flow.transport_protocols {
        if depth == Depth::Transport {
            transport.application_encodings.clear();
            transport.candidates.clear();
        }
        transport.application_encodings.iter_mut().for_each(|encoding| encoding.packet_types.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_comes_last() {
        let mut figures = [None, Some(1.0), Some(2.0), None];
        figures.sort_by(|one, other| most_first(*one, *other));
        assert_eq!(figures, [Some(2.0), Some(1.0), None, None]);
    }
}
