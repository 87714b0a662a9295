//! From microseconds of the year to an instant: the year comes from the capture.

use streamlens_model::Timestamp;

use crate::nanos;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// A step of the time of year by more than this is a new year, or a late packet of the old one.
const HALF_YEAR: i64 = 183 * DAY;

/// The year that a key's times belong to. Chosen with the first packet, then turned with the times themselves, so that
/// an unsynchronised unit keeps its year too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Year {
    year: i64,
    /// When it begins, in nanoseconds since the Unix epoch.
    start: i64,
    /// The same in microseconds.
    start_micros: i64,
}

impl Year {
    /// The year of a packet captured at `capture` with this time of year: the capture's, or its neighbour where that
    /// brings the two within a day. 1970 where the capture has no times.
    pub(crate) fn of(capture: Option<Timestamp>, micros: u64) -> Self {
        let Some(capture) = capture else { return Self::starting(1970) };
        let year = year_of(capture);
        let is_near = |year: &Self| year.instant(micros).abs_diff(capture.as_nanos()) < DAY.unsigned_abs();
        let neighbours = [year + 1, year - 1].map(Self::starting);
        let own = Self::starting(year);
        if is_near(&own) { own } else { neighbours.into_iter().find(is_near).unwrap_or(own) }
    }

    fn starting(year: i64) -> Self {
        let start = days_before(year).saturating_mul(DAY);
        Self { year, start, start_micros: start.div_euclid(1000) }
    }

    /// A time of this year, of 48 bits, as nanoseconds since the Unix epoch.
    #[inline]
    pub(crate) fn instant(&self, micros: u64) -> i64 {
        nanos::saturating_sum(self.start, micros as i64 * 1000)
    }

    /// The same in microseconds, which takes no division.
    #[inline]
    pub(crate) fn instant_micros(&self, micros: u64) -> i64 {
        (self.start_micros + micros as i64).min(i64::MAX / 1000)
    }

    /// The instant of a packet that follows one at `previous`. Turns the year where the time of year falls by more than
    /// half a year, and back where it rises by as much.
    #[inline(always)]
    pub(crate) fn follow(&mut self, previous: i64, micros: u64) -> i64 {
        let instant = self.instant(micros);
        let step = nanos::saturating_difference(instant, previous);
        if step.unsigned_abs() <= HALF_YEAR.unsigned_abs() {
            instant
        } else {
            self.turn(previous, micros, instant, step)
        }
    }

    #[cold]
    #[inline(never)]
    fn turn(&mut self, previous: i64, micros: u64, instant: i64, step: i64) -> i64 {
        let other = Self::starting(if step < 0 { self.year + 1 } else { self.year - 1 });
        let turned = other.instant(micros);
        if turned.abs_diff(previous) > HALF_YEAR.unsigned_abs() {
            return instant;
        }
        *self = other;
        turned
    }
}

/// Days from 1970-01-01 to the first of January of a year of the Gregorian calendar.
fn days_before(year: i64) -> i64 {
    let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969)
}

fn year_of(time: Timestamp) -> i64 {
    let days = time.as_nanos().div_euclid(DAY);
    let guess = 1970 + days.div_euclid(366);
    // Over the 292 years that a time can be away, years of 366 days lead at most one year astray.
    (guess - 1..=guess + 1).rev().find(|year| days_before(*year) <= days).unwrap_or(guess)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROS_PER_DAY: u64 = 86_400_000_000;

    fn nanos(text: &str) -> i64 {
        // Only what the tests name.
        match text {
            "2023-12-31T23:59:59.9" => 1_704_067_199_900_000_000,
            "2024-01-01T00:00:00" => 1_704_067_200_000_000_000,
            "2024-12-31T00:00:00" => 1_735_603_200_000_000_000,
            _ => unreachable!("{text}"),
        }
    }

    #[test]
    fn years_begin_where_the_calendar_says() {
        for year in 1678..2262 {
            let start = Timestamp::from_nanos(days_before(year) * DAY);
            assert_eq!(start.to_string(), format!("{year:04}-01-01T00:00:00.000000000Z"));
            assert_eq!(year_of(start), year);
            assert_eq!(year_of(Timestamp::from_nanos(start.as_nanos() - 1)), year - 1);
        }
    }

    #[test]
    fn the_year_is_the_captures_or_the_neighbour_near_new_year() {
        let at = |text| Some(Timestamp::from_nanos(nanos(text)));
        let last_day = 364 * MICROS_PER_DAY + MICROS_PER_DAY - 200_000;
        assert_eq!(Year::of(at("2023-12-31T23:59:59.9"), last_day).year, 2023);
        assert_eq!(Year::of(at("2024-01-01T00:00:00"), last_day).year, 2023);
        assert_eq!(Year::of(at("2023-12-31T23:59:59.9"), 5).year, 2024);
        // A unit that counts from 0 is not taken for one that lives in another year.
        assert_eq!(Year::of(at("2024-12-31T00:00:00"), 0).year, 2024);
    }

    #[test]
    fn time_runs_on_over_new_year_and_back_for_a_late_packet() {
        let start = nanos("2024-01-01T00:00:00");
        let late = 365 * MICROS_PER_DAY - 1000;
        let mut year = Year::of(Some(Timestamp::from_nanos(start - 1_000_000)), late);
        let before = year.instant(late);
        assert_eq!(before, start - 1_000_000);
        assert_eq!(year.follow(before, 0), start);
        assert_eq!(year.follow(start, late), start - 1_000_000);
        assert_eq!(year.follow(before, 1), start + 1000);
    }

    #[test]
    fn a_time_beyond_any_year_does_not_overflow() {
        let mut year = Year::of(Some(Timestamp::from_nanos(i64::MAX)), u64::MAX >> 16);
        year.follow(i64::MAX, 0);
        year.follow(i64::MIN, u64::MAX >> 16);
        for capture in [i64::MIN, 0, i64::MAX] {
            let year = Year::of(Some(Timestamp::from_nanos(capture)), 0);
            for micros in [0, 1, 1 << 47, u64::MAX >> 16] {
                assert_eq!(year.instant_micros(micros), year.instant(micros).div_euclid(1000));
            }
        }
        Year::of(Some(Timestamp::from_nanos(i64::MIN)), 0).follow(0, u64::MAX >> 16);
    }
}
