//! Which flows are shown, in which order, how deep.

use streamlens::engine::{FlowOrder, FlowSelection};
use streamlens::model::row::{Field, RowContext, SortKey, rows};
use streamlens::model::{Analysis, Flow};

use super::args::{AnalyzeArgs, Depth, Format};
use super::table::MOST_FINDINGS;

/// What the engine is asked for: the flows that are shown, where their order can be told without making all of them.
pub(crate) fn selection(args: &AnalyzeArgs) -> FlowSelection {
    // of these formats one shows the gravest, the other none
    let most_findings = matches!(args.format, Format::Table | Format::Csv).then_some(MOST_FINDINGS);
    match engine_order(args) {
        Some(order) => FlowSelection { order, top: args.top, most_findings },
        None => FlowSelection { most_findings, ..FlowSelection::default() },
    }
}

/// The order that was asked for, where the engine has it.
fn engine_order(args: &AnalyzeArgs) -> Option<FlowOrder> {
    let key = match (&args.sort, args.top) {
        (Some(field), _) => field.name(),
        (None, Some(_)) => "bytes",
        (None, None) => "first_seen",
    };
    Some(match key {
        "first_seen" => FlowOrder::FirstSeen,
        "last_seen" => FlowOrder::LastSeen,
        "packets" => FlowOrder::Frames,
        "bytes" => FlowOrder::Bytes,
        "rate" => FlowOrder::BitRate,
        "src" => FlowOrder::Source,
        "dst" => FlowOrder::Destination,
        _ => return None,
    })
}

/// Whether the engine brings the flows into their order.
pub(crate) fn is_by_engine(args: &AnalyzeArgs) -> bool {
    engine_order(args).is_some()
}

/// Does what the engine left: orders by figures that have to be made first, and takes away flows that were not asked for. The
/// totals of the capture and the findings stay.
pub(crate) fn apply(analysis: &mut Analysis, args: &AnalyzeArgs, context: RowContext<'_>) {
    if let (false, Some(field)) = (is_by_engine(args), &args.sort) {
        sort(&mut analysis.flows, field, context);
    }
    if let Some(top) = args.top {
        analysis.flows.truncate(top);
    }
}

/// Stable, so that equal flows stay in the order in which they were first seen. What is undefined comes last.
fn sort(flows: &mut [Flow], field: &Field, context: RowContext<'_>) {
    let mut keys: Vec<_> = flows.iter().map(|flow| SortKey::of(rows(flow, context), field)).enumerate().collect();
    keys.sort_by(|(_, one), (_, other)| SortKey::compare(one.as_ref(), other.as_ref(), field.gather()));
    let mut places = vec![0; flows.len()];
    keys.iter().enumerate().for_each(|(new, (old, _))| places[*old] = new);
    // brings each flow to its place, by exchanges
    for at in 0..places.len() {
        while places[at] != at {
            let to = places[at];
            flows.swap(at, to);
            places.swap(at, to);
        }
    }
}

/// Takes away the levels of a flow that were not asked for, where a format has no other way to leave them out.
pub(crate) fn prune(flow: &mut Flow, args: &AnalyzeArgs) {
    let depth = args.depth;
    if depth >= Depth::Type || !matches!(args.format, Format::Json | Format::Ndjson) || !args.columns.is_empty() {
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
    use streamlens::model::{ApplicationEncoding, Health, StreamHealth, TimingSummary, TransportProtocol};

    use super::*;

    fn flow(packets: u64, mean_ns: Option<f64>, lost: &[u64]) -> Flow {
        let stream = |lost: &u64| StreamHealth { lost: Some(*lost), ..StreamHealth::default() };
        let health = Health { streams: lost.iter().map(stream).collect(), ..Health::default() };
        let encoding = ApplicationEncoding { health, ..ApplicationEncoding::default() };
        let transport = TransportProtocol { application_encodings: vec![encoding], ..TransportProtocol::default() };
        let timing_stats = TimingSummary { mean_ns, ..TimingSummary::default() }.into();
        Flow { total_packets: packets, timing_stats, transport_protocols: vec![transport], ..Flow::default() }
    }

    fn sorted(by: &str) -> Vec<u64> {
        let mut flows = [flow(1, None, &[]), flow(2, Some(9.0), &[3]), flow(3, Some(1.0), &[2, 2]), flow(4, None, &[])];
        sort(&mut flows, &Field::find(by).expect("it is a column"), RowContext::default());
        flows.iter().map(|flow| flow.total_packets).collect()
    }

    #[test]
    fn what_is_undefined_comes_last() {
        assert_eq!(sorted("dt"), [3, 2, 1, 4], "the shortest first");
        assert_eq!(sorted("lost"), [3, 2, 1, 4], "the most of all streams together first");
        assert_eq!(sorted("gap"), [1, 2, 3, 4]);
        assert_eq!(sorted("packets"), [4, 3, 2, 1]);
    }
}
