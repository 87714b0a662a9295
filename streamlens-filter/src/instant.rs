//! Instants of RFC 3339.

use streamlens_model::Timestamp;

/// Reads `2026-03-02T09:00:00.5Z` or with an offset such as `+01:00`; a date alone is its midnight in UTC. `None` where it is no
/// such text or out of the range of [`Timestamp`].
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let mut field = |length: usize, range: std::ops::RangeInclusive<i64>| {
        let part =
            parts.next().filter(|part| part.len() == length && part.bytes().all(|digit| digit.is_ascii_digit()))?;
        part.parse::<i64>().ok().filter(|number| range.contains(number))
    };
    let (year, month, day) = (field(4, 1600..=2400)?, field(2, 1..=12)?, field(2, 1..=31)?);
    if parts.next().is_some() || day > days_of(year, month) {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400;
    let nanos = match time {
        Some(time) => nanos_of_day(time)?,
        None => 0,
    };
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

/// Nanoseconds of a time of day less its offset from UTC.
fn nanos_of_day(time: &str) -> Option<i64> {
    let (clock, offset) = match time.strip_suffix(['Z', 'z']) {
        Some(clock) => (clock, 0),
        None => {
            let at = time.rfind(['+', '-'])?;
            let (clock, offset) = time.split_at_checked(at)?;
            let (sign, offset) = offset.split_at_checked(1)?;
            let (hours, minutes) = offset.split_once(':')?;
            let seconds = two_digits(hours, 23)? * 3600 + two_digits(minutes, 59)? * 60;
            (clock, if sign == "-" { -seconds } else { seconds })
        }
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_fraction = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|digit| digit.is_ascii_digit());
    let fraction = is_fraction.then(|| format!("{fraction:0<9}").parse::<i64>().ok())??;
    let mut parts = clock.split(':');
    let (hour, minute) = (two_digits(parts.next()?, 23)?, two_digits(parts.next()?, 59)?);
    let second = two_digits(parts.next()?, 60)?;
    parts.next().is_none().then_some((hour * 3600 + minute * 60 + second - offset) * 1_000_000_000 + fraction)
}

fn two_digits(text: &str, most: i64) -> Option<i64> {
    let is_one = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
    is_one.then(|| text.parse().ok())?.filter(|number| *number <= most)
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => 31,
    }
}

/// Days of the Gregorian calendar, by eras of 400 years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_printed_is_read(nanos: i64) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(parse(&time.to_string()), Some(time));
        }

        #[test]
        fn nothing_panics(text in "[0-9TZ:.+-]{0,30}|.*") {
            let _ = parse(&text);
        }
    }

    #[test]
    fn offsets_and_dates_alone() {
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(Timestamp::from_nanos(0)));
        assert_eq!(parse("1970-01-02"), Some(Timestamp::from_nanos(86_400_000_000_000)));
        for wrong in [
            "1970-02-30",
            "1970-13-01",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00",
            "2300-01-01",
            "1970-01-01T00:00:00.Z",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
