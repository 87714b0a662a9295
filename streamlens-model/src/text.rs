//! Text for people: hostile characters made visible, figures with units.

use std::borrow::Cow;
use std::fmt::Write;

/// From this share of a power of ten on, four significant digits round up to it.
const ROUNDS_UP: f64 = 0.99995;

/// The text with every character written out that could steer a terminal or hide what is there: control characters,
/// marks of writing direction, and characters without a width. Names and findings quote bytes of packets.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            other if is_hostile(other) => {
                // writing to a String cannot fail
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(other));
            }
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}

/// Whether a character could steer a terminal or hide what is there.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A count with its digits in groups of three: `1,018,818`.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun, in the plural where that is due: `1 flow`, `2,979 frames`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
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
        _ => 1,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_out_what_could_steer_a_terminal() {
        assert_eq!(
            escaped("M\u{fc}ller \u{1b}[2J\r\n\u{202e}\u{9b}x\u{7f}"),
            "M\u{fc}ller \\u{1b}[2J\\r\\n\\u{202e}\\u{9b}x\\u{7f}"
        );
        assert!(matches!(escaped("10.0.0.1:5004"), Cow::Borrowed(_)));
    }

    #[test]
    fn groups_digits_by_three() {
        let texts: Vec<_> = [0, 12, 999, 1000, 123_456, 1_018_818].map(grouped).into();
        assert_eq!(texts, ["0", "12", "999", "1,000", "123,456", "1,018,818"]);
    }

    #[test]
    fn chooses_the_unit_that_fits() {
        let texts: Vec<_> = [0.0, 250.0, 250.5, 1_003_902.4, 50_861.4, 1.5e9, 59e9, 5.99e11, 6e11, 7.2e12, 8.64e14]
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
                "10.00 d"
            ]
        );
        assert_eq!(
            (bytes(512), bytes(1_018_818), bytes(u64::MAX)),
            ("512 B".into(), "1.019 MB".into(), "18446744.1 TB".into())
        );
        assert_eq!([99_998_000.0, 999_970_000.0, 9_999.6].map(duration), ["100.0 ms", "1.000 s", "10.00 \u{b5}s"]);
        assert_eq!([0, 1, 1000, 1_500_000_000].map(exact_duration), ["0 ns", "1 ns", "1 \u{b5}s", "1500 ms"]);
        assert_eq!(bit_rate(2_725_364.6), "2.725 Mbit/s");
    }
}
