//! Words and figures of sentences for people, so that all of them agree in grammar, units and thousands.

use std::fmt::{self, Display};

/// From this share of a power of ten on, four significant digits round up to it.
const ROUNDS_UP: f64 = 0.99995;

/// A count with its digits in groups of three: `1,018,818`. Writing it allocates nothing.
///
/// ```
/// # use streamlens_model::words::Grouped;
/// assert_eq!(format!("frame {}", Grouped(1_018_818)), "frame 1,018,818");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Grouped(pub u64);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 20 digits and 6 commas, filled from the end
        let (mut text, mut start, mut rest) = ([b','; 26], 26, self.0);
        for place in 0_u8.. {
            if place > 0 && place.is_multiple_of(3) {
                start -= 1;
            }
            start -= 1;
            if let Some(digit) = text.get_mut(start) {
                *digit = b'0' + (rest % 10) as u8;
            }
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        f.write_str(text.get(start..).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default())
    }
}

/// A count and its noun, in the plural where that is due: `1 flow`, `2,979 frames`. Writing it allocates nothing.
///
/// ```
/// # use streamlens_model::words::Counted;
/// let packets = |count| Counted(count, "packet");
/// assert_eq!(format!("{} {} missing", packets(1), packets(1).are()), "1 packet is missing");
/// assert_eq!(format!("{} {} missing", packets(2000), packets(2000).are()), "2,000 packets are missing");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a>(pub u64, pub &'a str);

impl Counted<'_> {
    /// `is`, or `are` where there are several or none.
    #[must_use]
    pub const fn are(&self) -> &'static str {
        self.verb("is", "are")
    }

    /// One of two forms of a verb that goes with the count: `holds` or `hold`.
    #[must_use]
    pub const fn verb(&self, one: &'static str, several: &'static str) -> &'static str {
        if self.0 == 1 { one } else { several }
    }
}

impl Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = *self;
        write!(f, "{} {noun}{}", Grouped(count), if count == 1 { "" } else { "s" })
    }
}

/// How often: `once`, `twice`, `3 times`, `1,000 times`.
#[derive(Clone, Copy, Debug)]
pub struct Times(pub u64);

impl Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("once"),
            2 => f.write_str("twice"),
            times => write!(f, "{} times", Grouped(times)),
        }
    }
}

/// A length of time in nanoseconds, in a fitting unit with four digits: `250 ns`, `2.100 s`, `-12.50 h`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub i64);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}", duration(self.0.unsigned_abs() as f64))
    }
}

/// A count with its digits in groups of three: `1,018,818`.
#[must_use]
pub fn grouped(count: u64) -> String {
    Grouped(count).to_string()
}

/// A count and its noun, in the plural where that is due: `1 flow`, `2,979 frames`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    Counted(count, noun).to_string()
}

/// Bytes with a decimal unit: `512 B`, `1.02 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    scaled(count as f64, &[("B", 1e3), ("kB", 1e3), ("MB", 1e3), ("GB", 1e3), ("TB", f64::INFINITY)], true)
}

/// Nanoseconds in a fitting unit, four digits at most before rounding: `250 ns`, `1.004 ms`, `12.50 h`.
#[must_use]
pub fn duration(nanos: f64) -> String {
    let whole = nanos.fract() == 0.0 && nanos < 1e3;
    // what makes the unit larger, and from which value on the next one fits better
    const UNITS: [(&str, f64, f64); 7] = [
        ("ns", 1e3, 1e3),
        ("\u{b5}s", 1e3, 1e3),
        ("ms", 1e3, 1e3),
        ("s", 60.0, 600.0),
        ("min", 60.0, 60.0),
        ("h", 24.0, 48.0),
        ("d", 1.0, f64::INFINITY),
    ];
    let mut value = nanos;
    for (unit, factor, end) in UNITS {
        if value < end * ROUNDS_UP || whole {
            return figure(value, unit, whole);
        }
        value /= factor;
    }
    String::new()
}

/// Nanoseconds in the largest unit of which they are a whole number: `1 \u{b5}s`, `1500 ms`.
#[must_use]
pub fn exact_duration(nanos: u64) -> String {
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("\u{b5}s", 1_000)];
    let unit = units.into_iter().find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(("ns", 1));
    format!("{} {name}", nanos / unit)
}

/// A number of packets a second, with one digit behind the point: `1,000.1`.
#[must_use]
pub fn packet_rate(packets_per_second: f64) -> String {
    let tenths = (packets_per_second * 10.0).round() as u64;
    format!("{}.{}", Grouped(tenths / 10), tenths % 10)
}

/// Bits per second with a decimal unit: `2.725 Mbit/s`.
#[must_use]
pub fn bit_rate(bits_per_second: f64) -> String {
    scaled(
        bits_per_second,
        &[("bit/s", 1e3), ("kbit/s", 1e3), ("Mbit/s", 1e3), ("Gbit/s", 1e3), ("Tbit/s", f64::INFINITY)],
        false,
    )
}

fn scaled(value: f64, units: &[(&str, f64)], whole: bool) -> String {
    let whole = whole && value < 1e3;
    let mut value = value;
    for (unit, factor) in units {
        if value < *factor * ROUNDS_UP || whole {
            return figure(value, unit, whole);
        }
        value /= factor;
    }
    String::new()
}

/// Four significant digits, or none behind the point where the figure is a whole number by nature.
fn figure(value: f64, unit: &str, whole: bool) -> String {
    let digits = match value {
        _ if whole => 0,
        value if value < 10.0 * ROUNDS_UP => 3,
        value if value < 100.0 * ROUNDS_UP => 2,
        value if value < 1000.0 * ROUNDS_UP => 1,
        // days, and terabytes
        _ => return format!("{} {unit}", Grouped(value.round() as u64)),
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_three() {
        let texts: Vec<_> = [0, 12, 999, 1000, 123_456, 1_018_818, u64::MAX].map(grouped).into();
        assert_eq!(texts, ["0", "12", "999", "1,000", "123,456", "1,018,818", "18,446,744,073,709,551,615"]);
    }

    #[test]
    fn chooses_the_unit_that_fits() {
        let texts: Vec<_> =
            [0.0, 250.0, 250.5, 1_003_902.4, 50_861.4, 1.5e9, 59e9, 5.99e11, 6e11, 7.2e12, 8.64e14, 6_128.4 * 8.64e13]
                .map(duration)
                .into();
        assert_eq!(
            texts,
            [
                "0 ns",
                "250 ns",
                "250.5 ns",
                "1.004 ms",
                "50.86 \u{b5}s",
                "1.500 s",
                "59.00 s",
                "599.0 s",
                "10.00 min",
                "2.000 h",
                "10.00 d",
                "6,128 d"
            ]
        );
        assert_eq!(
            (bytes(512), bytes(1_018_818), bytes(u64::MAX)),
            ("512 B".into(), "1.019 MB".into(), "18,446,744 TB".into())
        );
        assert_eq!([99_998_000.0, 999_970_000.0, 9_999.6].map(duration), ["100.0 ms", "1.000 s", "10.00 \u{b5}s"]);
        assert_eq!([0, 1, 1000, 1_500_000_000].map(exact_duration), ["0 ns", "1 ns", "1 \u{b5}s", "1500 ms"]);
        assert_eq!(bit_rate(2_725_364.6), "2.725 Mbit/s");
    }

    #[test]
    fn sentences_agree_with_their_counts() {
        let of = |count| Counted(count, "packet");
        let said = |count| format!("{} {} late, {}", of(count), of(count).verb("comes", "come"), Times(count));
        assert_eq!(said(1), "1 packet comes late, once");
        assert_eq!(said(2), "2 packets come late, twice");
        assert_eq!(said(1200), "1,200 packets come late, 1,200 times");
        assert_eq!(
            [Span(2_099_852_000), Span(-400), Span(i64::MIN)].map(|span| span.to_string())[..2],
            ["2.100 s", "-400 ns"]
        );
    }
}
