//! How much passes, all in all: frames and bytes of the last second of capture time.

use std::collections::VecDeque;

use streamlens_model::Timestamp;
use streamlens_model::row::CaptureCounts;

/// Nanoseconds that rates are over.
const SPAN: i64 = 1_000_000_000;
/// So many looks are kept, however close they are.
const MOST: usize = 256;

/// What was counted at the last looks.
#[derive(Debug, Default)]
pub(crate) struct Rates(VecDeque<(Timestamp, u64, u64)>);

impl Rates {
    /// Takes a look in.
    pub(crate) fn take(&mut self, now: Option<Timestamp>, counts: &CaptureCounts) {
        let Some(now) = now else { return };
        if self.0.back().is_some_and(|(last, ..)| *last >= now) {
            self.0.pop_back();
        }
        self.0.push_back((now, counts.packets, counts.bytes));
        // the one that is a second old is the one to count from
        while self.0.len() > MOST || self.0.get(1).is_some_and(|(time, ..)| now.since(*time) >= SPAN) {
            self.0.pop_front();
        }
    }

    /// Packets and bits per second; `None` before the second look.
    pub(crate) fn per_second(&self) -> Option<(f64, f64)> {
        let ((first, packets, bytes), (last, packets_now, bytes_now)) = (self.0.front()?, self.0.back()?);
        let seconds = Some(last.since(*first) as f64 * 1e-9).filter(|seconds| *seconds > 0.0)?;
        let more = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        Some((more(*packets_now, *packets), more(*bytes_now, *bytes) * 8.0))
    }

    /// Nothing is known any more.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_last_second() {
        let mut rates = Rates::default();
        for tenth in 0..25_i64 {
            assert_eq!(rates.per_second().is_some(), tenth > 1);
            // from the second second on twice as much
            let packets = (tenth * 10 + (tenth - 10).max(0) * 10).unsigned_abs();
            let counts = CaptureCounts { packets, bytes: packets * 100, ..CaptureCounts::default() };
            rates.take(Some(Timestamp::from_nanos(tenth * 100_000_000)), &counts);
        }
        assert_eq!(rates.per_second(), Some((200.0, 160_000.0)));
    }
}
