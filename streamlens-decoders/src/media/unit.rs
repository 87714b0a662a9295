//! What the analysers of video-like payloads share: bounded counts, frame rates, and the steps of the RTP timestamp
//! from media unit to media unit (a unit is all packets of one frame, or field).

use streamlens_model::Value;
use streamlens_model::stats::Tally;

/// Ticks per second of every video payload format of SMPTE ST 2110 (ST 2110-10 §7.3).
pub(crate) const VIDEO_CLOCK_HZ: u32 = 90_000;

/// How often each of the first `N` values came; mostly a stream has one or two.
pub(crate) type Counts<const N: usize> = Tally<u32, N>;

/// The values in order, as a list.
pub(crate) fn values<const N: usize>(counts: &Counts<N>) -> Value {
    Value::list(counts.sorted().into_iter().map(|(value, _)| value))
}

/// How often each value came, by value; those beyond the first `N` as `others`.
pub(crate) fn histogram<const N: usize>(counts: &Counts<N>) -> Value {
    counts.to_value(|value| value.to_string())
}

/// A rate per second as a fraction in lowest terms: 60000/1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

/// The rates of television, with the step of a 90 kHz clock in quarters of a tick.
const STANDARD: [(Rate, u32); 12] = [
    (Rate::new(120, 1), 3000),
    (Rate::new(120_000, 1001), 3003),
    (Rate::new(100, 1), 3600),
    (Rate::new(60, 1), 6000),
    (Rate::new(60_000, 1001), 6006),
    (Rate::new(50, 1), 7200),
    (Rate::new(48, 1), 7500),
    (Rate::new(30, 1), 12_000),
    (Rate::new(30_000, 1001), 12_012),
    (Rate::new(25, 1), 14_400),
    (Rate::new(24, 1), 15_000),
    (Rate::new(24_000, 1001), 15_015),
];

impl Rate {
    pub(crate) const fn new(numerator: u32, denominator: u32) -> Self {
        Self { numerator, denominator }
    }

    /// `25` or `30000/1001`, as `exactframerate` is written (ST 2110-20 §7.2).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
        let rate = Self::new(numerator.trim().parse().ok()?, denominator.trim().parse().ok()?);
        (rate.numerator > 0 && rate.denominator > 0).then_some(rate)
    }

    /// Whether both are the same rate, however written.
    pub(crate) fn equals(self, other: Self) -> bool {
        u64::from(self.numerator) * u64::from(other.denominator)
            == u64::from(other.numerator) * u64::from(self.denominator)
    }

    /// The time between two, in nanoseconds.
    pub(crate) fn period_ns(self) -> f64 {
        1e9 * f64::from(self.denominator) / f64::from(self.numerator)
    }

    /// Half of it: frames of two fields each.
    pub(crate) fn halved(self) -> Self {
        if self.numerator.is_multiple_of(2) {
            Self::new(self.numerator / 2, self.denominator)
        } else {
            Self::new(self.numerator, self.denominator * 2)
        }
    }

    /// `25/1`.
    pub(crate) fn text(self) -> String {
        format!("{}/{}", self.numerator, self.denominator)
    }
}

/// The steps of the timestamp from unit to unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Steps {
    previous: Option<u32>,
    counts: Counts<16>,
}

impl Steps {
    /// Records the timestamp of a new unit.
    pub(crate) fn unit(&mut self, timestamp: u32) {
        if let Some(previous) = self.previous {
            let step = timestamp.wrapping_sub(previous);
            if step != 0 {
                self.counts.add(step);
            }
        }
        self.previous = Some(timestamp);
    }

    /// The steps seen.
    pub(crate) fn counts(&self) -> &Counts<16> {
        &self.counts
    }

    /// The rate of units: the standard rate nearest to the mean of the usual step and its neighbours within a tick,
    /// else the mean itself. `None` before the second unit and outside of 1 to 1000 a second.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let (usual, _) = self.counts.mode()?;
        if !(90..=VIDEO_CLOCK_HZ).contains(&usual) {
            return None;
        }
        let (sum, count) = self
            .counts
            .iter()
            .filter(|&(step, _)| step.abs_diff(usual) <= 1)
            .fold((0_u64, 0_u64), |(sum, count), (step, n)| (sum + u64::from(step) * n, count + n));
        let quarters = (sum * 4 + count / 2) / count.max(1);
        let nearest = STANDARD.iter().min_by_key(|(_, step)| u64::from(*step).abs_diff(quarters))?;
        if u64::from(nearest.1).abs_diff(quarters) <= 3 {
            return Some(nearest.0);
        }
        let step = u32::try_from((sum + count / 2) / count.max(1)).ok()?;
        let common = gcd(u64::from(VIDEO_CLOCK_HZ), u64::from(step)) as u32;
        Some(Rate::new(VIDEO_CLOCK_HZ / common.max(1), step / common.max(1)))
    }
}

/// Greatest common divisor; that of 0 and 0 is 0.
pub(crate) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_of(steps: &[u32]) -> Option<Rate> {
        let (mut meter, mut timestamp) = (Steps::default(), u32::MAX - 2000);
        meter.unit(timestamp);
        for step in steps {
            timestamp = timestamp.wrapping_add(*step);
            meter.unit(timestamp);
        }
        meter.rate()
    }

    #[test]
    fn rates_of_television_are_found_from_few_steps() {
        assert_eq!(rate_of(&[1500]), Some(Rate::new(60, 1)));
        assert_eq!(rate_of(&[1501, 1502]), Some(Rate::new(60_000, 1001)));
        assert_eq!(rate_of(&[1502]), Some(Rate::new(60_000, 1001)));
        assert_eq!(rate_of(&[3003, 3003]), Some(Rate::new(30_000, 1001)));
        assert_eq!(rate_of(&[3753, 3754, 3754, 3754]), Some(Rate::new(24_000, 1001)));
        assert_eq!(rate_of(&[3600, 7200, 3600]), Some(Rate::new(25, 1)));
        assert_eq!(rate_of(&[750, 751, 751, 751]), Some(Rate::new(120_000, 1001)));
        assert_eq!(rate_of(&[6000]), Some(Rate::new(15, 1)));
        assert_eq!(rate_of(&[]), None);
        assert_eq!(rate_of(&[4_000_000_000]), None);
    }
}
