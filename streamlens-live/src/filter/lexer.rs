//! Words of a capture filter, with their places.

use std::ops::Range;

/// A word, parenthesis or operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) place: Range<usize>,
}

/// Cuts a text into words. Parentheses and `!`, `&&`, `||` stand alone; everything else goes to the next space.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = length_of(rest);
        if !rest.starts_with(char::is_whitespace) {
            found.push(Token { text: rest.get(..length).unwrap_or(rest), place: at..at + length });
        }
        at += length;
    }
    found
}

/// Bytes of the first word; at least those of one character.
fn length_of(rest: &str) -> usize {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("&&") || rest.starts_with("||") {
        return 2;
    }
    if rest.starts_with(|c: char| c.is_whitespace() || "()!".contains(c)) {
        return first;
    }
    let ends = |c: char| c.is_whitespace() || "()!&|".contains(c);
    rest.find(ends).unwrap_or(rest.len()).max(first)
}
