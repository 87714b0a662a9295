//! Time stamps of pcapng interfaces as exact nanoseconds.

use streamlens_model::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How an interface counts time: `if_tsresol` and `if_tsoffset` (pcapng, section 4.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    scale: Scale,
    /// Added to every time, in nanoseconds; `if_tsoffset` has whole seconds.
    offset_ns: i128,
}

/// Ticks to nanoseconds, rounded down. The products fit 128 bits: a tick count has 64, the factors at most 30.
#[derive(Clone, Copy, Debug)]
enum Scale {
    Multiply(u64),
    Divide(u64),
    /// 2^-n seconds.
    Shift(u32),
    /// Steps so fine that 2^64 of them last less than a nanosecond.
    Nothing,
}

impl Clock {
    /// The clock of an interface without options: microseconds.
    pub(crate) const MICROSECONDS: Self = Self { scale: Scale::Multiply(1000), offset_ns: 0 };

    /// From the raw option values. Every `resolution` is lawful: the highest bit tells powers of two from powers
    /// of ten, the others are the negative exponent.
    pub(crate) fn new(resolution: u8, offset_seconds: i64) -> Self {
        let exponent = u32::from(resolution & 0x7f);
        let scale = if resolution & 0x80 != 0 {
            if exponent < 94 { Scale::Shift(exponent) } else { Scale::Nothing }
        } else if exponent <= 9 {
            Scale::Multiply(10u64.pow(9 - exponent))
        } else {
            10u64.checked_pow(exponent - 9).map_or(Scale::Nothing, Scale::Divide)
        };
        Self { scale, offset_ns: i128::from(offset_seconds) * i128::from(NANOS_PER_SECOND) }
    }

    /// The instant of a tick count; `None` where it is outside the range of [`Timestamp`].
    #[inline]
    pub(crate) fn instant(&self, ticks: u64) -> Option<Timestamp> {
        if let (Scale::Multiply(factor), 0) = (self.scale, self.offset_ns) {
            // What nearly every capture has needs no 128 bits.
            return i64::try_from(ticks.checked_mul(factor)?).ok().map(Timestamp::from_nanos);
        }
        self.any_instant(ticks)
    }

    fn any_instant(&self, ticks: u64) -> Option<Timestamp> {
        let nanos = match self.scale {
            Scale::Multiply(factor) => u128::from(ticks) * u128::from(factor),
            Scale::Divide(divisor) => u128::from(ticks / divisor),
            Scale::Shift(bits) => (u128::from(ticks) * u128::from(NANOS_PER_SECOND)) >> bits,
            Scale::Nothing => 0,
        };
        let nanos = i128::try_from(nanos).ok()? + self.offset_ns;
        i64::try_from(nanos).ok().map(Timestamp::from_nanos)
    }

    /// The step in nanoseconds, rounded up, at least 1.
    pub(crate) fn resolution_ns(&self) -> u64 {
        match self.scale {
            Scale::Multiply(factor) => factor,
            Scale::Shift(bits) => NANOS_PER_SECOND.div_ceil(1u64.checked_shl(bits).unwrap_or(u64::MAX)),
            Scale::Divide(_) | Scale::Nothing => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(resolution: u8, offset: i64, ticks: u64) -> Option<i64> {
        Clock::new(resolution, offset).instant(ticks).map(Timestamp::as_nanos)
    }

    #[test]
    fn every_resolution_takes_every_tick_count() {
        for resolution in 0..=255 {
            for ticks in [0, 1, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
                for offset in [i64::MIN, -1, 0, 1, i64::MAX] {
                    let _ = nanos(resolution, offset, ticks);
                }
            }
            assert!(Clock::new(resolution, 0).resolution_ns() >= 1);
        }
    }

    #[test]
    fn decimal_and_binary_steps_are_exact() {
        assert_eq!(nanos(6, 0, 1_700_000_000_123_456), Some(1_700_000_000_123_456_000));
        assert_eq!(nanos(9, 0, 1_700_000_000_123_456_789), Some(1_700_000_000_123_456_789));
        assert_eq!(nanos(0, 0, 7), Some(7_000_000_000));
        assert_eq!(nanos(0x80 | 20, 0, (5 << 20) + 1), Some(5_000_000_953));
        assert_eq!(nanos(0x80 | 30, 0, 3 << 29), Some(1_500_000_000));
    }

    #[test]
    fn steps_below_a_nanosecond_are_rounded_down() {
        assert_eq!(nanos(12, 1_699_999_999, 1_000_000_001_999), Some(1_700_000_000_000_000_001));
        assert_eq!(nanos(127, 0, u64::MAX), Some(0));
        assert_eq!(nanos(0xff, 0, u64::MAX), Some(0));
    }

    #[test]
    fn what_does_not_fit_has_no_time() {
        assert_eq!(nanos(0, 0, u64::MAX), None);
        assert_eq!(nanos(9, 9_300_000_000, 0), None);
        assert_eq!(nanos(9, i64::MIN, 0), None);
        assert_eq!(nanos(9, -1, 0), Some(-1_000_000_000));
    }

    #[test]
    fn the_step_is_told_in_whole_nanoseconds() {
        for (resolution, step) in [(0, 1_000_000_000), (6, 1000), (9, 1), (12, 1), (0x80 | 20, 954), (0xff, 1)] {
            assert_eq!(Clock::new(resolution, 0).resolution_ns(), step);
        }
    }
}
