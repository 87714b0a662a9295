//! Makes an aggregate of each second of capture time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use streamlens_live::{Reader, Update};
use streamlens_model::Timestamp;
use streamlens_model::row::{Delta, FlowId, Level, Row, RowId, RowName};
use streamlens_protocol::Aggregate;

use super::spool::Spool;

const SECOND: i64 = 1_000_000_000;

/// Follows the looks of a driver, and keeps what each second brought, until the source ends.
pub(super) fn follow(mut reader: Reader, spool: &Arc<Spool>) {
    let mut sums = Sums::default();
    loop {
        match reader.next(Duration::from_secs(1)) {
            Update::Changes(deltas) => deltas.iter().filter_map(|delta| sums.take(delta)).for_each(|it| spool.push(it)),
            Update::Nothing if Arc::strong_count(spool) == 1 => return,
            Update::Nothing => {}
            Update::End => return sums.rest().into_iter().for_each(|it| spool.push(it)),
        }
    }
}

/// The second that a time lies in.
fn begin_of_second(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().div_euclid(SECOND).saturating_mul(SECOND))
}

/// What has come, and what of it was told.
#[derive(Debug, Default)]
struct Sums {
    flows: HashMap<FlowId, Sum>,
    /// Numbers that never came, of encodings.
    lost: BTreeMap<RowId, u64>,
    /// How often the source had started over, and what of the start before was not told yet, by flow.
    round: u64,
    rest: BTreeMap<String, Came>,
    from: Option<Timestamp>,
    now: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Sum {
    key: String,
    now: Counts,
    told: Counts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    packets: u64,
    bytes: u64,
    lost: Option<u64>,
}

/// What has come of a flow: packets, bytes, numbers that never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Came {
    packets: u64,
    bytes: u64,
    lost: Option<i64>,
}

impl Came {
    fn and(self, more: Self) -> Self {
        let lost = match (self.lost, more.lost) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self { packets: self.packets + more.packets, bytes: self.bytes + more.bytes, lost }
    }
}

impl Sum {
    /// What came since it was told last.
    fn tell(&mut self) -> Came {
        let (now, told) = (self.now, std::mem::replace(&mut self.told, self.now));
        let lost = now.lost.map(|lost| lost.cast_signed() - told.lost.unwrap_or(0).cast_signed());
        let more = |now: u64, told: u64| now.saturating_sub(told);
        Came { packets: more(now.packets, told.packets), bytes: more(now.bytes, told.bytes), lost }
    }
}

impl Sums {
    /// Flows of another start count from 0; what was not told of the start before is told with them.
    fn start_over(&mut self, round: u64) {
        self.round = round;
        for (_, mut sum) in self.flows.drain().filter(|(_, sum)| sum.now != sum.told && !sum.key.is_empty()) {
            let came = sum.tell();
            let rest = self.rest.entry(sum.key).or_default();
            *rest = rest.and(came);
        }
        self.lost.clear();
    }

    /// Takes a look; the aggregate of the time before it, where a second is over.
    fn take(&mut self, delta: &Delta) -> Option<Aggregate> {
        if delta.round != self.round {
            self.start_over(delta.round);
        }
        if delta.since.is_none() {
            // what was told stays told
            self.lost.clear();
        }
        for (id, name) in &delta.names {
            if let RowName::Flow(key, _) = name {
                self.flows.entry(id.flow).or_default().key = key.to_string();
            }
        }
        delta.rows.iter().chain(&delta.gone).for_each(|row| self.count(row));
        let now = delta.now?;
        self.now = Some(now);
        // of a capture that is read as fast as it goes the first look comes late
        let earliest = || delta.rows.iter().filter_map(|row| row.first_seen).min().unwrap_or(now);
        let from = *self.from.get_or_insert_with(|| {
            begin_of_second(earliest().min(Timestamp::from_nanos(now.as_nanos().saturating_sub(1))))
        });
        let made = (now.as_nanos().div_euclid(SECOND) > from.as_nanos().div_euclid(SECOND)).then(|| self.aggregate());
        for gone in delta.gone.iter().filter(|row| row.id.level == Level::Flow) {
            // its last packets are told with the second that it ended in
            if made.is_some() {
                self.flows.remove(&gone.id.flow);
            }
        }
        made.flatten()
    }

    fn count(&mut self, row: &Row) {
        match row.id.level {
            Level::Flow => {
                let sum = self.flows.entry(row.id.flow).or_default();
                (sum.now.packets, sum.now.bytes) = (row.packets, row.bytes.unwrap_or_default());
            }
            Level::Encoding => {
                let Some(lost) = row.health.lost else { return };
                self.lost.insert(row.id, lost);
                let own = RowId::flow(row.id.flow);
                let of_flow = self.lost.range(own..).take_while(|(id, _)| id.flow == own.flow);
                let lost = of_flow.map(|(_, lost)| lost).sum();
                self.flows.entry(row.id.flow).or_default().now.lost = Some(lost);
            }
            _ => {}
        }
    }

    /// What has come since the last one; `None` before anything has a time.
    fn aggregate(&mut self) -> Option<Aggregate> {
        let (from, to) = self.from.zip(self.now)?;
        self.from = Some(to);
        let mut all = std::mem::take(&mut self.rest);
        for sum in self.flows.values_mut().filter(|sum| sum.now != sum.told && !sum.key.is_empty()) {
            let came = sum.tell();
            let known = all.entry(sum.key.clone()).or_default();
            *known = known.and(came);
        }
        let rows = all.into_iter().map(|(key, came)| (key, came.packets, came.bytes, came.lost)).collect();
        Some(Aggregate { number: 0, from: from.to_string(), to: to.to_string(), rows })
    }

    /// The last one, of a time that may be shorter.
    fn rest(&mut self) -> Option<Aggregate> {
        let is_news = !self.rest.is_empty() || self.flows.values().any(|sum| sum.now != sum.told);
        if is_news { self.aggregate() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use streamlens_model::row::Epoch;
    use streamlens_model::{FlowKey, TrafficType};

    use super::*;

    fn look(epoch: u64, ms: i64, packets: u64, lost: Option<u64>) -> Delta {
        let id = RowId::flow(FlowId::default());
        let mut encoding = Row { id: RowId::encoding(FlowId::default(), 0, 0), ..Row::default() };
        encoding.health.lost = lost;
        Delta {
            since: (epoch > 1).then(|| Epoch(epoch - 1)),
            epoch: Epoch(epoch),
            now: Some(Timestamp::from_nanos(ms * 1_000_000)),
            rows: vec![Row { id, packets, bytes: Some(packets * 100), ..Row::default() }, encoding],
            names: vec![(id, RowName::Flow(FlowKey::default(), Some(TrafficType::Unicast)))],
            ..Delta::default()
        }
    }

    #[test]
    fn a_round_counts_from_nothing_and_none_of_the_one_before_is_left_out() {
        let mut sums = Sums::default();
        sums.take(&look(1, 5_100, 4, Some(3)));
        sums.take(&look(2, 5_600, 90, Some(3)));
        let mut first = look(3, 5_900, 2, Some(0));
        (first.since, first.round) = (None, 1);
        assert_eq!(sums.take(&first), None);
        let mut second = look(4, 6_200, 7, Some(1));
        second.round = 1;
        let made = sums.take(&second).unwrap();
        assert_eq!((made.rows[0].1, made.rows[0].2, made.rows[0].3), (97, 9_700, Some(4)));
        assert_eq!(sums.rest(), None);
    }

    #[test]
    fn a_second_has_what_came_in_it() {
        let mut sums = Sums::default();
        let looks = [(5_100, 1), (5_900, 9), (6_000, 10), (6_500, 15), (8_000, 31)];
        let mut made = Vec::new();
        for (epoch, (ms, packets)) in (1..).zip(looks) {
            made.extend(sums.take(&look(epoch, ms, packets, (packets > 10).then_some(2))));
        }
        made.extend(sums.rest());
        let short: Vec<_> =
            made.iter().map(|of| (&of.from[17..19], &of.to[17..19], of.rows[0].1, of.rows[0].3)).collect();
        assert_eq!(short, [("05", "06", 10, None), ("06", "08", 21, Some(2))]);
        sums.take(&look(6, 8_400, 33, Some(1)));
        let rest = sums.rest().unwrap();
        assert_eq!((rest.rows[0].1, rest.rows[0].2, rest.rows[0].3), (2, 200, Some(-1)));
        assert!(sums.rest().is_none());
    }
}
