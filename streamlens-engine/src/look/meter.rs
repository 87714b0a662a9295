//! Rates over the last second, in steps of a tenth.

use streamlens_model::Timestamp;

/// Length of a slot in nanoseconds.
const SLOT_NS: i64 = 100_000_000;
/// Slots of a second.
const SLOTS: i64 = 10;
/// Nanoseconds of a second.
pub(super) const SECOND_NS: i64 = SLOT_NS * SLOTS;

/// Packets and bytes of a row in the last second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    /// Counts of the row at the last look.
    packets: u64,
    bytes: u64,
    /// What came in each slot of the last second; 4 GiB in a tenth of it are as much as can be told.
    slots: [(u32, u32); SLOTS as usize],
    /// Number of the newest slot.
    newest: i64,
}

impl Meter {
    /// A meter of a row that has these counts already.
    pub(super) fn starting_at(packets: u64, bytes: u64) -> Self {
        Self { packets, bytes, ..Self::default() }
    }

    /// Records the counts at a look, `since_last` nanoseconds behind the look before.
    pub(super) fn record(&mut self, now: Timestamp, since_last: Option<i64>, packets: u64, bytes: u64) {
        let number = now.as_nanos().div_euclid(SLOT_NS);
        // times that run backwards count for the newest slot
        for skipped in 0..number.saturating_sub(self.newest).clamp(0, SLOTS) {
            *self.slot(number - skipped) = (0, 0);
        }
        self.newest = self.newest.max(number);
        let came = (packets.saturating_sub(self.packets), bytes.saturating_sub(self.bytes));
        (self.packets, self.bytes) = (packets, bytes);
        // looks that are more than a second apart: what came in one second of the time between
        let share = match since_last {
            Some(span) if span > SECOND_NS => {
                |count: u64, span: i64| (u128::from(count) * SECOND_NS as u128 / span as u128) as u64
            }
            _ => |count: u64, _: i64| count,
        };
        let span = since_last.unwrap_or_default();
        let newest = self.newest;
        let slot = self.slot(newest);
        let sum =
            |slot: u32, came: u64| u32::try_from(u64::from(slot).saturating_add(share(came, span))).unwrap_or(u32::MAX);
        *slot = (sum(slot.0, came.0), sum(slot.1, came.1));
    }

    fn slot(&mut self, number: i64) -> &mut (u32, u32) {
        &mut self.slots[number.rem_euclid(SLOTS) as usize]
    }

    /// Packets and bits of the last second.
    pub(super) fn rates(&self) -> (f64, f64) {
        let (packets, bytes) =
            self.slots.iter().fold((0_u64, 0_u64), |sum, slot| (sum.0 + u64::from(slot.0), sum.1 + u64::from(slot.1)));
        (packets as f64, bytes as f64 * 8.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(1_700_000_000_000_000_000 + ms * 1_000_000)
    }

    #[test]
    fn a_steady_stream_has_its_rate_and_silence_none() {
        let mut meter = Meter::default();
        for tick in 0..30_u32 {
            let packets = u64::from(tick) * 10;
            meter.record(at(i64::from(tick) * 100), Some(100_000_000), packets, packets * 50);
            if tick >= 10 {
                assert_eq!(meter.rates(), (100.0, 40_000.0));
            }
        }
        meter.record(at(2_900 + 500), Some(500_000_000), 290, 14_500);
        assert_eq!(meter.rates().0, 50.0);
        meter.record(at(2_900 + 1_000), Some(500_000_000), 290, 14_500);
        assert_eq!(meter.rates(), (0.0, 0.0));
    }

    #[test]
    fn looks_far_apart_give_the_mean_of_the_time_between() {
        let mut meter = Meter::default();
        meter.record(at(0), None, 0, 0);
        meter.record(at(4_000), Some(4_000_000_000), 400, 4_000);
        assert_eq!(meter.rates(), (100.0, 8_000.0));
        // backwards: counted, nothing breaks
        meter.record(at(1_000), Some(-3_000_000_000), 410, 4_100);
        assert_eq!(meter.rates().0, 110.0);
    }
}
