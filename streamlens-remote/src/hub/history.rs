//! Figures by the second that came from a probe, and what is missing of them, by kind.

use std::collections::BTreeMap;

use streamlens_model::Timestamp;
use streamlens_protocol::{Aggregate, GapKind, ProbeGap, ProbeSecond, ProbeSeries, SpoolState};
use streamlens_web::deflated;

use crate::text::inflated;

/// Starts of a probe that are kept.
const STARTS: usize = 8;
/// Bytes of the text of one aggregate.
const MOST_TEXT: usize = 1 << 20;
/// Ranges that are asked for at once.
const RANGES: usize = 64;
/// Seconds that a series has.
const MOST_SECONDS: usize = 86_400;

/// What is kept of a probe.
#[derive(Debug)]
pub(super) struct History {
    /// The latest last.
    starts: Vec<Start>,
    most_bytes: usize,
    bytes: usize,
    /// Whether the probe has been asked for what is missing, and whether any of it has come since somebody looked.
    is_asked: bool,
    has_moved: bool,
    /// The first number that was missing when that was last looked at.
    lacked: Option<u64>,
}

/// What is kept of one start of a probe.
#[derive(Debug, Default)]
struct Start {
    start: String,
    entries: BTreeMap<u64, Entry>,
    /// First and last number of each run of what is here: few, however long a probe has been heard.
    runs: BTreeMap<u64, u64>,
    /// Of what the probe keeps.
    spool: SpoolState,
    /// Below this number there was no room here.
    floor: u64,
}

#[derive(Debug)]
struct Entry {
    from: Timestamp,
    to: Timestamp,
    /// The compressed text.
    bytes: Box<[u8]>,
    is_filled: bool,
}

impl History {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { starts: Vec::new(), most_bytes, bytes: 0, is_asked: false, has_moved: false, lacked: None }
    }

    /// A probe is there, with this start.
    pub(super) fn begin(&mut self, start: &str) {
        if self.starts.last().is_some_and(|last| last.start == start) {
            return;
        }
        self.starts.push(Start { start: start.to_owned(), ..Start::default() });
        while self.starts.len() > STARTS {
            let old = self.starts.remove(0);
            self.bytes -= old.entries.values().map(|entry| weight(&entry.bytes)).sum::<usize>();
        }
    }

    /// What the probe keeps.
    pub(super) fn spool(&mut self, spool: SpoolState) {
        self.starts.last_mut().into_iter().for_each(|start| start.spool = spool);
    }

    /// Keeps an aggregate; what is wrong with it, where something is.
    pub(super) fn take(&mut self, aggregate: &Aggregate, is_live: bool) -> Result<(), &'static str> {
        let Some(start) = self.starts.last_mut() else { return Ok(()) };
        let time = |text: &str| streamlens_filter::instant(text).ok_or("an aggregate without a time");
        let (from, to) = (time(&aggregate.from)?, time(&aggregate.to)?);
        if aggregate.number == 0 || aggregate.number >= streamlens_protocol::MAX_SAFE || to < from {
            return Err("an aggregate whose number or times can't be");
        }
        if aggregate.number < start.floor || start.entries.contains_key(&aggregate.number) {
            return Ok(());
        }
        let text = serde_json::to_vec(aggregate).unwrap_or_default();
        let bytes: Box<[u8]> = deflated(&text).unwrap_or_default().into();
        self.bytes += weight(&bytes);
        start.note(aggregate.number);
        start.spool.next = start.spool.next.max(aggregate.number + 1);
        self.has_moved |= !is_live;
        start.entries.insert(aggregate.number, Entry { from, to, bytes, is_filled: !is_live });
        self.make_room();
        Ok(())
    }

    /// Keeps no more than so many bytes from now on.
    pub(super) fn bound(&mut self, most_bytes: usize) {
        self.most_bytes = most_bytes;
        self.make_room();
    }

    fn make_room(&mut self) {
        while self.bytes > self.most_bytes {
            let Some(start) = self.starts.iter_mut().find(|start| !start.entries.is_empty()) else { break };
            let Some((number, entry)) = start.entries.pop_first() else { break };
            self.bytes -= weight(&entry.bytes);
            start.forget(number);
        }
    }

    /// First and last number of what the probe has and this has not.
    pub(super) fn missing(&self) -> Vec<(u64, u64)> {
        let Some(start) = self.starts.last() else { return Vec::new() };
        start.holes(start.spool.first).take(RANGES).collect()
    }

    /// What to ask the probe for.
    pub(super) fn ask(&mut self) -> Vec<(u64, u64)> {
        let missing = self.missing();
        (self.is_asked, self.has_moved) = (!missing.is_empty(), false);
        missing
    }

    /// Whether something is missing, as it was at the last call, that the probe has not been asked for: what has just been
    /// measured may be on its way.
    pub(super) fn is_behind(&mut self) -> bool {
        let missing = self.missing().first().map(|(from, _)| *from);
        self.is_asked &= missing.is_some();
        let before = std::mem::replace(&mut self.lacked, missing);
        !self.is_asked && missing.is_some() && before == missing
    }

    /// Whether what was asked for does not come. Looked at now and then.
    pub(super) fn is_stuck(&mut self) -> bool {
        let has_moved = std::mem::take(&mut self.has_moved);
        self.is_asked && !has_moved && !self.missing().is_empty()
    }

    /// How many aggregates are still to come.
    pub(super) fn pending(&self) -> u64 {
        self.missing().iter().map(|(from, to)| to - from + 1).sum()
    }

    /// The figures of a flow, with times less so many nanoseconds; and whether it is in any of them.
    pub(super) fn series(&self, flow: &str, shift_ns: i64) -> (ProbeSeries, bool) {
        let (mut series, mut has_flow) = (ProbeSeries::default(), false);
        let mut before: Option<Timestamp> = None;
        for start in &self.starts {
            let first = start.entries.values().next();
            if let (Some(before), Some(first)) = (before, first)
                && first.from > before
            {
                series.gaps.push(gap(Some(before), Some(first.from), GapKind::NeverMeasured, 0));
            }
            start.gaps(&mut series.gaps);
            for entry in start.entries.values() {
                let text = inflated(&entry.bytes, MOST_TEXT).unwrap_or_default();
                let aggregate: Aggregate = serde_json::from_slice(&text).unwrap_or_default();
                let row = aggregate.rows.iter().find(|row| row.0 == flow);
                has_flow |= row.is_some();
                let (packets, bytes, lost) = row.map_or((0, 0, None), |row| (row.1, row.2, row.3));
                let (from, to, filled) = (aggregate.from, aggregate.to, entry.is_filled);
                series.seconds.push(ProbeSecond { from, to, packets, bytes, lost, filled });
            }
            before = start.entries.values().map(|entry| entry.to).max().or(before);
        }
        if shift_ns != 0 {
            let corrected = |text: &mut String| {
                let time = streamlens_filter::instant(text).map(|time| time.as_nanos().saturating_sub(shift_ns));
                time.into_iter().for_each(|time| *text = Timestamp::from_nanos(time).to_string());
            };
            series.seconds.iter_mut().for_each(|of| [&mut of.from, &mut of.to].into_iter().for_each(corrected));
            let ends = series.gaps.iter_mut().flat_map(|gap| [&mut gap.from, &mut gap.to]);
            ends.flatten().for_each(corrected);
        }
        let over = series.seconds.len().saturating_sub(MOST_SECONDS);
        series.seconds.drain(..over);
        (series, has_flow)
    }
}

impl Start {
    /// One of this number is here, which was not.
    fn note(&mut self, number: u64) {
        let before =
            self.runs.range(..number).next_back().filter(|(_, last)| **last + 1 == number).map(|(first, _)| *first);
        let last = self.runs.remove(&(number + 1)).unwrap_or(number);
        self.runs.insert(before.unwrap_or(number), last);
    }

    /// The first that was here went for want of room: it is not asked for again, nor is what was in front of it.
    fn forget(&mut self, number: u64) {
        self.floor = number + 1;
        if let Some((first, last)) = self.runs.pop_first()
            && first.max(number) < last
        {
            self.runs.insert(number + 1, last);
        }
    }

    /// First and last number of what is not here, from a number, and the first that may be here, up to the last that was
    /// measured.
    fn holes(&self, from: u64) -> impl Iterator<Item = (u64, u64)> {
        let from = from.max(self.floor).max(1);
        let within = self.runs.range(..from).next_back().map(|(_, last)| last + 1).filter(|next| *next > from);
        let runs = self.runs.range(from..).map(|(first, last)| (*first, *last + 1));
        let end = std::iter::once((self.spool.next, u64::MAX));
        runs.chain(end)
            .scan(within.unwrap_or(from), |next, (first, behind)| {
                let hole = (*next, first.saturating_sub(1));
                *next = behind.max(*next);
                Some((hole.0 < first).then_some(hole))
            })
            .flatten()
    }

    /// What is not here, by whether the probe still has it.
    fn gaps(&self, gaps: &mut Vec<ProbeGap>) {
        for (from, to) in self.holes(0) {
            let time = |entry: Option<&Entry>, of: fn(&Entry) -> Timestamp| entry.map(of);
            let begin = time(self.entries.range(..from).next_back().map(|(_, entry)| entry), |entry| entry.to);
            let end = time(self.entries.range(to..).next().map(|(_, entry)| entry), |entry| entry.from);
            let kept = from.max(self.spool.first);
            if from < kept {
                let last = to.min(kept - 1);
                gaps.push(gap(begin, end, GapKind::NotKept, last - from + 1));
            }
            if kept <= to {
                gaps.push(gap(begin, end, GapKind::NotYetSent, to - kept + 1));
            }
        }
    }
}

/// Bytes that an entry takes, about.
fn weight(bytes: &[u8]) -> usize {
    bytes.len() + 2 * size_of::<Entry>()
}

fn gap(from: Option<Timestamp>, to: Option<Timestamp>, kind: GapKind, aggregates: u64) -> ProbeGap {
    ProbeGap { from: from.map(|time| time.to_string()), to: to.map(|time| time.to_string()), kind, aggregates }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(number: u64, second: u64) -> Aggregate {
        Aggregate {
            number,
            from: format!("2026-03-02T09:00:{second:02}Z"),
            to: format!("2026-03-02T09:00:{:02}Z", second + 1),
            rows: vec![("a -> b".to_owned(), second, second * 100, None)],
        }
    }

    fn kinds(history: &History) -> Vec<(GapKind, u64)> {
        history.series("a -> b", 0).0.gaps.iter().map(|gap| (gap.kind, gap.aggregates)).collect()
    }

    proptest::proptest! {
        #[test]
        fn holes_are_where_nothing_is(
            numbers in proptest::collection::vec(1_u64..60, 0..80), next in 0_u64..80, most in 1_usize..4_000, from in 0_u64..70,
        ) {
            let mut history = History::new(most);
            history.begin("first");
            for number in numbers {
                history.take(&aggregate(number, number.min(58)), true).unwrap();
            }
            let start = &mut history.starts[0];
            start.spool.next = start.spool.next.max(next);
            let from = from.max(start.floor).max(1);
            let holes: Vec<u64> = start.holes(from).flat_map(|(from, to)| from..=to).collect();
            let wanted = (from..start.spool.next).filter(|number| !start.entries.contains_key(number));
            proptest::prop_assert_eq!(holes, wanted.collect::<Vec<_>>());
        }
    }

    #[test]
    fn gaps_are_of_three_kinds() {
        let mut history = History::new(1 << 20);
        history.begin("first");
        (1..=3).for_each(|number| history.take(&aggregate(number, number), true).unwrap());
        history.take(&aggregate(9, 9), true).unwrap();
        history.spool(SpoolState { first: 6, next: 10, ..SpoolState::default() });
        assert_eq!(history.missing(), [(6, 8)]);
        assert!(!history.is_behind() && history.is_behind(), "what is missing twice is asked for");
        assert_eq!(history.ask(), [(6, 8)]);
        assert!(!history.is_behind() && history.is_stuck());
        assert_eq!(kinds(&history), [(GapKind::NotKept, 2), (GapKind::NotYetSent, 3)]);
        (6..=8).for_each(|number| history.take(&aggregate(number, number), false).unwrap());
        assert_eq!((history.missing(), history.pending()), (Vec::new(), 0));
        history.begin("second");
        history.take(&aggregate(1, 20), true).unwrap();
        assert_eq!(kinds(&history), [(GapKind::NotKept, 2), (GapKind::NeverMeasured, 0)]);
        let (series, has_flow) = history.series("a -> b", 0);
        assert!(has_flow);
        let seconds: Vec<_> = series.seconds.iter().map(|second| (second.packets, second.filled)).collect();
        let wanted = [(1, false), (2, false), (3, false), (6, true), (7, true), (8, true), (9, false), (20, false)];
        assert_eq!(seconds, wanted);
        assert_eq!(series.gaps[1].from.as_deref(), Some("2026-03-02T09:00:10.000000000Z"));
        let (series, has_flow) = history.series("no such flow", 0);
        assert!(!has_flow && series.seconds.iter().all(|second| second.packets == 0));
    }

    #[test]
    fn what_finds_no_room_is_not_asked_for_again() {
        let mut history = History::new(2_000);
        history.begin("first");
        for number in 1..=59 {
            history.take(&aggregate(number, number - 1), true).unwrap();
        }
        assert!(history.bytes <= 2_000 && !history.starts[0].entries.is_empty());
        assert_eq!(history.missing(), []);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut history = History::new(1 << 20);
        history.begin("first");
        for wrong in [
            aggregate(0, 1),
            aggregate(u64::MAX, 1),
            Aggregate { from: "now".to_owned(), ..aggregate(1, 1) },
            Aggregate { to: "1970-01-01T00:00:00Z".to_owned(), ..aggregate(1, 1) },
        ] {
            assert!(history.take(&wrong, true).is_err(), "{wrong:?}");
        }
        let edges =
            Aggregate { from: "1970-01-01T00:00:00Z".into(), to: "2262-04-11T00:00:00Z".into(), ..aggregate(1, 1) };
        assert!(history.take(&edges, true).is_ok());
    }
}
