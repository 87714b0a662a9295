//! Counts per interval of time, where they are asked for.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use streamlens_model::{Interval, Timestamp};

/// The intervals of time of one row, in the order in which its frames came.
#[derive(Debug, Default)]
pub(crate) struct Series {
    list: Vec<Interval>,
    /// What streams that carry others miss, by the start of the interval; the others' stand in the list.
    lost_carriers: BTreeMap<Timestamp, i64>,
    jitter: Option<Box<LatestJitter>>,
}

/// The latest jitter of each stream that had packets in one interval, in nanoseconds by the index of the stream.
#[derive(Debug)]
struct LatestJitter {
    start: Timestamp,
    by_stream: HashMap<u32, f64, foldhash::fast::RandomState>,
}

impl LatestJitter {
    /// Enters the greatest of all, where it is greater than what the interval has.
    fn enter(&self, list: &mut [Interval]) {
        let greatest = self.by_stream.values().copied().max_by(f64::total_cmp);
        if let Ok(index) = list.binary_search_by_key(&self.start, |interval| interval.start)
            && let Some(interval) = list.get_mut(index)
        {
            interval.jitter_ns = interval.jitter_ns.into_iter().chain(greatest).max_by(f64::total_cmp);
        }
    }
}

impl Series {
    /// Counts packets and bytes in the interval of `time`; nothing where no intervals are asked for.
    #[inline]
    pub(crate) fn note(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        packets: u64,
        bytes: u64,
    ) {
        let (Some(length), Some(time)) = (interval_ns, time) else { return };
        let interval = series.get_or_insert_default().at(start_of(length, time));
        interval.packets += packets;
        interval.bytes += bytes;
    }

    /// Counts numbers found missing (negative: found after all) by streams that carry others, or by others, and records the
    /// jitter of a stream as it is now, by the index of the stream.
    pub(crate) fn note_health(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        (lost, are_carriers): (i64, bool),
        jitter: Option<(u32, f64)>,
    ) {
        let (Some(length), Some(time)) = (interval_ns, time) else { return };
        let (series, start) = (series.get_or_insert_default(), start_of(length, time));
        let known = series.at(start).lost.get_or_insert(0);
        if !are_carriers {
            *known += lost;
        } else if lost != 0 {
            *series.lost_carriers.entry(start).or_default() += lost;
        }
        if let Some((stream, jitter_ns)) = jitter {
            series.note_jitter(start, stream, jitter_ns);
        }
    }

    /// Counts losses that streams know nothing of.
    pub(crate) fn note_lost(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        lost: i64,
    ) {
        if let (Some(length), Some(time)) = (interval_ns, time) {
            *series.get_or_insert_default().at(start_of(length, time)).lost.get_or_insert(0) += lost;
        }
    }

    fn note_jitter(&mut self, start: Timestamp, stream: u32, jitter_ns: f64) {
        let by_stream = HashMap::default;
        let latest = self.jitter.get_or_insert_with(|| Box::new(LatestJitter { start, by_stream: by_stream() }));
        if latest.start != start {
            latest.enter(&mut self.list);
            latest.by_stream.clear();
            latest.start = start;
        }
        latest.by_stream.insert(stream, jitter_ns);
    }

    fn at(&mut self, start: Timestamp) -> &mut Interval {
        // nearly always the last one; a late frame belongs to one a little before
        let index = self.list.partition_point(|interval| interval.start < start);
        if self.list.get(index).is_none_or(|interval| interval.start != start) {
            self.list.insert(index, Interval { start, ..Interval::default() });
        }
        &mut self.list[index]
    }

    /// The intervals so far, in order of time.
    pub(crate) fn list(&self) -> Vec<Interval> {
        let mut list = self.list.clone();
        for (start, lost) in &self.lost_carriers {
            if let Ok(index) = list.binary_search_by_key(start, |interval| interval.start)
                && let Some(interval) = list.get_mut(index)
            {
                interval.lost = interval.lost.max(Some(*lost));
            }
        }
        if let Some(latest) = &self.jitter {
            latest.enter(&mut list);
        }
        list
    }
}

/// Where the interval of an instant begins.
fn start_of(length: u64, time: Timestamp) -> Timestamp {
    let length = i64::try_from(length).unwrap_or(i64::MAX).max(1);
    Timestamp::from_nanos(time.as_nanos().div_euclid(length).saturating_mul(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The jitter of an interval after these packets: time, stream, the stream's jitter then. Intervals are 10 long.
    fn jitters(packets: &[(i64, u32, Option<f64>)]) -> Vec<(i64, Option<f64>)> {
        let mut series = None;
        for &(time, stream, jitter) in packets {
            let jitter = jitter.map(|jitter| (stream, jitter));
            Series::note_health(&mut series, Some(10), Some(Timestamp::from_nanos(time)), (0, false), jitter);
        }
        let list = series.unwrap_or_default().list();
        list.iter().map(|interval| (interval.start.as_nanos(), interval.jitter_ns)).collect()
    }

    #[test]
    fn jitter_is_the_greatest_of_any_stream_at_the_end_of_the_interval() {
        let of_three = [(1, 1, Some(9.0)), (2, 1, Some(5.0)), (3, 2, Some(3.0)), (4, 3, None)];
        assert_eq!(jitters(&of_three), [(0, Some(5.0))], "not the last stream's, and not what was and is no more");
        let of_two = [(1, 1, Some(5.0)), (2, 2, Some(6.0)), (11, 2, Some(4.0)), (25, 1, Some(2.0)), (26, 2, Some(1.0))];
        assert_eq!(jitters(&of_two), [(0, Some(6.0)), (10, Some(4.0)), (20, Some(2.0))]);
    }

    #[test]
    fn what_carries_and_what_is_carried_is_never_added_up() {
        let mut series = None;
        for (time, lost, are_carriers) in [(1, 2, true), (2, 3, false), (3, 1, false), (11, 5, true), (12, 4, false)] {
            Series::note_health(&mut series, Some(10), Some(Timestamp::from_nanos(time)), (lost, are_carriers), None);
        }
        let lost: Vec<_> = series.unwrap_or_default().list().iter().map(|interval| interval.lost).collect();
        assert_eq!(lost, [Some(4), Some(5)]);
    }

    #[test]
    fn without_a_media_clock_there_is_none() {
        assert_eq!(jitters(&[(1, 1, None), (12, 1, None)]), [(0, None), (10, None)]);
    }

    #[test]
    fn a_frame_of_an_earlier_interval_leaves_the_later_one_as_it_was() {
        assert_eq!(
            jitters(&[(1, 1, Some(5.0)), (11, 1, Some(4.0)), (2, 1, Some(3.0))]),
            [(0, Some(5.0)), (10, Some(4.0))]
        );
    }
}
