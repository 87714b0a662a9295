//! Instants as integer nanoseconds, and their text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ascii::Ascii;
use crate::reading;

/// An instant: nanoseconds since the Unix epoch, 1970-01-01T00:00:00Z.
///
/// It reaches from 1677 to 2262; a reader that meets an instant outside of that leaves the frame without a time.
///
/// ```
/// use streamlens_model::Timestamp;
/// let t = Timestamp::from_nanos(1_500_000_000_000_000_001);
/// assert_eq!(t.to_string(), "2017-07-14T02:40:00.000000001Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `nanos` nanoseconds after the Unix epoch (before it, where negative).
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to `self`; negative where `self` is the earlier one.
    ///
    /// Saturates at the ends of the range of `i64`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Texts of instants, made one after the other in the same memory: what an instant has in common with the one before is not
/// written again. All have as many bytes, for years are those from 1677 to 2262.
///
/// Digit by digit, since a result may hold millions of instants, and the formatting of the standard library takes ten times as
/// long.
///
/// ```
/// use streamlens_model::{InstantText, Timestamp};
/// let mut texts = InstantText::default();
/// assert_eq!(texts.of(Timestamp::from_nanos(7)), b"1970-01-01T00:00:00.000000007Z");
/// ```
#[derive(Clone, Debug)]
pub struct InstantText {
    /// The day of the text, counted from the first of March of the year 0.
    days: u32,
    text: Ascii<32>,
}

impl Default for InstantText {
    fn default() -> Self {
        Self { days: 0, text: Ascii(*b"0000-03-01T00:00:00.000000000Z\0\0") }
    }
}

impl InstantText {
    /// Bytes of a text.
    const LENGTH: usize = 30;

    /// What [`Display`](fmt::Display) prints of an instant.
    #[inline]
    pub fn of(&mut self, time: Timestamp) -> &[u8; Self::LENGTH] {
        const SECOND: i64 = 1_000_000_000;
        // from a day in the year 0 on no number is negative, and short ones are divided sooner
        let seconds = time.0.div_euclid(SECOND) + DAYS_BEFORE_1970 * 86_400;
        let (days, second) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
        let nanos = time.0.rem_euclid(SECOND) as u32;
        if days != self.days {
            self.turn_to(days);
        }
        let mut put = |at, number| self.put(at, number);
        put(11, second / 3600);
        put(14, second / 60 % 60);
        put(17, second % 60);
        put(20, nanos / 10_000_000);
        put(22, nanos / 100_000);
        put(24, nanos / 1000);
        put(26, nanos / 10);
        self.text.0[28] = b'0' + (nanos % 10) as u8;
        let [text @ .., _, _] = &self.text.0;
        text
    }

    /// Writes the date of another day.
    #[inline(never)]
    fn turn_to(&mut self, days: u32) {
        let (year, month, day) = civil_date(days);
        self.days = days;
        [(0, year / 100), (2, year), (5, month), (8, day)].into_iter().for_each(|(at, number)| self.put(at, number));
    }

    /// Writes the last two digits of a number.
    #[inline(always)]
    fn put(&mut self, at: usize, number: u32) {
        self.text.0[at..at + 2].copy_from_slice(&PAIRS[number as usize % 100]);
    }
}

/// RFC 3339 in UTC with nine digits of a second: `2026-11-22T21:43:05.123456789Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts = InstantText::default();
        texts.of(*self);
        f.write_str(texts.text.as_str(InstantText::LENGTH))
    }
}

/// The name of the newtype that a [`Timestamp`] serializes as: its text, or, to a serializer that says that it is not for people,
/// the number of nanoseconds. One that knows the name can say so there, and make the text with an [`InstantText`].
pub const INSTANT: &str = "streamlens::Instant";

impl Serialize for Timestamp {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(INSTANT, &Nanos(*self))
    }
}

struct Nanos(Timestamp);

impl Serialize for Nanos {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_i64(self.0.0)
        }
    }
}

/// A text that is no instant as [`Timestamp`] displays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseTimestampError;

impl fmt::Display for ParseTimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no instant such as 2026-11-22T21:43:05.123456789Z, from 1677 to 2262")
    }
}

impl std::error::Error for ParseTimestampError {}

/// The way back of its text, and of no other form that RFC 3339 allows.
impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        let bytes: &[u8; InstantText::LENGTH] = text.as_bytes().try_into().map_err(|_| ParseTimestampError)?;
        // what is no digit makes a number that is written otherwise
        let number = |at: std::ops::Range<usize>| {
            let digits = bytes.get(at).unwrap_or_default();
            digits.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit.wrapping_sub(b'0') % 10))
        };
        let days = days_since_1970(number(0..4), number(5..7), number(8..10));
        let seconds = days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19);
        let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(number(20..29));
        let time = i64::try_from(nanos).map(Self).map_err(|_| ParseTimestampError)?;
        if InstantText::default().of(time) == bytes { Ok(time) } else { Err(ParseTimestampError) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reading::text(deserializer, "an instant such as 2026-11-22T21:43:05.123456789Z", |text| text.parse().ok())
    }
}

/// The numbers from 0 to 99 as they are written.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[b'0'; 2]; 100], 0);
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Days from the first of March of the year 0 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

/// The Gregorian date of a day counted from the first of March of the year 0, by eras of 400 years that start in March.
fn civil_date(days: u32) -> (u32, u32, u32) {
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (year_of_era + era * 400, if month < 10 { month + 3 } else { month - 9 });
    (if month <= 2 { year + 1 } else { year }, month, day)
}

/// Days from 1970-01-01 to a Gregorian date, the way back of [`civil_date`]. Months and days that no calendar has give the day
/// of some other date.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_BEFORE_1970
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_is_read_as_it_was_written(nanos: i64) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        /// Whatever is read is written alike.
        #[test]
        fn what_is_no_instant_is_refused(text in "(19|20|22)[0-9:]{2}-[01:][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{8}[0-9:]Z?") {
            if let Ok(time) = text.parse::<Timestamp>() {
                prop_assert_eq!(time.to_string(), text);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range_are_read_and_what_lies_beyond_is_refused() {
        for nanos in [i64::MIN, i64::MAX, 0, -1, 951_782_400_000_000_000] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string().parse(), Ok(Timestamp::from_nanos(nanos)));
        }
        for text in [
            "2262-04-11T23:47:16.854775808Z",
            "1677-09-21T00:12:43.145224191Z",
            "9999-12-31T23:59:59.999999999Z",
            "2025-02-29T00:00:00.000000000Z",
            "2025-01-01T24:00:00.000000000Z",
            "2025-01-01 00:00:00.000000000Z",
            "2025-01-01T00:00:00.000000000z",
            "2025-01-01T00:00:00.00000000:Z",
            "2025-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(ParseTimestampError), "{text}");
        }
    }

    #[test]
    fn prints_leap_days_and_instants_before_the_epoch() {
        assert_eq!(Timestamp::from_nanos(951_782_400_000_000_000).to_string(), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(Timestamp::from_nanos(-1).to_string(), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(Timestamp::from_nanos(i64::MAX).to_string(), "2262-04-11T23:47:16.854775807Z");
    }
}
