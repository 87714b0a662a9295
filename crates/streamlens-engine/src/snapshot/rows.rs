//! The flows of a result before they are made: what they are ordered by, and where they are.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};

use streamlens_model::{FlowKey, Frame, Severity, Timestamp};

use super::Snapshot;
use crate::dissect::{Dissected, dissect};
use crate::flow::FlowEntry;
use crate::options::FlowOrder;
use crate::shard::Shard;

/// Where a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FlowPlace {
    pub(super) share: u16,
    pub(super) place: u32,
    /// Whether it waits as frames.
    pub(super) is_held: bool,
}

/// A flow of the result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) at: FlowPlace,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    pub(super) packets: u64,
    bytes: u64,
}

/// A finding of a flow that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) severity: Severity,
    pub(super) frame: u64,
    pub(super) at: FlowPlace,
}

/// How many more are let pile up than are wanted before they are sorted.
const PILE: usize = 1024;

/// A flow that waits: its row, and a bit for each of its decoders, or of all that it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub(super) row: Row,
    pub(super) decoders: u64,
}

impl Row {
    pub(super) fn new(at: FlowPlace, flow: &FlowEntry) -> Self {
        let (packets, bytes) = (flow.packets(), flow.bytes());
        Self { at, first_seen: flow.first_seen, last_seen: flow.last_seen, packets, bytes }
    }

    fn bit_rate(&self) -> Option<f64> {
        bit_rate(self.first_seen, self.last_seen, self.packets, self.bytes)
    }
}

impl Card {
    /// Of a flow that has not been decoded and may have any of these decoders. All of its frames are whole packets.
    pub(super) fn unread<'f>(at: FlowPlace, frames: impl Iterator<Item = Frame<'f>>, decoders: u64) -> Self {
        let mut row = Row { at, first_seen: None, last_seen: None, packets: 0, bytes: 0 };
        for frame in frames {
            row.packets += 1;
            row.bytes += u64::from(frame.original_length);
            row.first_seen = row.first_seen.into_iter().chain(frame.time).min();
            row.last_seen = row.last_seen.max(frame.time);
        }
        Self { row, decoders }
    }

    pub(super) fn new(at: FlowPlace, flow: &FlowEntry) -> Self {
        let decoders = flow.transports().flat_map(|transport| &transport.encodings).map(|encoding| encoding.decoder.0);
        Self { row: Row::new(at, flow), decoders: decoders.fold(0, |all, decoder| all | 1 << (decoder % 64)) }
    }
}

impl Snapshot<'_> {
    /// The flows that are asked for, in order.
    pub(super) fn rows(&self, order: FlowOrder, top: Option<usize>) -> Vec<Row> {
        let changed = self.flows().filter(|(_, _, flow)| flow.changed > self.since);
        let rows = changed.map(|(at, _, flow)| Row::new(at, flow)).chain(self.cards.iter().map(|card| card.row));
        front(rows, top.unwrap_or(usize::MAX), |a, b| self.compare(order, a, b))
    }

    /// The flows that are not among those, and whose findings are not noted or may be others.
    pub(super) fn rest(&self, taken: &HashSet<FlowPlace>) -> Vec<FlowPlace> {
        let changed = self.flows().filter(|(_, _, flow)| flow.changed > self.since).map(|(at, _, _)| at);
        let all_held = self.cards.iter().filter(|_| self.notes.is_none()).map(|card| card.row.at);
        let held = self.added().filter(|_| self.notes.is_some()).chain(all_held);
        changed.chain(held).filter(|at| !taken.contains(at)).collect()
    }

    /// Of the noted findings of other flows: the flows that have the gravest, and how grave each is.
    pub(super) fn noted(&self, taken: &HashSet<FlowPlace>, most: usize) -> (Vec<FlowPlace>, Vec<Severity>) {
        let added: HashSet<_> = self.added().collect();
        let others = || {
            let notes = self.notes.iter().flatten().flatten();
            notes.filter(|note| !taken.contains(&note.at) && !added.contains(&note.at))
        };
        let grave = |a: &&Note, b: &&Note| b.severity.cmp(&a.severity).then((a.frame, a.at).cmp(&(b.frame, b.at)));
        let worst: BTreeSet<_> = front(others(), most, grave).into_iter().map(|note| note.at).collect();
        (worst.into_iter().collect(), others().map(|note| note.severity).collect())
    }

    /// The flows that wait and of which a network monitor says something.
    fn added(&self) -> impl Iterator<Item = FlowPlace> {
        let mut held: Vec<_> = self.additions.keys().map(|(at, _)| *at).filter(|at| at.is_held).collect();
        held.dedup();
        held.into_iter()
    }

    /// By what was asked for, then by the time they were first seen, then by key.
    fn compare(&self, order: FlowOrder, a: &Row, b: &Row) -> Ordering {
        let keys = || (self.key(a.at), self.key(b.at));
        let first = match order {
            FlowOrder::FirstSeen => Ordering::Equal,
            FlowOrder::LastSeen => (a.last_seen.is_none(), a.last_seen).cmp(&(b.last_seen.is_none(), b.last_seen)),
            FlowOrder::Frames => b.packets.cmp(&a.packets),
            FlowOrder::Bytes => b.bytes.cmp(&a.bytes),
            FlowOrder::BitRate => most_first(a.bit_rate(), b.bit_rate()),
            FlowOrder::Source => {
                let (a, b) = keys();
                (a.src, a.dst).cmp(&(b.src, b.dst))
            }
            FlowOrder::Destination => {
                let (a, b) = keys();
                (a.dst, a.src).cmp(&(b.dst, b.src))
            }
        };
        let time = |row: &Row| (row.first_seen.is_none(), row.first_seen);
        first.then_with(|| time(a).cmp(&time(b))).then_with(|| {
            let (a, b) = keys();
            a.cmp(&b)
        })
    }

    fn key(&self, at: FlowPlace) -> FlowKey {
        let Some(shard) = self.engine.shards.get(at.share as usize) else { return FlowKey::default() };
        if !at.is_held {
            return shard.flows.get(at.place as usize).map(|flow| flow.key).unwrap_or_default();
        }
        let Some(frame) = shard.held.frames(at.place as usize).next() else { return FlowKey::default() };
        let mut packet = Dissected::new(&frame);
        dissect(&frame, &mut packet).map(|()| packet.flow_key()).unwrap_or_default()
    }

    /// Shows a flow, which is decoded anew where it waits; `replay` is for that.
    pub(super) fn show<R>(
        &self,
        replay: &mut Shard,
        at: FlowPlace,
        see: impl FnOnce(&Shard, &FlowEntry) -> R,
    ) -> Option<R> {
        let (shard, place) = (self.engine.shards.get(at.share as usize)?, at.place as usize);
        if at.is_held {
            replay.replay(self.engine.env(), &shard.held, place, see)
        } else {
            Some(see(shard, shard.flows.get(place)?))
        }
    }
}

/// The first so many of an order, in order.
fn front<T>(items: impl Iterator<Item = T>, most: usize, compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut front = Vec::new();
    for item in items {
        front.push(item);
        if front.len() >= most.saturating_mul(2).saturating_add(PILE) {
            front.select_nth_unstable_by(most, &compare);
            front.truncate(most);
        }
    }
    front.sort_unstable_by(&compare);
    front.truncate(most);
    front
}

/// Bits per second over the time between the first and the last frame. The last frame's own bits come after that time.
pub(super) fn bit_rate(first: Option<Timestamp>, last: Option<Timestamp>, packets: u64, bytes: u64) -> Option<f64> {
    let span = last?.since(first?);
    (packets > 1 && span > 0).then(|| bytes as f64 * (packets - 1) as f64 / packets as f64 * 8.0 / (span as f64 * 1e-9))
}

/// What is undefined comes last.
fn most_first(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}
