//! Text from the wire, made safe for people: hostile characters are written out.

use std::borrow::Cow;
use std::fmt::Write;

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
}
