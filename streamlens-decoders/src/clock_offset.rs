//! How far the clock of a source is from the capture's, in words that people know: time scales taken for each other, time zones,
//! clocks that were never set.

use streamlens_model::words::{Grouped, Span};
use streamlens_model::{Occurrence, Timestamp};

/// Up to here a clock and the capture's agree, in nanoseconds: the way takes its time, and capture clocks are often set by NTP.
const AGREES: u64 = 500_000_000;
/// How far from a whole number of seconds, in nanoseconds, an offset may be that people know by a name.
const WITHIN: u64 = 250_000_000;
/// TAI less UTC, GPS less UTC, TAI less GPS since 2017, in seconds.
const KNOWN: [(u64, &str); 3] = [(37, "TAI less UTC"), (18, "GPS time less UTC"), (19, "TAI less GPS time")];
/// Until here after the beginning of its count, 1970, a clock was never set, in nanoseconds.
const NEVER_SET: i64 = 366 * 86_400 * SECOND.cast_signed();
const SECOND: u64 = 1_000_000_000;

/// An offset in nanoseconds that is no error of an oscillator, in words: `+18 s (GPS time less UTC)`; `None` for all others, and
/// none at all.
pub(crate) fn in_words(offset: i64) -> Option<String> {
    let (sign, size) = (if offset > 0 { "+" } else { "-" }, offset.unsigned_abs());
    let known = KNOWN.iter().find(|(seconds, _)| size.abs_diff(seconds * SECOND) < WITHIN);
    if let Some((seconds, name)) = known {
        return Some(format!("{sign}{seconds} s ({name})"));
    }
    let hours = (size + 1_800 * SECOND) / (3_600 * SECOND);
    let is_zone = (1..=14).contains(&hours) && size.abs_diff(hours * 3_600 * SECOND) < WITHIN;
    is_zone.then(|| format!("{sign}{hours} h (a time zone)"))
}

/// Since when a clock is to the capture's as it is now: in agreement, off by an offset that has a name, or off by another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    since: Occurrence,
    offset: i64,
}

impl Standing {
    /// A clock that is `offset` nanoseconds ahead of the capture's.
    pub(crate) fn new(offset: i64, at: Occurrence) -> Self {
        Self { since: at, offset }
    }

    /// Takes what it shows next.
    pub(crate) fn go_on(&mut self, offset: i64, at: Occurrence) {
        if !are_alike(offset, self.offset) {
            self.since = at;
        }
        self.offset = offset;
    }

    /// Since when.
    pub(crate) fn since(&self) -> Occurrence {
        self.since
    }
}

/// Whether the same would be said of two offsets but for figures.
pub(crate) fn are_alike(one: i64, other: i64) -> bool {
    let [one, other] = [one, other].map(|offset| (offset.unsigned_abs() < AGREES, in_words(offset)));
    one == other
}

/// The end of a sentence about a clock: since when that is so; `what` is what came first of all.
pub(crate) fn since(at: Occurrence, first: Occurrence, what: &str) -> String {
    if at.frame == first.frame {
        format!("since its first {what}")
    } else {
        format!("since frame {}", Grouped(at.frame))
    }
}

/// Whether [`judged`] has anything to say.
pub(crate) fn is_off(offset: i64, may_be_tai: bool) -> bool {
    let is_tai = || may_be_tai && offset.saturating_sub(37 * SECOND.cast_signed()).unsigned_abs() < 2 * SECOND;
    offset.unsigned_abs() >= AGREES && !(offset < 60 * SECOND.cast_signed() && is_tai())
}

/// What is to be said of a source whose clock shows `time` and is `offset` ahead of the capture's, both in nanoseconds; `None`
/// where the two agree. `may_be_tai`: its clock lawfully counts TAI, and the capture's UTC.
pub(crate) fn judged(time: i64, offset: i64, may_be_tai: bool) -> Option<String> {
    judged_of("its clock", time, offset, may_be_tai)
}

/// The same where the place of the finding doesn't say `whose` clock it is.
pub(crate) fn judged_of(whose: &str, time: i64, offset: i64, may_be_tai: bool) -> Option<String> {
    if !is_off(offset, may_be_tai) {
        return None;
    }
    if (0..NEVER_SET).contains(&time) {
        let time = Timestamp::from_nanos(time).to_string();
        let (day, clock) = time.split_once('T').unwrap_or((&time, ""));
        let clock = clock.split('.').next().unwrap_or_default();
        return Some(format!("{whose} was never set: it shows {day} {clock}"));
    }
    let days = offset.unsigned_abs() / (86_400 * SECOND);
    let by = if days < 1_000 { Span(offset.saturating_abs()).to_string() } else { format!("{} d", Grouped(days)) };
    let way = if offset > 0 { "ahead of" } else { "behind" };
    Some(match in_words(offset) {
        Some(words) => format!("{whose} is {by} {way} the capture's: {words}"),
        None => format!("{whose} is {by} {way} the capture's: one of the two is not synchronised"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;
    const NOW: i64 = 1_772_000_000 * S;

    #[test]
    fn offsets_that_people_know_have_names() {
        let words = |offset| in_words(offset).unwrap_or_default();
        assert_eq!(words(18 * S + 3_000_000), "+18 s (GPS time less UTC)");
        assert_eq!(words(-37 * S), "-37 s (TAI less UTC)");
        assert_eq!(words(2 * 3_600 * S - 20_000), "+2 h (a time zone)");
        for other in [0, 5 * S, 18 * S + 300_000_000, 15 * 3_600 * S, i64::MIN, i64::MAX] {
            assert_eq!(in_words(other), None, "{other}");
        }
    }

    #[test]
    fn clocks_that_are_off_are_said_to_be() {
        let said = |time, offset| judged(time, offset, false).unwrap_or_default();
        assert_eq!(said(NOW, 18 * S), "its clock is 18.00 s ahead of the capture's: +18 s (GPS time less UTC)");
        assert_eq!(
            said(NOW, -4_200_000_000),
            "its clock is 4.200 s behind the capture's: one of the two is not synchronised"
        );
        assert_eq!(said(12 * S, 12 * S - NOW), "its clock was never set: it shows 1970-01-01 00:00:12");
        assert_eq!(said(NOW, 400_000_000), "");
        let at = |frame| Occurrence { frame, time: None };
        let mut standing = Standing::new(5, at(7));
        standing.go_on(S / 3, at(8));
        assert_eq!(since(standing.since(), at(7), "packet"), "since its first packet");
        standing.go_on(18 * S, at(1_234));
        standing.go_on(18 * S + 9, at(1_235));
        assert_eq!(since(standing.since(), at(7), "packet"), "since frame 1,234");
        standing.go_on(50 * S, at(1_300));
        standing.go_on(90 * S, at(1_400));
        assert_eq!(standing.since().frame, 1_300, "it was off all the while");
        assert_eq!((judged(NOW, 37 * S, true), judged(NOW, i64::MIN, true).is_some()), (None, true));
        assert!(judged(NOW, 37 * S, false).is_some() && judged(NOW, 18 * S, true).is_some());
    }
}
