//! Changed rows that nobody has looked at yet.
//!
//! All rows may change ten times a second. A screen shows some of them, and filters and orders ask for all once a second: rows
//! stay in the delta that brought them until they are looked at, or until newer ones of the same rows take their place.

use std::collections::VecDeque;
use std::sync::Arc;

use streamlens_model::row::{Delta, FlowId, Row, RowId, RowTable};

/// Slots of flows beyond which rows are taken in at once: they are numbered densely, so that there are not more.
const MOST_SLOTS: usize = 1 << 23;
/// Rows that may wait whatever the number of rows.
const FEW: usize = 4096;

/// Rows that wait, by their flows.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// The deltas that they are in, the oldest first; `None` of those in which none waits any more.
    deltas: VecDeque<Option<Held>>,
    /// The number of the first of these.
    first: u64,
    /// Where rows of a flow wait, by the slot of the flow.
    places: Vec<Option<Place>>,
    /// Rows of all deltas that are held.
    rows: usize,
}

#[derive(Debug)]
struct Held {
    delta: Arc<Delta>,
    /// Flows of which rows wait in it.
    flows: usize,
}

/// The rows of a flow in a delta.
#[derive(Clone, Copy, Debug)]
struct Place {
    delta: u64,
    from: u32,
    to: u32,
    /// Which rows of the flow they are, as a hash: so that those of before need not be fetched to be compared.
    which: u64,
}

impl Place {
    fn rows(self, delta: &Delta) -> &[Row] {
        delta.rows.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Pending {
    /// Applies a delta but for the figures of known rows, which wait; `see` is shown the first row of
    /// each flow that has any. False, and no change,
    /// where it doesn't follow on the last one.
    pub(crate) fn take(&mut self, delta: &Arc<Delta>, table: &mut RowTable, mut see: impl FnMut(&Row)) -> bool {
        if delta.since.is_none() {
            *self = Self::default();
            flows_of(&delta.rows).for_each(|(first, _)| see(first));
            return table.apply(delta);
        }
        if delta.since != Some(table.epoch) {
            return false;
        }
        delta.gone.iter().for_each(|gone| self.settle(gone.id.flow, table));
        let number = self.first + self.deltas.len() as u64;
        self.deltas.push_back(Some(Held { delta: Arc::clone(delta), flows: 0 }));
        self.rows += delta.rows.len();
        table.apply_with(delta, |table| {
            for (first, place) in flows_of(&delta.rows) {
                see(first);
                self.put(first.id.flow, Place { delta: number, ..place }, delta, table);
            }
            // names are given to rows that are there
            let mut last = None;
            for (id, _) in &delta.names {
                if last.replace(id.flow) != Some(id.flow) {
                    self.settle(id.flow, table);
                }
            }
        });
        self.let_go(number);
        while self.rows > 2 * table.rows.len() + FEW {
            self.settle_oldest(table);
        }
        true
    }

    /// Has rows of a flow wait. Older ones of other rows are taken in, those of the same rows are forgotten.
    fn put(&mut self, flow: FlowId, place: Place, delta: &Delta, table: &mut RowTable) {
        let slot = flow.slot as usize;
        if slot >= MOST_SLOTS {
            return table.set_rows(place.rows(delta));
        }
        if self.places.len() <= slot {
            self.places.resize(slot + 1, None);
        }
        let before = self.places.get_mut(slot).and_then(|known| known.replace(place));
        if let Some(Some(held)) = self.deltas.back_mut() {
            held.flows += 1;
        }
        if let Some(before) = before {
            let is_replaced = before.which == place.which;
            self.end(before, |rows| {
                if !is_replaced {
                    table.set_rows(rows);
                }
            });
            self.let_go(before.delta);
        }
    }

    /// A delta by its number; `None` where it has been let go, with all before it.
    fn held(&mut self, number: u64) -> Option<&mut Option<Held>> {
        let place = number.checked_sub(self.first)?;
        self.deltas.get_mut(usize::try_from(place).ok()?)
    }

    /// Ends the waiting of rows.
    fn end(&mut self, place: Place, take: impl FnOnce(&[Row])) {
        if let Some(Some(held)) = self.held(place.delta) {
            take(place.rows(&held.delta));
            held.flows -= 1;
        }
    }

    /// Takes in what waits of a flow.
    pub(crate) fn settle(&mut self, flow: FlowId, table: &mut RowTable) {
        if let Some(place) = self.places.get_mut(flow.slot as usize).and_then(Option::take) {
            self.end(place, |rows| table.set_rows(rows));
            self.let_go(place.delta);
        }
    }

    /// Takes in all that waits, flows in their order.
    pub(crate) fn settle_all(&mut self, table: &mut RowTable) {
        for place in std::mem::take(&mut self.places).into_iter().flatten() {
            self.end(place, |rows| table.set_rows(rows));
        }
        *self = Self { first: self.first + self.deltas.len() as u64, ..Self::default() };
    }

    /// Takes in what waits in the oldest delta.
    fn settle_oldest(&mut self, table: &mut RowTable) {
        let number = self.first;
        let delta = self.deltas.front().and_then(Option::as_ref).map(|held| Arc::clone(&held.delta));
        for flow in delta.iter().flat_map(|delta| flows_of(&delta.rows)).map(|(first, _)| first.id.flow) {
            let place = self.places.get(flow.slot as usize).copied().flatten();
            if place.is_some_and(|place| place.delta == number) {
                self.settle(flow, table);
            }
        }
        self.let_go(number);
    }

    /// Lets a delta go in which nothing waits.
    fn let_go(&mut self, number: u64) {
        let Some(held) = self.held(number) else { return };
        if let Some(empty) = held.take_if(|held| held.flows == 0) {
            self.rows -= empty.delta.rows.len();
        }
        while self.deltas.front().is_some_and(Option::is_none) {
            self.deltas.pop_front();
            self.first += 1;
        }
    }
}

/// The first row of each flow, and where the rows of the flow stand.
fn flows_of(rows: &[Row]) -> impl Iterator<Item = (&Row, Place)> {
    let mut from = 0;
    rows.chunk_by(|one, other| one.id.flow == other.id.flow).filter_map(move |rows| {
        let first = rows.first()?;
        let to = from + u32::try_from(rows.len()).ok()?;
        let place = Place { delta: 0, from, to, which: which(rows) };
        from = to;
        Some((first, place))
    })
}

/// A hash of the identifiers of rows.
fn which(rows: &[Row]) -> u64 {
    // odd, and without a pattern
    const MIXER: u64 = 0x9E37_79B9_7F4A_7C15;
    // from a start that no first row leaves as it is
    let start = MIXER ^ u64::from(rows.first().map_or(0, |row| row.id.flow.generation));
    rows.iter().fold(start, |hash, row| {
        let RowId { level, transport, encoding, item, .. } = row.id;
        let place = (level as u64) << 56 ^ u64::from(transport) << 48 ^ u64::from(encoding) << 32 ^ u64::from(item);
        let mixed = (hash ^ place).wrapping_add(1).wrapping_mul(MIXER);
        mixed ^ mixed >> 29
    })
}

#[cfg(test)]
mod tests {
    use streamlens_model::row::{Epoch, Level, RowName};

    use super::*;

    fn id(slot: u32, item: Option<u32>) -> RowId {
        let flow = FlowId { slot, generation: slot % 3 };
        item.map_or(RowId::flow(flow), |item| RowId::encoding(flow, 0, 0).below(Level::Stream, item))
    }

    fn row(id: RowId, packets: u64) -> Row {
        Row { id, packets, ..Row::default() }
    }

    /// Looks at up to 40 flows with streams, of which in each some rows change, some appear and some end; drawn from `seed`.
    fn looks(seed: u64) -> Vec<Arc<Delta>> {
        let mut state = seed;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut known = RowTable::default();
        let mut looks = Vec::new();
        for epoch in 1..60 {
            let mut delta =
                Delta { since: (epoch > 1).then_some(Epoch(epoch - 1)), epoch: Epoch(epoch), ..Delta::default() };
            let is_whole = random(25) == 0 && epoch > 1;
            for slot in 0..40 {
                let own = id(slot, None);
                if known.rows.contains_key(&own) && random(30) == 0 && !is_whole {
                    delta.gone.push(row(own, 0));
                    continue;
                }
                for id in [own, id(slot, Some(0)), id(slot, Some(1))] {
                    let is_known = known.rows.contains_key(&id);
                    if is_whole && is_known || random(if is_known { 2 } else { 9 }) == 0 {
                        delta.rows.push(row(id, epoch));
                        if !is_known || is_whole {
                            delta.names.push((id, RowName::Named(Arc::from(id.to_string()))));
                        }
                    }
                }
            }
            if is_whole {
                delta.since = None;
            }
            assert!(known.apply(&delta));
            looks.push(Arc::new(delta));
        }
        looks
    }

    #[test]
    fn what_is_settled_is_as_if_it_had_never_waited() {
        for seed in 0..50 {
            let (mut expected, mut table, mut pending) = (RowTable::default(), RowTable::default(), Pending::default());
            let mut seen = 0;
            for (place, look) in looks(seed).iter().enumerate() {
                assert!(expected.apply(look));
                assert!(pending.take(look, &mut table, |_| seen += 1));
                assert!(!pending.take(look, &mut table, |_| seen += 1) || look.since.is_none());
                assert_eq!((&expected.findings, expected.epoch), (&table.findings, table.epoch));
                assert!(expected.rows.keys().eq(table.rows.keys()), "which rows there are is known at once");
                let slot = place as u32 % 40;
                pending.settle(id(slot, None).flow, &mut table);
                let of = |table: &RowTable| {
                    let rows = table.rows.iter().filter(|(id, _)| id.flow.slot == slot);
                    rows.map(|(_, found)| found.clone()).collect::<Vec<_>>()
                };
                assert_eq!(of(&expected), of(&table), "seed {seed}, look {place}");
                if place % 17 == 16 {
                    pending.settle_all(&mut table);
                    assert_eq!(expected, table, "seed {seed}, look {place}");
                    assert!(pending.deltas.is_empty() && pending.rows == 0);
                }
            }
            assert!(seen > 0);
        }
    }

    #[test]
    fn newer_rows_take_the_place_of_older_ones_and_memory_is_bounded() {
        let rows = |epoch: u64, slots: std::ops::Range<u32>| -> Vec<Row> {
            slots.map(|slot| row(id(slot, None), epoch)).collect()
        };
        let look = |epoch: u64, slots| {
            let since = epoch.checked_sub(1).filter(|before| *before > 0).map(Epoch);
            Arc::new(Delta { since, epoch: Epoch(epoch), rows: rows(epoch, slots), ..Delta::default() })
        };
        let (mut table, mut pending) = (RowTable::default(), Pending::default());
        pending.take(&look(1, 0..20_000), &mut table, |_| {});
        for epoch in 2..10 {
            pending.take(&look(epoch, 0..20_000), &mut table, |_| {});
            assert_eq!((pending.deltas.len(), pending.rows), (1, 20_000), "the last one alone is held");
        }
        assert_eq!(table.rows[&id(5, None)].0.packets, 1, "nobody looked");
        // of each look a flow is left over, for which it would be held for ever
        for epoch in 10..40 {
            pending.take(&look(epoch, epoch as u32..20_000), &mut table, |_| {});
            assert!(pending.rows <= 2 * 20_000 + FEW, "{}", pending.rows);
        }
        pending.settle_all(&mut table);
        assert_eq!([9, 10, 39].map(|slot| table.rows[&id(slot, None)].0.packets), [9, 10, 39]);
    }
}
