//! Text for people: that of the model, and widths on a terminal.

pub(crate) use streamlens::model::text::escaped;
pub(crate) use streamlens::model::words::{bit_rate, bytes, counted, duration, exact_duration, grouped};
use unicode_width::UnicodeWidthStr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(bytes(u64::MAX), "18,446,744 TB");
        assert_eq!([0, 1, 1000, 1_500_000_000].map(exact_duration), ["0 ns", "1 ns", "1 \u{b5}s", "1500 ms"]);
    }

    #[test]
    fn wraps_at_spaces_by_width_not_by_bytes() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("\u{4e2d}\u{6587} \u{4e2d}\u{6587}", 8), ["\u{4e2d}\u{6587}", "\u{4e2d}\u{6587}"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }
}
