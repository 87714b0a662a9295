//! Counts per interval of time, where they are asked for.

use streamlens_model::{Interval, Timestamp};

/// The intervals of time of one row, in the order in which its frames came.
#[derive(Debug, Default)]
pub(crate) struct Series {
    list: Vec<Interval>,
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
        let interval = series.get_or_insert_default().at(length, time);
        interval.packets += packets;
        interval.bytes += bytes;
    }

    /// Counts numbers found missing (negative: found after all), and notes the jitter of the moment.
    pub(crate) fn note_health(
        series: &mut Option<Box<Self>>,
        interval_ns: Option<u64>,
        time: Option<Timestamp>,
        lost: i64,
        jitter_ns: Option<f64>,
    ) {
        let (Some(length), Some(time)) = (interval_ns, time) else { return };
        let interval = series.get_or_insert_default().at(length, time);
        *interval.lost.get_or_insert(0) += lost;
        interval.jitter_ns = jitter_ns.or(interval.jitter_ns);
    }

    fn at(&mut self, length: u64, time: Timestamp) -> &mut Interval {
        let length = i64::try_from(length).unwrap_or(i64::MAX).max(1);
        let start = Timestamp::from_nanos(time.as_nanos().div_euclid(length).saturating_mul(length));
        // nearly always the last one; a late frame belongs to one a little before
        let place = self.list.partition_point(|interval| interval.start < start);
        if self.list.get(place).is_none_or(|interval| interval.start != start) {
            self.list.insert(place, Interval { start, ..Interval::default() });
        }
        &mut self.list[place]
    }

    pub(crate) fn list(&self) -> &[Interval] {
        &self.list
    }
}
