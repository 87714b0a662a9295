//! Time Data packets (IRIG 106 chapter 11, Time Data Formats 1 and 2): from the relative time counter to UTC.

use streamlens_model::Timestamp;

use crate::header::{COUNTER_BITS, PacketHeader};
use crate::{TIME_1, TIME_2};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// What a time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeScale {
    /// UTC, as IRIG time codes are by convention.
    Utc,
    /// GPS time, brought to UTC here.
    Gps,
    /// TAI (IEEE 1588), brought to UTC here.
    Tai,
    /// A real-time clock of the recorder: what it was set to is unknown.
    Unknown,
}

/// Where in time an instant lies, as far as its packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// An instant, in nanoseconds since 1970 UTC.
    Instant(i64),
    /// Nanoseconds since the beginning of a year that the packet does not name.
    OfYear(i64),
}

/// What a time packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeReading {
    /// The counter at that time: the one of the packet's header.
    pub counter: u64,
    /// The time.
    pub moment: Moment,
    /// What it is counted in.
    pub scale: TimeScale,
    /// Name of its format: `IRIG-B`.
    pub format: &'static str,
    /// Name of its source: `external`.
    pub source: &'static str,
    /// Whether the packet says that the year is a leap year; `None` where it can't.
    pub leap_year: Option<bool>,
}

/// Reads the data of a time packet; `None` where it is of another type, says that its time is not valid, or holds
/// digits that are none.
#[must_use]
pub fn read_time(header: &PacketHeader, data: &[u8]) -> Option<TimeReading> {
    let (word, body) = data.split_first_chunk::<4>()?;
    let word = u32::from_le_bytes(*word);
    match header.data_type {
        TIME_1 => format_1(header.counter, word, body),
        TIME_2 => format_2(header.counter, word, body),
        _ => None,
    }
}

fn format_1(counter: u64, word: u32, body: &[u8]) -> Option<TimeReading> {
    let source = match word & 0xF {
        0 => "internal",
        1 => "external",
        2 => "internal from recording medium",
        0xF => return None,
        _ => "reserved",
    };
    let (format, scale) = match word >> 4 & 0xF {
        0 => ("IRIG-B", TimeScale::Utc),
        1 => ("IRIG-A", TimeScale::Utc),
        2 => ("IRIG-G", TimeScale::Utc),
        3 => ("real-time clock", TimeScale::Unknown),
        4 => ("UTC from GPS", TimeScale::Utc),
        5 => ("native GPS", TimeScale::Gps),
        0xF => return None,
        _ => ("reserved", TimeScale::Unknown),
    };
    let digits = |at: usize| {
        let &byte = body.get(at)?;
        (byte >> 4 <= 9 && byte & 0xF <= 9).then_some(i64::from(byte >> 4) * 10 + i64::from(byte & 0xF))
    };
    let (hundredths, second, minute, hour) = (digits(0)?, digits(1)?, digits(2)?, digits(3)?);
    if second > 60 || minute > 59 || hour > 23 {
        return None;
    }
    let of_day = ((hour * 60 + minute) * 60 + second) * SECOND + hundredths * (SECOND / 100);
    let leap_year = (word >> 8 & 1 == 1).then_some(true);
    let moment = if word >> 9 & 1 == 1 {
        let (day, month, year) = (digits(4)?, digits(5)?, digits(7)? * 100 + digits(6)?);
        if !(1..=31).contains(&day) || !(1..=12).contains(&month) || !(1970..2262).contains(&year) {
            return None;
        }
        let instant = days_from_civil(year, month, day) * DAY + of_day;
        Moment::Instant(if scale == TimeScale::Gps { instant - gps_ahead(instant) } else { instant })
    } else {
        let day = digits(4)? + digits(5)? * 100;
        if !(1..=366).contains(&day) {
            return None;
        }
        Moment::OfYear((day - 1) * DAY + of_day - if scale == TimeScale::Gps { 18 * SECOND } else { 0 })
    };
    Some(TimeReading { counter, moment, scale, format, source, leap_year })
}

fn format_2(counter: u64, word: u32, body: &[u8]) -> Option<TimeReading> {
    if word & 0xF != 1 {
        return None;
    }
    let b = body.first_chunk::<8>()?;
    let seconds = i64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let fraction = i64::from(u32::from_le_bytes([b[4], b[5], b[6], b[7]]));
    let (format, scale, instant) = match word >> 4 & 0xF {
        // NTP counts from 1900: 70 years with 17 leap days before 1970.
        0 => ("NTP version 3", TimeScale::Utc, (seconds - 2_208_988_800) * SECOND + ((fraction * SECOND) >> 32)),
        format @ (1 | 2) => {
            if fraction >= SECOND {
                return None;
            }
            let tai = seconds * SECOND + fraction;
            let name = if format == 1 { "IEEE 1588-2002" } else { "IEEE 1588-2008" };
            (name, TimeScale::Tai, tai - tai_ahead(tai))
        }
        _ => return None,
    };
    Some(TimeReading {
        counter,
        moment: Moment::Instant(instant),
        scale,
        format,
        source: "network time",
        leap_year: None,
    })
}

/// Ends of the years at which leap seconds came since GPS time began to be used in flight test: from this instant
/// (nanoseconds since 1970) GPS time has been ahead of UTC by so many seconds.
const GPS_AHEAD: [(i64, i64); 6] = [
    (1_483_228_800, 18),
    (1_435_708_800, 17),
    (1_341_100_800, 16),
    (1_230_768_000, 15),
    (1_136_073_600, 14),
    (915_148_800, 13),
];

fn gps_ahead(instant: i64) -> i64 {
    let seconds = instant / SECOND;
    GPS_AHEAD.iter().find(|(from, _)| seconds >= *from).map_or(12, |(_, ahead)| *ahead) * SECOND
}

fn tai_ahead(instant: i64) -> i64 {
    gps_ahead(instant - 37 * SECOND) + 19 * SECOND
}

/// Days from 1970-01-01 to a Gregorian date, by eras of 400 years that start in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The instant of a time of the year, in the year that brings it nearest to `near`.
#[must_use]
pub fn nearest_year(of_year: i64, near: Timestamp) -> i64 {
    let near = near.as_nanos();
    // A year near enough; its neighbours are tried.
    let guess = 1970 + near.div_euclid(DAY) * 400 / 146_097;
    (guess - 1..=guess + 2)
        .map(|year| (days_from_civil(year, 1, 1) * DAY).saturating_add(of_year))
        .min_by_key(|instant| instant.saturating_sub(near).unsigned_abs())
        .unwrap_or(of_year)
}

/// Ticks from counter reading `from` to `to`, the shorter way round: negative where `to` is the earlier one.
#[must_use]
#[inline]
pub const fn ticks_between(from: u64, to: u64) -> i64 {
    let shift = 64 - COUNTER_BITS as u32;
    (to.wrapping_sub(from) << shift).cast_signed() >> shift
}

/// A counter reading as UTC, by a time packet's counter and instant.
#[must_use]
pub fn counter_to_utc(counter: u64, anchor: (u64, i64)) -> Timestamp {
    Timestamp::from_nanos(anchor.1.saturating_add(ticks_between(anchor.0, counter).saturating_mul(100)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(data_type: u8, word: u32, body: &[u8]) -> Option<String> {
        let mut bytes = [0_u8; 24];
        (bytes[0], bytes[1], bytes[15]) = (0x25, 0xEB, data_type);
        let header = PacketHeader::parse(&bytes)?;
        let mut data = word.to_le_bytes().to_vec();
        data.extend(body);
        Some(match read_time(&header, &data)?.moment {
            Moment::Instant(nanos) => Timestamp::from_nanos(nanos).to_string(),
            Moment::OfYear(nanos) => format!("day {} second {}", nanos / DAY + 1, nanos % DAY / SECOND),
        })
    }

    #[test]
    fn reads_dates_days_of_the_year_and_network_time() {
        let date = [0x25, 0x22, 0x19, 0x22, 0x17, 0x10, 0x18, 0x20];
        assert_eq!(time(TIME_1, 0x230, &date).as_deref(), Some("2018-10-17T22:19:22.250000000Z"));
        assert_eq!(time(TIME_1, 0x250, &date).as_deref(), Some("2018-10-17T22:19:04.250000000Z"), "GPS is 18 s ahead");
        assert_eq!(time(TIME_1, 1, &[0, 0x58, 0x19, 0x21, 0x22, 2]).as_deref(), Some("day 222 second 76798"));
        assert_eq!(
            time(TIME_1, 1, &[0, 0x60, 0x59, 0x23, 0x65, 3]).as_deref(),
            Some("day 366 second 0"),
            "leap second"
        );
        assert_eq!(time(TIME_1, 0xF1, &date), None, "format none");
        assert_eq!(time(TIME_1, 1, &[0, 0x6A, 0, 0, 1, 0]), None, "no digit");
        let ntp = [&0xE000_0000_u32.to_le_bytes()[..], &0x8000_0000_u32.to_le_bytes()].concat();
        assert_eq!(time(TIME_2, 1, &ntp).as_deref(), Some("2019-02-02T11:39:44.500000000Z"));
        let tai = [&1_718_000_037_u32.to_le_bytes()[..], &5_u32.to_le_bytes()].concat();
        assert_eq!(time(TIME_2, 0x21, &tai).as_deref(), Some("2024-06-10T06:13:20.000000005Z"));
        assert_eq!(time(TIME_2, 0x20, &tai), None, "not valid");
    }

    #[test]
    fn the_year_is_the_one_nearest_to_the_capture() {
        let new_year = Timestamp::from_nanos(1_704_067_200 * SECOND); // 2024-01-01
        let at = |of_year| Timestamp::from_nanos(nearest_year(of_year, new_year)).to_string();
        assert_eq!(at(0), "2024-01-01T00:00:00.000000000Z");
        assert_eq!(at(364 * DAY), "2023-12-31T00:00:00.000000000Z");
        assert_eq!(at(59 * DAY), "2024-02-29T00:00:00.000000000Z");
    }

    #[test]
    fn counters_are_compared_the_shorter_way_round() {
        assert_eq!(ticks_between(0xFFFF_FFFF_FFFF, 4), 5);
        assert_eq!(ticks_between(4, 0xFFFF_FFFF_FFFF), -5);
        assert_eq!(counter_to_utc(5, (15, 10_000)).as_nanos(), 9_000);
    }
}
