//! Text for people: hostile characters made visible, widths on a terminal, figures with units.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthStr;

/// From this share of a power of ten on, four significant digits round up to it.
const ROUNDS_UP: f64 = 0.99995;

/// The text with every character written out that could steer a terminal or hide what is there: control characters,
/// marks of writing direction, and characters without a width. Names and findings quote bytes of packets.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
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

fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Columns that the text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks the text at spaces into lines no wider than `limit`; a single longer word keeps its line.
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
    lines
}

/// A count with its digits in groups of three: `1,018,818`.
pub(crate) fn grouped(count: u64) -> String {
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
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Bytes with a decimal unit: `512 B`, `1.02 MB`.
pub(crate) fn bytes(count: u64) -> String {
    scaled(count as f64, &[("B", 1e3), ("kB", 1e3), ("MB", 1e3), ("GB", 1e3), ("TB", f64::INFINITY)], true)
}

/// Nanoseconds in a fitting unit, four digits at most before rounding: `250 ns`, `1.004 ms`, `12.50 h`.
pub(crate) fn duration(nanos: f64) -> String {
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
pub(crate) fn exact_duration(nanos: u64) -> String {
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("\u{b5}s", 1_000)];
    let unit = units.into_iter().find(|(_, unit)| nanos > 0 && nanos.is_multiple_of(*unit));
    let (name, unit) = unit.unwrap_or(("ns", 1));
    format!("{} {name}", nanos / unit)
}

/// Bits per second with a decimal unit: `2.725 Mbit/s`.
pub(crate) fn bit_rate(bits_per_second: f64) -> String {
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
    fn writes_figures_as_the_web_page_does() {
        let cases: serde_json::Value = serde_json::from_str(include_str!("text-cases.json")).expect("a list of cases");
        let check = |kind: &str, write: &dyn Fn(f64) -> String| {
            let cases = cases[kind].as_array().expect(kind);
            assert!(!cases.is_empty(), "{kind}");
            for case in cases {
                let value = case[0].as_f64().expect("a number");
                assert_eq!(write(value), case[1], "{kind} {value}");
            }
        };
        check("grouped", &|value| grouped(value as u64));
        check("bytes", &|value| bytes(value as u64));
        check("duration", &duration);
        check("bit_rate", &bit_rate);
        check("percent", &crate::table::percent);
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
        assert_eq!([0, 1, 1000, 1_500_000_000].map(exact_duration), ["0 ns", "1 ns", "1 \u{b5}s", "1500 ms"]);
    }

    #[test]
    fn wraps_at_spaces_by_width_not_by_bytes() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("\u{4e2d}\u{6587} \u{4e2d}\u{6587}", 8), ["\u{4e2d}\u{6587}", "\u{4e2d}\u{6587}"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }
}
