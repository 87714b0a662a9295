//! A probe's clock against the hub's, by four stamps (as NTP, RFC 5905 §8): the shortest round trip of the last ones.

use std::collections::VecDeque;

use streamlens_model::words::duration;
use streamlens_model::{Severity, Timestamp};
use streamlens_protocol::ProbeClock;

/// Round trips that are kept: the last 80 s.
const KEPT: usize = 8;
/// Nanoseconds from which on an offset is pointed out.
const WARNING: u64 = 1_000_000;
/// The same, as an error.
const ERROR: u64 = 1_000_000_000;

/// The last round trips.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    trips: VecDeque<Trip>,
}

#[derive(Clone, Copy, Debug)]
struct Trip {
    offset_ns: i128,
    round_ns: i128,
}

impl Offsets {
    /// Records a round trip: sent by the hub, received by the probe, answered by it, come back. Whether it can be one:
    /// the probe can't have had it for longer than it was away.
    pub(super) fn note(&mut self, [sent, received, answered, came]: [Timestamp; 4]) -> bool {
        let [sent, received, answered, came] = [sent, received, answered, came].map(|time| i128::from(time.as_nanos()));
        let round_ns = (came - sent) - (answered - received);
        if round_ns < 0 || answered < received {
            return false;
        }
        let offset_ns = ((received - sent) + (answered - came)) / 2;
        // a clock that was set: what was before says nothing any more
        let is_near = |trip: &Trip| (trip.offset_ns - offset_ns).abs() <= (trip.round_ns + round_ns) / 2 + 1_000_000;
        if !self.trips.iter().all(is_near) {
            self.trips.clear();
        }
        self.trips.push_back(Trip { offset_ns, round_ns });
        while self.trips.len() > KEPT {
            self.trips.pop_front();
        }
        true
    }

    /// The offset, as well as it is known.
    pub(super) fn clock(&self) -> Option<ProbeClock> {
        let best = self.trips.iter().min_by_key(|trip| trip.round_ns)?;
        Some(ProbeClock {
            offset_ns: i64::try_from(best.offset_ns).unwrap_or(if best.offset_ns < 0 { i64::MIN } else { i64::MAX }),
            uncertainty_ns: u64::try_from((best.round_ns + 1) / 2).unwrap_or(u64::MAX),
            corrected: false,
        })
    }
}

/// How much an offset matters; `None` where it may be nothing, or is less than a millisecond.
pub(super) fn severity(clock: &ProbeClock) -> Option<Severity> {
    let offset = clock.offset_ns.unsigned_abs();
    match offset {
        _ if offset <= clock.uncertainty_ns => None,
        ERROR.. => Some(Severity::Error),
        WARNING.. => Some(Severity::Warning),
        _ => None,
    }
}

/// The sentence of `probe.clock-offset`.
pub(super) fn sentence(name: &str, clock: &ProbeClock, is_corrected: bool) -> String {
    let shown = if is_corrected { "corrected by that" } else { "shown as it has them" };
    let way = if clock.offset_ns < 0 { "behind" } else { "ahead of" };
    let (offset, uncertainty) =
        (duration(clock.offset_ns.unsigned_abs() as f64), duration(clock.uncertainty_ns as f64));
    format!("the clock of {name} is {offset} (give or take {uncertainty}) {way} the hub's; its times are {shown}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_truth_lies_within_the_uncertainty(offset in -20_000_000_000_000_i64..20_000_000_000_000, ways in prop::collection::vec((0_i64..500_000_000, 0_i64..500_000_000, 0_i64..1_000_000), 1..20)) {
            let mut offsets = Offsets::default();
            for (place, (there, at_probe, back)) in (0..).zip(ways) {
                let sent = 1_700_000_000_000_000_000 + place * 10_000_000_000;
                let (received, answered) = (sent + there + offset, sent + there + at_probe + offset);
                let came = sent + there + at_probe + back;
                prop_assert!(offsets.note([sent, received, answered, came].map(Timestamp::from_nanos)));
            }
            let clock = offsets.clock().unwrap();
            prop_assert!((clock.offset_ns - offset).unsigned_abs() <= clock.uncertainty_ns + 1, "{:?} {}", clock, offset);
        }

        #[test]
        fn any_stamps_do(stamps: [i64; 4]) {
            let mut offsets = Offsets::default();
            offsets.note(stamps.map(Timestamp::from_nanos));
            offsets.note(stamps.map(|stamp| Timestamp::from_nanos(stamp.wrapping_add(1))));
            if let Some(clock) = offsets.clock() {
                let _ = (severity(&clock), sentence("a", &clock, false));
            }
        }
    }

    #[test]
    fn what_may_be_nothing_is_not_pointed_out() {
        let of = |offset_ns, uncertainty_ns| severity(&ProbeClock { offset_ns, uncertainty_ns, corrected: false });
        assert_eq!(of(10_800_000_000_000, 100_000), Some(Severity::Error));
        assert_eq!(of(-5_000_000, 100_000), Some(Severity::Warning));
        assert_eq!(of(5_000_000, 5_000_000), None);
        assert_eq!(of(-40_000, 30_000), None);
        let clock = ProbeClock { offset_ns: -5_000_000, uncertainty_ns: 100_000, corrected: false };
        assert!(
            sentence("studio-a", &clock, false)
                .starts_with("the clock of studio-a is 5.000 ms (give or take 100.0 µs) behind")
        );
    }

    #[test]
    fn a_clock_that_is_set_begins_anew() {
        let mut offsets = Offsets::default();
        let trip = |offset: i64| [0, 10 + offset, 20 + offset, 30].map(Timestamp::from_nanos);
        offsets.note(trip(0));
        offsets.note(trip(3_600_000_000_000));
        assert_eq!(offsets.clock().map(|clock| clock.offset_ns), Some(3_600_000_000_000));
    }
}
