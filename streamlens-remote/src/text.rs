//! Texts as they go over the wire.

use std::io::Read;

use flate2::read::DeflateDecoder;

/// The text of a stream of RFC 1951; `None` where it is none, or longer than so many bytes.
pub(crate) fn inflated(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut reader = DeflateDecoder::new(bytes).take(most as u64 + 1);
    reader.read_to_end(&mut text).ok()?;
    (text.len() <= most).then_some(text)
}

/// Characters of the name of a probe, and of where it is.
const NAME: usize = 64;

/// Whether a hub takes a text as the name of a probe, or as where it is: 1 to 64 characters that are shown, no blanks around.
#[must_use]
pub fn is_name(text: &str) -> bool {
    is_plain(text, NAME)
}

/// Whether a name or a place may be shown: so many characters, none of which controls anything, and no blanks around it.
pub(crate) fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty()
        && text.len() <= 4 * most
        && text.chars().count() <= most
        && text.trim() == text
        // characters that turn the direction of writing could make one name look like another
        && !text.chars().any(|letter| letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
}

/// The hexadecimal digits of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_grows_too_long_is_refused() {
        let text = vec![b'a'; 100_000];
        let small = streamlens_web::deflated(&text).unwrap();
        assert!(small.len() < 1_000);
        assert_eq!(inflated(&small, 100_000).as_deref(), Some(&*text));
        assert_eq!(inflated(&small, 99_999), None);
        assert_eq!(inflated(b"no stream", 100), None);
    }

    #[test]
    fn names_are_plain() {
        for name in ["studio-a", "<script>", "Prüfstand 3", "a"] {
            assert!(is_plain(name, 64), "{name}");
        }
        let long = "x".repeat(65);
        for name in ["", " a", "a\n", "a\u{1b}[2J", "a\u{202e}b", &long, &"y".repeat(1 << 20)] {
            assert!(!is_plain(name, 64), "{:?}", name.chars().take(70).collect::<String>());
        }
    }
}
