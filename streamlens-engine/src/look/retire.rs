//! The end of flows, by need: where the table is full, those that are idle longest go, and their totals are kept.

use std::collections::BTreeSet;

use streamlens_model::Timestamp;
use streamlens_model::row::{FlowId, Level, Retired, RetiredCounts};

use super::{id_of, place_of};
use crate::engine::Engine;
use crate::flow::FlowEntry;
use crate::options::DecodeAs;
use crate::report::names_of;

/// A flow that had a frame within this time, in nanoseconds, is not idle.
const IDLE_NS: i64 = 60_000_000_000;
/// One in so many flows is let go beyond what is needed, so that not every new flow has to look for an idle one.
const SPARE: usize = 16;

/// Whether a flow with this last frame is idle; also where neither time is known.
pub(crate) fn may_be_idle(last: Option<Timestamp>, now: Option<Timestamp>) -> bool {
    last.zip(now).is_none_or(|(last, now)| now.since(last) >= IDLE_NS)
}

impl Engine {
    /// Keeps these flows even where the table is full and they are idle.
    pub fn keep(&mut self, flows: BTreeSet<FlowId>) {
        self.kept = flows;
    }

    /// From now on decodes what a rule speaks of as it says; it goes before the rules that there are. The flows that it speaks of
    /// end, with their totals kept, and begin anew with their next frame.
    pub fn decode_as(&mut self, rule: DecodeAs) {
        let mut ended = Vec::new();
        for (number, shard) in self.state.shards.iter().enumerate() {
            let is_meant =
                |flow: &FlowEntry| flow.transports().any(|transport| (rule.selector)(&flow.key, transport.transport));
            let meant = shard.flows.iter().filter(|(_, flow)| is_meant(flow));
            ended.extend(meant.map(|(place, flow)| id_of(number, place, flow.generation)));
        }
        self.state.options.decode_as.insert(0, rule);
        self.end_flows(ended.iter());
    }

    /// Where there are more flows than are allowed, lets those go that are idle longest. Returns whether there is room for
    /// new ones.
    pub(crate) fn retire_idle(&mut self) -> bool {
        let (most, count) =
            (self.state.options.max_flows, self.state.shards.iter().map(|shard| shard.flow_count()).sum::<usize>());
        if count < most {
            return true;
        }
        let now = self.state.totals.last_seen().max(self.looks.told);
        let is_idle = |last: Timestamp| may_be_idle(Some(last), now);
        if !may_be_idle(self.next_idle, now) {
            return false;
        }
        let mut idle: Vec<(Timestamp, FlowId)> = Vec::new();
        let mut next = None::<Timestamp>;
        for (number, shard) in self.state.shards.iter().enumerate() {
            for (place, flow) in shard.flows.iter() {
                let (Some(last), id) = (flow.last_seen, id_of(number, place, flow.generation)) else { continue };
                match is_idle(last) {
                    true if !self.kept.contains(&id) => idle.push((last, id)),
                    true => {}
                    false => next = Some(next.map_or(last, |next| next.min(last))),
                }
            }
        }
        let wanted = (count - most + 1 + most / SPARE).min(idle.len());
        // the rest are idle as well, and may go next time
        self.next_idle = if wanted < idle.len() { None } else { next };
        idle.sort_unstable();
        idle.truncate(wanted);
        self.end_flows(idle.iter().map(|(_, id)| id));
        count - idle.len() < most
    }

    fn end_flows<'f>(&mut self, flows: impl ExactSizeIterator<Item = &'f FlowId>) {
        let has_any = flows.len() > 0;
        flows.for_each(|id| self.end_flow(*id));
        if has_any {
            self.state.shards.iter_mut().for_each(crate::shard::Shard::forget_headers);
        }
    }

    /// Ends a flow: its totals and its last row are kept, its memory is given back.
    fn end_flow(&mut self, id: FlowId) {
        let (number, place) = place_of(id);
        let env = crate::work::Settings { registry: &self.state.registry, options: &self.state.options };
        if let Some(shard) = self.state.shards.get_mut(number) {
            shard.conclude(env, place as usize);
        }
        let view = std::mem::take(&mut self.looks.view);
        let names = self.flow(id).map(|flow| names_of(&self.state, &view, (number, place), flow, Level::Encoding));
        self.looks.view = view;
        let Some(mut flow) = self.state.shards.get_mut(number).and_then(|shard| shard.end_flow(place)) else { return };
        let retired = &mut self.looks.retired;
        retired.flows += 1;
        for (t, transport) in (0..).zip(flow.transports()) {
            add(retired, &transport.transport.name(), (transport.packets, transport.bytes), true);
            for (e, encoding) in (0..).zip(&transport.encodings) {
                if let Some(names) = names.as_ref().and_then(|names| names.get(&(t, e))) {
                    add(retired, &names.name, (encoding.packets, encoding.bytes), false);
                }
            }
        }
        if let Some(shown) = flow.shown.take().filter(|shown| !shown.rows.is_empty()) {
            self.last_words(*shown, &flow);
        }
    }

    fn last_words(&mut self, shown: super::ShownFlow, flow: &FlowEntry) {
        let (row, findings) = shown.last_words();
        self.looks.resolved.extend(findings);
        self.looks.gone.extend(row.map(|mut row| {
            (row.packets, row.bytes, row.last_seen) = (flow.packets(), Some(flow.bytes()), flow.last_seen);
            row.timing = flow.timing().figures();
            row
        }));
    }
}

/// Adds the frames and bytes of a transport or encoding of an ended flow.
fn add(retired: &mut Retired, name: &str, (packets, bytes): (u64, u64), is_transport: bool) {
    let list = if is_transport { &mut retired.transports } else { &mut retired.encodings };
    if is_transport {
        retired.packets += packets;
        retired.bytes += bytes;
    }
    let counts: &mut RetiredCounts = match list.get_mut(name) {
        Some(counts) => counts,
        None => list.entry(name.to_owned()).or_default(),
    };
    counts.packets += packets;
    counts.bytes += bytes;
}
