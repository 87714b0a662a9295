//! Text from the wire, made safe for people: hostile characters are written out.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

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

/// Characters that are shown on either side of a mistake, and of the mistake itself.
const AROUND: usize = 60;

/// A line with what is around a place of a text, its bytes, and a line of marks below that place, each behind two blanks. Marks go
/// by the columns that characters take.
#[must_use]
pub fn marked(text: &str, place: Range<usize>) -> String {
    let all = text.get(..place.start).unwrap_or_default();
    // as many characters as are shown, from the end
    let from = all.char_indices().rev().take(AROUND).last().map_or(0, |(at, _)| at);
    let first = |text: &str| text.chars().take(AROUND).collect::<String>();
    let before = escaped(all.get(from..).unwrap_or_default());
    let behind = first(text.get(place.end..).unwrap_or_default());
    let wrong = first(text.get(place).unwrap_or_default());
    let (wrong, behind) = (escaped(&wrong), escaped(&behind));
    let lead = if from > 0 { "..." } else { "" };
    let indent = " ".repeat(lead.len() + before.width());
    format!("  {lead}{before}{wrong}{behind}\n  {indent}{}", "^".repeat(wrong.width().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_below_what_is_wrong_whatever_is_before_it() {
        let told = |text: &str, wrong: &str| {
            let start = text.find(wrong).unwrap();
            marked(text, start..start + wrong.len())
        };
        // two columns each, and an escape of eight
        assert_eq!(told("中文 x y", "x"), "  中文 x y\n       ^");
        assert_eq!(told("a 中文 b", "中文"), "  a 中文 b\n    ^^^^");
        assert_eq!(told("a\u{202e} x", "x"), "  a\\u{202e} x\n            ^");
        // what is far away is left out, however long
        let long = format!("{}x{}", "a".repeat(70_000), "b".repeat(70_000));
        let expected = format!("  ...{}x{}\n  {}^", "a".repeat(60), "b".repeat(60), " ".repeat(63));
        assert_eq!(told(&long, "x"), expected);
        assert_eq!(marked(&long, 0..long.len()), format!("  {}\n  {}", "a".repeat(60), "^".repeat(60)));
        assert_eq!(marked("ab", 2..2), "  ab\n    ^");
    }

    #[test]
    fn writes_out_what_could_steer_a_terminal() {
        assert_eq!(
            escaped("M\u{fc}ller \u{1b}[2J\r\n\u{202e}\u{9b}x\u{7f}"),
            "M\u{fc}ller \\u{1b}[2J\\r\\n\\u{202e}\\u{9b}x\\u{7f}"
        );
        assert!(matches!(escaped("10.0.0.1:5004"), Cow::Borrowed(_)));
    }
}
