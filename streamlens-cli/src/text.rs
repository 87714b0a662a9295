//! Text for people: hostile characters made visible, widths on a terminal. Figures are those of `streamlens_model::words`.

use std::borrow::Cow;
use std::fmt::Write;

pub(crate) use streamlens::model::words::{bit_rate, bytes, counted, duration, exact_duration, grouped};
use unicode_width::UnicodeWidthStr;

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
    fn wraps_at_spaces_by_width_not_by_bytes() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("\u{4e2d}\u{6587} \u{4e2d}\u{6587}", 8), ["\u{4e2d}\u{6587}", "\u{4e2d}\u{6587}"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }
}
