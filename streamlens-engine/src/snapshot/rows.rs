//! The flows of a result before they are made: what they are ordered by, and where they are.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use smallvec::SmallVec;
use streamlens_model::{Endpoint, FlowKey, Severity, Timestamp};

use super::Snapshot;
use crate::dissect::{Dissected, dissect};
use crate::flow::FlowEntry;
use crate::held::{FIRST_LINES, Head, LATER_LINES};
use crate::options::FlowOrder;
use crate::parallel::sort;
use crate::shard::{Shard, TOGETHER};

/// Where a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FlowPlace {
    pub(super) share: u16,
    pub(super) place: u32,
    /// Whether it waits as frames.
    pub(super) is_held: bool,
}

/// Flows by where they are: every flow of a million is asked whether it is in there.
pub(super) type Places = hashbrown::HashSet<FlowPlace, foldhash::fast::RandomState>;

/// A flow that is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'s> {
    pub(super) at: FlowPlace,
    /// The share that it is in, or was decoded in.
    pub(super) shard: &'s Shard,
    pub(super) flow: &'s FlowEntry,
}

/// A flow of the result: where it is, and two numbers that decide on its place in nearly all cases. There may be a million.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) at: FlowPlace,
    /// What was asked for, the least first.
    rank: u64,
    first_seen: u64,
}

/// What a flow is ordered by.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    packets: u64,
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

/// A flow that waits: its row, its frames, and a bit for each of its decoders, or of all that it may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Card {
    pub(super) row: Row,
    pub(super) packets: u32,
    pub(super) decoders: u64,
}

impl Figures {
    fn of(flow: &FlowEntry) -> Self {
        let (packets, bytes) = (flow.packets(), flow.bytes());
        Self { first_seen: flow.first_seen, last_seen: flow.last_seen, packets, bytes }
    }

    /// Adds a frame of a flow that has not been decoded: all of these are whole packets.
    fn add(&mut self, head: &Head) {
        self.packets += 1;
        self.bytes += u64::from(head.original_length);
        self.first_seen = self.first_seen.into_iter().chain(head.time).min();
        self.last_seen = self.last_seen.max(head.time);
    }

    fn row(&self, at: FlowPlace, order: FlowOrder) -> Row {
        let rank = match order {
            FlowOrder::FirstSeen | FlowOrder::Source | FlowOrder::Destination => 0,
            FlowOrder::LastSeen => rank_of_time(self.last_seen),
            FlowOrder::Frames => !self.packets,
            FlowOrder::Bytes => !self.bytes,
            // rates are positive: they are in the order of their bits
            FlowOrder::BitRate => bit_rate(self.first_seen, self.last_seen, self.packets, self.bytes)
                .map_or(u64::MAX, |rate| u64::MAX - 1 - rate.to_bits()),
        };
        Row { at, rank, first_seen: rank_of_time(self.first_seen) }
    }
}

/// A number in the order of time; what has none comes last. The last two nanoseconds of all are one.
fn rank_of_time(time: Option<Timestamp>) -> u64 {
    time.map_or(u64::MAX, |time| (time.as_nanos().cast_unsigned() ^ 1 << 63).min(u64::MAX - 1))
}

impl Row {
    /// Both numbers as one, which is compared soonest.
    fn numbers(&self) -> u128 {
        u128::from(self.rank) << 64 | u128::from(self.first_seen)
    }
}

impl Card {
    pub(super) fn new(at: FlowPlace, flow: &FlowEntry, order: FlowOrder) -> Self {
        let decoders = flow.transports().flat_map(|transport| &transport.encodings).map(|encoding| encoding.decoder.0);
        let decoders = decoders.fold(0, |all, decoder| all | 1 << (decoder % 64));
        let figures = Figures::of(flow);
        Self { row: figures.row(at, order), packets: figures.packets as u32, decoders }
    }
}

impl Snapshot<'_> {
    /// The flows that are asked for, in order.
    pub(super) fn rows(&self, total_flows: usize) -> Vec<FlowPlace> {
        let order = self.selection.order;
        let changed = self.flows().filter(|(_, _, flow)| flow.changed > self.since);
        let changed = changed.map(|(at, _, flow)| Figures::of(flow).row(at, order));
        let rows = changed.chain(self.cards.iter().map(|card| card.row));
        // by what was asked for, then by the time they were first seen, then by key
        let by_ends = |ends: fn(&FlowKey) -> [Endpoint; 2]| {
            move |a: &Row, b: &Row| {
                let [a_key, b_key] = [a, b].map(|row| self.key(row.at));
                ends(&a_key).cmp(&ends(&b_key)).then(a.numbers().cmp(&b.numbers())).then_with(|| a_key.cmp(&b_key))
            }
        };
        let by_numbers =
            |a: &Row, b: &Row| a.numbers().cmp(&b.numbers()).then_with(|| self.key(a.at).cmp(&self.key(b.at)));
        let rows = match order {
            FlowOrder::Source => self.sorted(rows, total_flows, by_ends(|key| [key.src, key.dst])),
            FlowOrder::Destination => self.sorted(rows, total_flows, by_ends(|key| [key.dst, key.src])),
            _ => self.sorted(rows, total_flows, by_numbers),
        };
        rows.into_iter().map(|row| row.at).collect()
    }

    /// Rows in an order, as many as are asked for.
    fn sorted(
        &self,
        rows: impl Iterator<Item = Row>,
        total_flows: usize,
        compare: impl Fn(&Row, &Row) -> Ordering + Sync,
    ) -> Vec<Row> {
        match self.selection.top {
            Some(top) => front(rows, top, compare),
            None => {
                let mut all = Vec::with_capacity(total_flows);
                all.extend(rows);
                sort(self.engine.threads, &mut all, compare);
                all
            }
        }
    }

    /// How many flows there are in the result, were it to show all.
    pub(super) fn total_flows(&self) -> usize {
        self.flows().filter(|(_, _, flow)| flow.changed > self.since).count() + self.cards.len()
    }

    /// The flows that are not among those, and whose findings are not noted or may be others.
    pub(super) fn rest(&self, taken: &Places) -> Vec<FlowPlace> {
        let changed = self.flows().filter(|(_, _, flow)| flow.changed > self.since).map(|(at, _, _)| at);
        let all_held = self.cards.iter().filter(|_| self.notes.is_none()).map(|card| card.row.at);
        let held = self.added().filter(|_| self.notes.is_some()).chain(all_held);
        changed.chain(held).filter(|at| !taken.contains(at)).collect()
    }

    /// Of the noted findings of other flows: the flows that have the gravest, and how grave each is.
    pub(super) fn noted(&self, taken: &Places, most: usize) -> (Vec<FlowPlace>, Vec<Severity>) {
        let added: Places = self.added().collect();
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

    fn key(&self, at: FlowPlace) -> FlowKey {
        let Some(shard) = self.engine.shards.get(at.share as usize) else { return FlowKey::default() };
        if !at.is_held {
            return shard.flows.get(at.place as usize).map(|flow| flow.key).unwrap_or_default();
        }
        let Some(frame) = shard.held.first(at.place as usize) else { return FlowKey::default() };
        let mut packet = Dissected::new(&frame);
        dissect(&frame, &mut packet).map(|()| packet.flow_key()).unwrap_or_default()
    }

    /// The cards of flows that wait and have not been decoded, any of which may have these decoders. So many of the frames of
    /// each are looked at.
    pub(super) fn unread<'p>(
        &'p self,
        flows: &'p [FlowPlace],
        heads: usize,
        decoders: u64,
    ) -> impl Iterator<Item = Card> + 'p {
        let figures = self.side_by_side(flows.iter().copied(), heads, |figures: &mut Figures, head| figures.add(head));
        figures.into_iter().map(move |(at, figures)| {
            let shard = self.engine.shards.get(at.share as usize);
            let packets = shard.map_or(0, |shard| shard.held.frame_count(at.place as usize)) as u32;
            Card { row: figures.row(at, self.selection.order), packets, decoders }
        })
    }

    /// Looks at the memory of flows that are shown next.
    fn look_ahead(&self, flows: impl Iterator<Item = FlowPlace>) {
        self.side_by_side(flows, usize::MAX, |(), _| {});
    }

    /// Goes through the frames of flows that wait. Each lies where it came in, and says where the one before it does, which has
    /// to be waited for: so one frame of each flow is seen before the next of any, and all of these are waited for at once. Of
    /// each flow it sees so many frames.
    fn side_by_side<T: Default>(
        &self,
        flows: impl Iterator<Item = FlowPlace>,
        most: usize,
        mut see: impl FnMut(&mut T, &Head),
    ) -> Vec<(FlowPlace, T)> {
        let begin = |at: FlowPlace| {
            let held = &self.engine.shards.get(at.share as usize)?.held;
            Some((held.heads(at.place as usize), (at, T::default())))
        };
        let mut walks: Vec<_> = flows.filter(|at| at.is_held).filter_map(begin).collect();
        walks.iter().for_each(|(heads, _)| heads.look_at::<FIRST_LINES>());
        for _ in 0..most {
            let mut is_over = true;
            for (heads, (_, seen)) in &mut walks {
                if let Some((head, _)) = heads.next() {
                    see(seen, &head);
                    is_over = false;
                }
            }
            if is_over {
                break;
            }
            walks.iter().for_each(|(heads, _)| heads.look_at::<LATER_LINES>());
        }
        walks.into_iter().map(|(_, seen)| seen).collect()
    }

    /// Shows flows, some at a time, of which those that wait are decoded anew; `replay` is for that.
    pub(super) fn show(&self, replay: &mut Shard, flows: &[FlowPlace], mut see: impl FnMut(&[Shown<'_>])) {
        let shard_of = |at: &FlowPlace| self.engine.shards.get(at.share as usize);
        for flows in flows.chunks(TOGETHER) {
            self.look_ahead(flows.iter().copied());
            let held = flows.iter().filter(|at| at.is_held);
            let held = held.filter_map(|at| Some((&shard_of(at)?.held, at.place as usize)));
            let mut replayed = replay.replay(self.engine.env(), held).into_iter();
            let found = flows.iter().filter_map(|&at| {
                let own = shard_of(&at)?;
                let (shard, place) = if at.is_held { (&*replay, replayed.next()??) } else { (own, at.place as usize) };
                Some(Shown { at, shard, flow: shard.flows.get(place)? })
            });
            see(&found.collect::<SmallVec<[_; TOGETHER]>>());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_comes_last() {
        let at = FlowPlace { share: 0, place: 0, is_held: false };
        let figures = |first: Option<i64>, last: Option<i64>, packets| Figures {
            first_seen: first.map(Timestamp::from_nanos),
            last_seen: last.map(Timestamp::from_nanos),
            packets,
            bytes: 1000,
        };
        let rank = |of: Figures, order| of.row(at, order).rank;
        let by_rate = [figures(Some(0), Some(1), 9), figures(Some(0), Some(9), 9), figures(Some(0), Some(9), 1)];
        assert!(by_rate.map(|of| rank(of, FlowOrder::BitRate)).is_sorted_by(|a, b| a < b));
        let by_time =
            [figures(None, Some(-5), 1), figures(None, Some(0), 2), figures(None, Some(7), 3), figures(None, None, 4)];
        assert!(by_time.map(|of| rank(of, FlowOrder::LastSeen)).is_sorted_by(|a, b| a < b));
        assert!(by_time.map(|of| rank(of, FlowOrder::Frames)).is_sorted_by(|a, b| a > b));
        assert_eq!(by_time.map(|of| of.row(at, FlowOrder::Bytes).first_seen), [u64::MAX; 4]);
    }
}
