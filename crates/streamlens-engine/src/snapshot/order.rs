//! The order of the flows of a result.

use std::cmp::{Ordering, Reverse};

use super::{FlowPlace, bit_rate};
use crate::flow::FlowEntry;
use crate::options::FlowOrder;
use crate::shard::Shard;

/// Sorts flows: first by the time they were first seen and by key, then stably by what was asked for.
pub(super) fn sort(flows: &mut [(FlowPlace, &Shard, &FlowEntry)], order: FlowOrder) {
    flows.sort_unstable_by(|(_, _, a), (_, _, b)| {
        let time = |flow: &FlowEntry| (flow.first_seen.is_none(), flow.first_seen);
        time(a).cmp(&time(b)).then_with(|| a.key.cmp(&b.key))
    });
    match order {
        FlowOrder::FirstSeen => {}
        FlowOrder::LastSeen => flows.sort_by_key(|(_, _, flow)| (flow.last_seen.is_none(), flow.last_seen)),
        FlowOrder::Frames => flows.sort_by_cached_key(|(_, _, flow)| Reverse(flow.packets())),
        FlowOrder::Bytes => flows.sort_by_cached_key(|(_, _, flow)| Reverse(flow.bytes())),
        FlowOrder::BitRate => flows.sort_by(|(_, _, a), (_, _, b)| {
            let rate = |flow: &FlowEntry| bit_rate(flow, flow.packets(), flow.bytes());
            most_first(rate(a), rate(b))
        }),
        FlowOrder::Source => flows.sort_by_key(|(_, _, flow)| (flow.key.src, flow.key.dst)),
        FlowOrder::Destination => flows.sort_by_key(|(_, _, flow)| (flow.key.dst, flow.key.src)),
    }
}

fn most_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
