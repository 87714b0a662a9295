//! Counts per interval of time, where they are asked for.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use streamlens_model::{Interval, StreamInterval, Timestamp};

use super::listed::{FrameList, LISTS_FRAMES, Waiting};

/// The most intervals of a row: a day of seconds. Frames of further ones are not in any.
pub(crate) const MOST_INTERVALS: usize = 86_400;
/// The most intervals of all streams of an encoding together.
const MOST_OF_STREAMS: usize = 4 * MOST_INTERVALS;
/// A late frame is put into an interval that is one of so many of the latest; behind that it begins another one of the same
/// time, which is added up when the list is made: so no order of times makes it slow.
const LATEST: usize = 64;

/// The intervals of time of one row, in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct IntervalSeries {
    list: Vec<Interval>,
    /// Whether some interval was left out.
    is_full: bool,
    /// What streams that carry others miss, by the start of the interval; the others' stand in the list.
    lost_carriers: BTreeMap<Timestamp, i64>,
    /// What those others miss all in all.
    lost_carried: i64,
    jitter: Option<Box<LatestJitter>>,
    /// Of an encoding those of its streams, by their index.
    pub(super) streams: Vec<Option<Box<Self>>>,
    /// How many intervals these have together.
    of_streams: usize,
    /// Where frames are listed: those of the row, and those of which it is not known yet what they bring.
    pub(crate) frames: FrameList,
    pub(super) waiting: Waiting,
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
        if let Some(interval) = list.iter_mut().rev().take(LATEST).find(|interval| interval.start == self.start) {
            interval.jitter_ns = interval.jitter_ns.into_iter().chain(greatest).max_by(f64::total_cmp);
        }
    }
}

impl IntervalSeries {
    /// Counts a packet and its bytes in the interval of `time`; nothing where no intervals are asked for, as by most: of all four
    /// levels of every frame, that is one comparison each.
    #[inline(always)]
    pub(crate) fn note(series: &mut Option<Box<Self>>, interval_ns: Option<u64>, time: Option<Timestamp>, bytes: u64) {
        if let Some(length) = interval_ns {
            Self::count(series, length, time, bytes);
        }
    }

    #[inline(never)]
    pub(super) fn count(series: &mut Option<Box<Self>>, length: u64, time: Option<Timestamp>, bytes: u64) {
        let Some(time) = time.filter(|_| length != LISTS_FRAMES) else { return };
        let Some(interval) = series.get_or_insert_default().at(start_of(length, time)) else { return };
        interval.packets += 1;
        interval.bytes += bytes;
    }

    /// Counts numbers that streams that carry others, or others, miss more than before (negative: one came late after all) where
    /// they have any, and records the jitter of a stream as it is now, by the index of the stream.
    pub(crate) fn note_health(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        (lost, are_carriers): (Option<i64>, bool),
        jitter: Option<(u32, f64)>,
    ) {
        let (Some(length), Some(time)) = (interval_ns, time) else { return };
        let (series, start) = (series.get_or_insert_default(), start_of(length, time));
        let Some(interval) = series.at(start) else { return };
        if let Some(lost) = lost {
            let known = interval.lost.get_or_insert(0);
            if !are_carriers {
                *known += lost;
                series.lost_carried += lost;
            } else if lost != 0 {
                *series.lost_carriers.entry(start).or_default() += lost;
            }
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
        if let (Some(length @ 1..), Some(time)) = (interval_ns, time)
            && let Some(interval) = series.get_or_insert_default().at(start_of(length, time))
        {
            *interval.lost.get_or_insert(0) += lost;
        }
    }

    /// Counts packets of a stream of the encoding, by its index, numbers found missing, where it has any, and its jitter as it is now.
    pub(crate) fn note_stream(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        stream: u32,
        (packets, lost, jitter_ns): (u64, Option<i64>, Option<f64>),
    ) {
        let (Some(length), Some(time)) = (interval_ns, time) else { return };
        let (series, start, place) = (series.get_or_insert_default(), start_of(length, time), stream as usize);
        if series.streams.len() <= place {
            series.streams.resize_with(place + 1, Option::default);
        }
        let Some(own) = series.streams.get_mut(place) else { return };
        let own = own.get_or_insert_default();
        let is_known = own.list.iter().rev().take(LATEST).any(|interval| interval.start == start);
        if !is_known && series.of_streams >= MOST_OF_STREAMS {
            series.is_full = true;
            return;
        }
        let before = own.list.len();
        let Some(interval) = own.at(start) else {
            series.is_full = true;
            return;
        };
        interval.packets += packets;
        interval.lost = lost.map_or(interval.lost, |lost| Some(interval.lost.unwrap_or(0) + lost));
        interval.jitter_ns = jitter_ns.or(interval.jitter_ns);
        series.of_streams += own.list.len() - before;
    }

    /// What is kept of a stream of the encoding, by its index.
    pub(crate) fn of_stream(&self, stream: usize) -> Option<&Self> {
        self.streams.get(stream)?.as_deref()
    }

    /// The intervals of a stream of the encoding, by its index.
    pub(crate) fn stream_list(&self, stream: usize) -> Vec<StreamInterval> {
        let list = self.of_stream(stream).map_or_else(Vec::new, Self::list).into_iter();
        list.map(|Interval { start, packets, lost, jitter_ns, .. }| StreamInterval { start, packets, lost, jitter_ns })
            .collect()
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

    /// The interval that begins then; `None` where there are too many.
    fn at(&mut self, start: Timestamp) -> Option<&mut Interval> {
        // nearly always the last one; a late frame belongs to one a little before
        let latest = self.list.len().saturating_sub(LATEST);
        let known = self.list.get(latest..)?.iter().rposition(|interval| interval.start == start);
        let place = match known {
            Some(place) => latest + place,
            None => {
                if self.list.len() >= MOST_INTERVALS {
                    self.is_full = true;
                    return None;
                }
                self.list.push(Interval { start, ..Interval::default() });
                self.list.len() - 1
            }
        };
        self.list.get_mut(place)
    }

    /// Whether intervals were left out, for there were too many.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The intervals so far, in order of time.
    pub(crate) fn list(&self) -> Vec<Interval> {
        let mut list = self.list.clone();
        if let Some(latest) = &self.jitter {
            latest.enter(&mut list);
        }
        add_up(&mut list);
        // as all in all: what carries or what is carried, whichever misses more
        let of_carriers: i64 = self.lost_carriers.values().sum();
        if !self.lost_carriers.is_empty() && of_carriers >= self.lost_carried {
            for interval in &mut list {
                let lost = self.lost_carriers.get(&interval.start).copied().unwrap_or(0);
                interval.lost = interval.lost.map(|_| lost);
            }
        }
        list
    }
}

/// Puts intervals in order of time, and makes one of those that begin at the same.
pub(crate) fn add_up(list: &mut Vec<Interval>) {
    if list.is_sorted_by(|one, next| one.start < next.start) {
        return;
    }
    list.sort_by_key(|interval| interval.start);
    list.dedup_by(|next, kept| {
        let is_same = next.start == kept.start;
        if is_same {
            kept.packets += next.packets;
            kept.bytes += next.bytes;
            kept.lost = kept.lost.map_or(next.lost, |lost| Some(lost + next.lost.unwrap_or(0)));
            kept.jitter_ns = kept.jitter_ns.into_iter().chain(next.jitter_ns).max_by(f64::total_cmp);
        }
        is_same
    });
}

/// Where the interval of an instant begins.
fn start_of(length: u64, time: Timestamp) -> Timestamp {
    let length = i64::try_from(length).unwrap_or(i64::MAX).max(1);
    Timestamp::from_nanos(time.as_nanos().div_euclid(length).saturating_mul(length))
}

#[cfg(test)]
mod tests {
    use streamlens_model::{CaptureSummary, Frame, LinkType};
    use streamlens_registry::DecoderRegistry;

    use super::*;
    use crate::{Engine, EngineOptions};

    /// The jitter of an interval after these packets: time, stream, the stream's jitter then. Intervals are 10 long.
    fn jitters(packets: &[(i64, u32, Option<f64>)]) -> Vec<(i64, Option<f64>)> {
        let mut series = None;
        for &(time, stream, jitter) in packets {
            let jitter = jitter.map(|jitter| (stream, jitter));
            IntervalSeries::note_health(
                &mut series,
                Some(10),
                Some(Timestamp::from_nanos(time)),
                (Some(0), false),
                jitter,
            );
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

    /// What is lost in each interval, of these losses: time, numbers, whether of streams that carry others.
    fn losses(of: &[(i64, i64, bool)]) -> Vec<Option<i64>> {
        let mut series = None;
        for &(time, lost, are_carriers) in of {
            let time = Some(Timestamp::from_nanos(time));
            IntervalSeries::note_health(&mut series, Some(10), time, (Some(lost), are_carriers), None);
        }
        series.unwrap_or_default().list().iter().map(|interval| interval.lost).collect()
    }

    #[test]
    fn of_what_carries_and_what_is_carried_that_counts_which_misses_more() {
        let carried = [(1, 2, true), (2, 3, false), (3, 1, false), (11, 5, true), (12, 4, false)];
        assert_eq!(losses(&carried), [Some(4), Some(4)]);
        let carriers = [(1, 2, true), (2, 3, false), (11, 6, true), (12, 4, false), (21, 0, false)];
        assert_eq!(losses(&carriers), [Some(2), Some(6), Some(0)]);
    }

    #[test]
    fn without_a_media_clock_there_is_none() {
        assert_eq!(jitters(&[(1, 1, None), (12, 1, None)]), [(0, None), (10, None)]);
    }

    /// Packets, by the start of the interval, of frames at these times; whether all had room.
    fn packets(times: impl IntoIterator<Item = i64>) -> (Vec<(i64, u64)>, bool) {
        let mut series = None;
        for time in times {
            IntervalSeries::note(&mut series, Some(10), Some(Timestamp::from_nanos(time)), 60);
        }
        let series = series.unwrap_or_default();
        let list = series.list().iter().map(|interval| (interval.start.as_nanos(), interval.packets)).collect();
        (list, !series.is_full())
    }

    #[test]
    fn times_in_any_order_give_each_interval_once() {
        let expected: Vec<_> = (0..500).map(|place| (place * 10, 2)).collect();
        let forwards = (0..1000).map(|n| n * 5);
        assert_eq!(packets(forwards.clone()), (expected.clone(), true));
        assert_eq!(packets(forwards.clone().rev()), (expected.clone(), true));
        let twice = (0..500).map(|n| n * 10).chain((0..500).map(|n| n * 10 + 1));
        assert_eq!(packets(twice), (expected, true));
        let (list, has_room) = packets((0..MOST_INTERVALS as i64 + 7).rev().map(|n| n * 10));
        assert_eq!((list.len(), list.first(), has_room), (MOST_INTERVALS, Some(&(70, 1)), false));
    }

    #[test]
    fn flows_of_more_intervals_than_are_kept_say_so() {
        let options = EngineOptions { interval_ns: Some(1), ..EngineOptions::default() };
        let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
        for number in 1..=MOST_INTERVALS as u64 + 2 {
            let mut data = [0; 60];
            // an EtherType for experiments
            data[12..14].copy_from_slice(&[0x88, 0xB5]);
            data[20..28].copy_from_slice(&number.to_be_bytes());
            let (time, link_type) = (Some(Timestamp::from_nanos(number as i64)), LinkType::ETHERNET);
            engine.push(&Frame { number, time, link_type, interface: 0, original_length: 60, data: &data });
        }
        let analysis = engine.finish(CaptureSummary::default());
        let flow = &analysis.flows[0];
        assert_eq!((flow.total_packets, flow.intervals.len()), (MOST_INTERVALS as u64 + 2, MOST_INTERVALS));
        let said: Vec<_> =
            analysis.findings.iter().filter(|finding| finding.code == "capture.intervals-not-kept").collect();
        assert!(
            said.len() == 1 && said[0].text.starts_with("of 1 flow the first 86,400 intervals are kept"),
            "{said:?}"
        );
    }

    #[test]
    fn a_frame_of_an_earlier_interval_leaves_the_later_one_as_it_was() {
        assert_eq!(
            jitters(&[(1, 1, Some(5.0)), (11, 1, Some(4.0)), (2, 1, Some(3.0))]),
            [(0, Some(5.0)), (10, Some(4.0))]
        );
    }
}
