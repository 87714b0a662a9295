//! Text that stands in JSON as it is, and how it is written soonest.

/// Writes a comma, unless the name is the first, then the name of a field, as the program spells it, and a colon.
///
/// The name is known where this is compiled into, so that all of it is written at once, as a constant.
#[inline(always)]
pub(super) fn name(out: &mut Vec<u8>, is_first: bool, name: &'static str) {
    let mut text = [0; 40];
    text[..2].copy_from_slice(b",\"");
    let Some(room) = text.get_mut(2..name.len() + 4) else { return long_name(out, is_first, name) };
    let (letters, end) = room.split_at_mut(name.len());
    letters.copy_from_slice(name.as_bytes());
    end.copy_from_slice(b"\":");
    out.extend_from_slice(if is_first { &text[1..name.len() + 4] } else { &text[..name.len() + 4] });
}

#[cold]
fn long_name(out: &mut Vec<u8>, is_first: bool, name: &'static str) {
    out.extend_from_slice(if is_first { b"\"" } else { b",\"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// Sets the top bits of bytes that are control characters, quotation marks or backslashes, by the borrows of subtractions;
/// other bits say nothing. With one bit turned over, a quotation mark stands next to the control characters.
#[inline(always)]
fn suspects(word: u64) -> u64 {
    let controls = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (controls | backslashes) & !word
}

/// The eight bytes at a place.
#[inline(always)]
fn word_at(text: &[u8], at: usize) -> u64 {
    let word = text.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(ONES * u64::from(b' '), |word| u64::from_ne_bytes(*word))
}

/// Fewer than eight bytes, with blanks behind them.
#[inline(always)]
fn short_word(text: &[u8]) -> u64 {
    let mut word = [b' '; 8];
    match *text {
        [a] => word[0] = a,
        [a, b] => word[..2].copy_from_slice(&[a, b]),
        [a, b, c] => word[..3].copy_from_slice(&[a, b, c]),
        _ => {
            // two halves that overlap
            if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
                word[..4].copy_from_slice(first);
                word[text.len() - 4..text.len()].copy_from_slice(last);
            }
        }
    }
    u64::from_ne_bytes(word)
}

/// Whether text stands in JSON as it is: no control characters, quotation marks or backslashes. Eight bytes at a time.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let found = if text.len() < 8 {
        suspects(short_word(text))
    } else {
        let (words, _) = text.as_chunks();
        // the last eight bytes overlap with others
        let last = suspects(word_at(text, text.len() - 8));
        words.iter().fold(last, |found, word| found | suspects(u64::from_ne_bytes(*word)))
    };
    found & TOPS == 0
}

/// The longest text that is written by [`push_short`].
const SHORT: usize = 32;

/// Appends short plain text in quotation marks; false, and nothing appended, where it is longer or not plain. Most texts of
/// a document are names: to look at four words and to write them takes less time than a call that copies any number of bytes.
#[inline(always)]
pub(super) fn push_short(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let (begin, length) = (out.len(), text.len());
    if length > SHORT {
        return false;
    }
    // words are written over one another, and what is behind the text goes again
    out.extend_from_slice(&[b'"'; SHORT + 8]);
    let room = out.get_mut(begin..).unwrap_or_default();
    let mut put = |at: usize, word: u64| {
        if let Some(room) = room.get_mut(at..at + 8) {
            room.copy_from_slice(&word.to_ne_bytes());
        }
        suspects(word)
    };
    let mut found = 0;
    if length < 8 {
        found |= put(1, short_word(text));
        put(length + 1, ONES * u64::from(b'"'));
    } else {
        found |= put(1, word_at(text, 0));
        if length > 16 {
            found |= put(9, word_at(text, 8)) | put(length - 15, word_at(text, length - 16));
        }
        found |= put(length - 7, word_at(text, length - 8));
    }
    let is_plain = found & TOPS == 0;
    out.truncate(if is_plain { begin + length + 2 } else { begin });
    is_plain
}
