//! The clipboard of the terminal, by OSC 52: it works over SSH, and inside of tmux.

use std::io::{self, Write};

/// Terminals take no more than about so many bytes.
const MOST: usize = 74_000;

/// Puts a text on the clipboard.
pub(crate) fn copy(out: &mut impl Write, text: &str) -> io::Result<()> {
    let is_tmux = std::env::var_os("TMUX").is_some();
    out.write_all(sequence(text, is_tmux).as_bytes())?;
    out.flush()
}

/// The sequence that puts a text on the clipboard; tmux hands on what is wrapped for it, with each escape twice.
fn sequence(text: &str, is_tmux: bool) -> String {
    let end = (0..=text.len().min(MOST)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let text = base64(text.get(..end).unwrap_or_default().as_bytes());
    if is_tmux {
        // both for a tmux that takes it itself, and through it
        format!("\x1b]52;c;{text}\x07\x1bPtmux;\x1b\x1b]52;c;{text}\x07\x1b\\")
    } else {
        format!("\x1b]52;c;{text}\x07")
    }
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place) & 63) as usize;
            text.push(if place > group.len() { '=' } else { char::from(DIGITS[digit]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_for_the_terminal() {
        // RFC 4648 §10
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, expected) in vectors.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *expected);
        }
        assert_eq!(sequence("foo", false), "\x1b]52;c;Zm9v\x07");
        assert!(sequence("foo", true).ends_with("\x1bPtmux;\x1b\x1b]52;c;Zm9v\x07\x1b\\"));
        assert!(sequence(&"é".repeat(MOST), false).len() < MOST * 4 / 3 + 20);
    }
}
