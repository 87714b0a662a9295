//! Completion offers what valid filters go on with.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod common;

use common::{FILTERS, catalogue};
use streamlens_filter::{Completion, complete};

/// The pieces of the filters above, by blanks, signs and quotation marks.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap();
        let length = match first {
            ' ' => {
                at += 1;
                continue;
            }
            '"' => rest[1..].find('"').unwrap() + 2,
            '(' | ')' | '{' | '}' | ',' | '*' => 1,
            '.' if rest.starts_with("..") => 2,
            _ => {
                let end = rest.find(|letter: char| " (){},\"".contains(letter)).unwrap_or(rest.len());
                rest.find("..").map_or(end, |dots| dots.min(end))
            }
        };
        found.push((at, &rest[..length]));
        at += length;
    }
    found
}

/// Whether a piece is among what is offered, or of the values that can't be listed.
fn fits(offered: &Completion, piece: &str) -> bool {
    let is_literal =
        piece.starts_with(|letter: char| letter.is_ascii_digit() || letter == '"') || piece == "commentary";
    let is_it = |suggestion: &String| suggestion == piece || suggestion.strip_suffix('(') == Some(piece);
    offered.suggestions.iter().any(is_it) || (is_literal && !offered.values.is_empty()) || offered.next.contains(&piece)
}

#[test]
fn at_every_cursor_of_every_filter_it_offers_what_follows() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for (text, _) in FILTERS {
        for (at, piece) in pieces(text) {
            for cursor in at..at + piece.len() {
                if !text.is_char_boundary(cursor) {
                    continue;
                }
                let offered = complete(text, cursor, &catalogue);
                if !fits(&offered, piece) {
                    wrong.push(format!("{} | {} offers {offered:?}", &text[..cursor], &text[cursor..]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

/// Between two words nothing is written yet of what follows; behind a word it is written whole.
#[test]
fn between_words_it_offers_what_follows_and_what_is_written() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for (text, _) in FILTERS {
        let pieces = pieces(text);
        let mut before = None::<(usize, &str)>;
        for (at, piece) in pieces.iter().copied().map(Some).chain([None]).map(|piece| piece.unwrap_or((text.len(), "")))
        {
            if let Some((begin, written)) = before {
                let end = begin + written.len();
                let offered = complete(text, end, &catalogue);
                let is_sign = written.starts_with(|letter: char| "(){},*".contains(letter)) || written == "..";
                let is_there = fits(&offered, written) || is_sign || written.ends_with('"');
                if !is_there {
                    wrong.push(format!("{} | {} offers {offered:?}", &text[..end], &text[end..]));
                }
            }
            let from = before.map_or(0, |(begin, written)| begin + written.len() + 1);
            for cursor in from..=at {
                let offered = complete(text, cursor, &catalogue);
                if !piece.is_empty() && !fits(&offered, piece) {
                    wrong.push(format!("{} | {} offers {offered:?}", &text[..cursor], &text[cursor..]));
                }
            }
            before = Some((at, piece));
        }
    }
    assert!(wrong.is_empty(), "{} places:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

#[test]
fn only_what_fits_is_offered() {
    let catalogue = catalogue();
    let at_end = |text: &str| complete(text, text.len(), &catalogue);
    assert_eq!(at_end("jit").suggestions[0], "jitter");
    assert!(!at_end("ip.dst ").suggestions.contains(&">".to_owned()), "addresses have no order");
    assert!(at_end("jitter > 5").suggestions.contains(&"5ms".to_owned()));
    assert!(!at_end("jitter > 5").suggestions.contains(&"5Mbps".to_owned()));
    assert_eq!(at_end("severity >= e").suggestions[0], "error");
    assert!(at_end("type in {Sy").suggestions.contains(&"Sync".to_owned()));
}
