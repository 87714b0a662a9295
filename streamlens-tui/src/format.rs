//! Figures as they stand in columns: three digits and a unit, or exact.

use std::borrow::Cow;

use streamlens_model::row::{Amount, Cell, Kind};
use streamlens_model::text::escaped;
use streamlens_model::words::grouped;
use streamlens_model::{Endpoint, Timestamp};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How figures are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Units {
    /// Three digits and a unit that fits.
    #[default]
    Fitting,
    /// As they are, in the unit of the document: nanoseconds, bytes, bits per second.
    Exact,
}

/// How instants are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// Time of day in UTC.
    #[default]
    Day,
    /// Date and time of day in UTC.
    Date,
    /// Seconds since the first frame.
    Relative,
    /// How long before the last look.
    Ago,
}

impl TimeFormat {
    /// The one behind it.
    #[must_use]
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Day => Self::Date,
            Self::Date => Self::Relative,
            Self::Relative => Self::Ago,
            Self::Ago => Self::Day,
        }
    }

    /// Its name.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "time of day, UTC",
            Self::Date => "date and time, UTC",
            Self::Relative => "seconds since the first frame",
            Self::Ago => "time ago",
        }
    }
}

/// How values are written: what `t` and `u` choose, and what instants are measured from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Format {
    /// Figures.
    pub units: Units,
    /// Instants.
    pub times: TimeFormat,
    /// The first frame.
    pub began: Option<Timestamp>,
    /// The last look.
    pub now: Option<Timestamp>,
}

impl Format {
    /// A value of a column, in at most `width` columns where that is possible.
    #[must_use]
    pub(crate) fn cell(&self, cell: &Cell<'_>, kind: Kind, width: usize) -> String {
        match (cell, kind) {
            (Cell::Count(count), Kind::Number(amount)) => self.amount(*count as f64, amount, width),
            (Cell::Number(number), Kind::Number(amount)) => self.amount(*number, amount, width),
            (Cell::Time(time), _) => self.time(*time),
            (Cell::Endpoint(end), _) => endpoint(end, width),
            (other, _) => escaped(&other.to_string()).into_owned(),
        }
    }

    /// A number that is an amount of something.
    #[must_use]
    pub(crate) fn amount(&self, value: f64, amount: Amount, width: usize) -> String {
        let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
        match (self.units, amount) {
            (Units::Exact, Amount::Share) => format!("{:.6}", value),
            (Units::Exact, Amount::Ppm) => format!("{value:+.3}"),
            (Units::Exact, _) if is_whole && value >= 0.0 => grouped(value as u64),
            (Units::Exact, _) => format!("{value:.1}"),
            (Units::Fitting, Amount::Duration) => duration(value),
            (Units::Fitting, Amount::Size) => size(value),
            (Units::Fitting, Amount::BitRate) => rate(value),
            (Units::Fitting, Amount::PacketRate) => packet_rate(value),
            (Units::Fitting, Amount::Share) => share(value),
            (Units::Fitting, Amount::Ppm) => format!("{value:+.1}"),
            (Units::Fitting, Amount::Plain) if is_whole && value >= 0.0 => count(value as u64, width),
            (Units::Fitting, Amount::Plain) => digits(value),
        }
    }

    /// An instant.
    #[must_use]
    pub(crate) fn time(&self, time: Timestamp) -> String {
        let text = time.to_string();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        match self.times {
            TimeFormat::Day => part(11, 26),
            TimeFormat::Date => format!("{} {}", part(0, 10), part(11, 29)),
            TimeFormat::Relative => match self.began {
                Some(began) => format!("{:.6} s", time.since(began) as f64 * 1e-9),
                None => part(11, 26),
            },
            TimeFormat::Ago => match self.now {
                Some(now) => format!("{} ago", duration(now.since(time).max(0) as f64)),
                None => part(11, 26),
            },
        }
    }
}

/// An address with its port; where that is too wide, the middle of the address is left out.
fn endpoint(end: &Endpoint, width: usize) -> String {
    let text = Cell::Endpoint(*end).to_string();
    shortened(&text, width).into_owned()
}

/// Three digits, and no unit.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.places$}")
}

fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let mut value = value;
    for (unit, factor) in units {
        if value.abs() < factor * 0.9995 {
            return format!("{}{unit}", digits(value));
        }
        value /= factor;
    }
    String::new()
}

/// Nanoseconds: `90.1µs`, `1.00ms`, `2.50s`, `12.5min`.
#[must_use]
pub(crate) fn duration(nanos: f64) -> String {
    if nanos < 999.5 {
        return format!("{nanos:.0}ns");
    }
    const UNITS: [(&str, f64); 6] =
        [("µs", 1e3), ("ms", 1e3), ("s", 600.0), ("min", 60.0), ("h", 48.0), ("d", f64::INFINITY)];
    let mut value = nanos / 1e3;
    for (unit, end) in UNITS {
        if value < end * 0.9995 {
            return format!("{}{unit}", digits(value));
        }
        value /= match unit {
            "s" | "min" => 60.0,
            "h" => 24.0,
            _ => 1e3,
        };
    }
    String::new()
}

/// Bytes: `378`, `17.1K`, `1.23M`.
#[must_use]
pub(crate) fn size(bytes: f64) -> String {
    if bytes < 999.5 {
        return format!("{bytes:.0}");
    }
    scaled(bytes / 1e3, &[("K", 1e3), ("M", 1e3), ("G", 1e3), ("T", f64::INFINITY)])
}

/// Bits per second: `512`, `96.2k`, `2.72M`.
#[must_use]
pub(crate) fn rate(bits: f64) -> String {
    if bits < 999.5 {
        return format!("{bits:.0}");
    }
    scaled(bits / 1e3, &[("k", 1e3), ("M", 1e3), ("G", 1e3), ("T", f64::INFINITY)])
}

/// Packets per second: `0.25`, `12.1`, `1,000`.
#[must_use]
pub(crate) fn packet_rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        rate if rate < 99.95 => digits(rate),
        rate if rate < 999_999.5 => grouped(rate.round() as u64),
        rate => scaled(rate / 1e6, &[("M", f64::INFINITY)]),
    }
}

/// A share: `0.787 %`.
#[must_use]
pub(crate) fn share(share: f64) -> String {
    format!("{:.3} %", share * 100.0)
}

/// A count with its digits in groups, or three of them and a unit where that is too wide.
#[must_use]
pub(crate) fn count(count: u64, width: usize) -> String {
    let text = grouped(count);
    if text.len() <= width { text } else { size(count as f64) }
}

/// A confidence: `99.9 %`, never rounded up to a whole that it isn't.
#[must_use]
pub(crate) fn confidence(score: f64) -> String {
    let percent = (score * 1000.0).floor() / 10.0;
    if percent >= 100.0 { "100 %".to_owned() } else { format!("{percent:.1} %") }
}

/// What a stream is called: its identifier with its name, which may begin with it.
#[must_use]
pub(crate) fn stream(id: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if name.starts_with(id) => name.to_owned(),
        Some(name) => format!("{id} {name}"),
        None => id.to_owned(),
    }
}

/// Pieces behind each other in lines of a width, two blanks between them where all fit into one line.
#[must_use]
pub(crate) fn in_lines(pieces: &[String], limit: usize) -> Vec<String> {
    let text = pieces.join("  ");
    if text.width() <= limit {
        return vec![text];
    }
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces {
        match lines.last_mut().filter(|line| line.width() + 1 + piece.width() <= limit) {
            Some(line) => {
                line.push(' ');
                line.push_str(piece);
            }
            None => lines.push(piece.clone()),
        }
    }
    lines
}

/// A span of time as a clock shows it: `00:01:42`.
#[must_use]
pub(crate) fn clock(nanos: i64) -> String {
    let seconds = nanos.max(0) / 1_000_000_000;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// Columns that a text takes as it is shown: characters that are written as escapes count as these.
#[must_use]
pub fn width(text: &str) -> usize {
    escaped(text).width()
}

/// The text as it is shown, or what of it fits with an ellipsis behind.
#[must_use]
pub(crate) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    let text = escaped(text);
    if text.width() <= limit {
        return text;
    }
    let (mut kept, mut used) = (String::new(), 0);
    for letter in text.chars() {
        let wide = letter.width().unwrap_or(0);
        if used + wide + 1 > limit {
            break;
        }
        kept.push(letter);
        used += wide;
    }
    if limit > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// Breaks the text at spaces into lines no wider than `limit`; a longer word is cut.
#[must_use]
pub(crate) fn wrapped(text: &str, limit: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| shortened(line, limit).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let durations = [0.0, 90_100.0, 999.4, 999.6, 1_000_000.0, 47_300_000.0, 188e6, 9.995e8, 6.1e11, 7.2e12];
        let durations = durations.map(duration);
        assert_eq!(
            durations,
            ["0ns", "90.1µs", "999ns", "1.00µs", "1.00ms", "47.3ms", "188ms", "1.00s", "10.2min", "2.00h"]
        );
        assert_eq!([378.0, 999.6, 17_100.0, 1_234_567.0].map(size), ["378", "1.00K", "17.1K", "1.23M"]);
        assert_eq!([0.0, 0.25, 12.1, 1000.0, 1.5e6].map(packet_rate), ["0", "0.25", "12.1", "1,000", "1.50M"]);
        assert_eq!([count(1_234, 8), count(12_345_678, 8)], ["1,234", "12.3M"]);
        assert_eq!([confidence(0.9999), confidence(1.0)], ["99.9 %", "100 %"]);
        assert_eq!(clock(102_000_000_000), "00:01:42");
    }

    #[test]
    fn texts_are_cut_by_width() {
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(shortened("中文中文", 5), "中文…");
        assert_eq!(shortened("x", 0), "");
        assert_eq!((shortened("a\u{1b}b", 20), width("a\u{1b}b")), ("a\\u{1b}b".into(), 8));
        assert_eq!(shortened("a\u{1b}b", 5), "a\\u{…");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 5), ["unbr…"]);
        let pieces = ["one", "two", "six"].map(str::to_owned);
        assert_eq!(in_lines(&pieces, 13), ["one  two  six"]);
        assert_eq!(in_lines(&pieces, 12), ["one two six"]);
        assert_eq!(in_lines(&pieces, 7), ["one two", "six"]);
        assert_eq!(stream("channel 2", Some("channel 2 (Wing)")), "channel 2 (Wing)");
        assert_eq!([stream("0x1", Some("camera")), stream("0x1", None)], ["0x1 camera", "0x1"]);
    }
}
