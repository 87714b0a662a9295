//! Plain text, which JSON holds without escapes, and the fastest ways to write it.

use super::Error;

/// Writes `lead`, which is a bracket or a comma, then the name of a field in quotation marks, and a colon.
///
/// The function is inlined, and the name is a constant at each call, so that the compiler writes all of it at once.
#[inline(always)]
pub(super) fn name(out: &mut Vec<u8>, lead: u8, name: &'static str) {
    let mut text = [0; 40];
    text[..2].copy_from_slice(&[lead, b'"']);
    let Some(room) = text.get_mut(2..name.len() + 4) else { return long_name(out, lead, name) };
    let (letters, end) = room.split_at_mut(name.len());
    letters.copy_from_slice(name.as_bytes());
    end.copy_from_slice(b"\":");
    out.extend_from_slice(&text[..name.len() + 4]);
}

#[cold]
fn long_name(out: &mut Vec<u8>, lead: u8, name: &'static str) {
    out.extend_from_slice(&[lead, b'"']);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// Sets the top bit of each byte that is a control character, a quotation mark or a backslash, by the borrows of subtractions.
/// The other bits of the result mean nothing. With one bit flipped, the code of a quotation mark is next to those of the control
/// characters, so that one subtraction finds both.
#[inline(always)]
fn suspects(word: u64) -> u64 {
    let controls = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (controls | backslashes) & !word
}

/// Returns the eight bytes at `at`; blanks if there are not as many.
#[inline(always)]
fn word_at(text: &[u8], at: usize) -> u64 {
    let word = text.get(at..).and_then(<[u8]>::first_chunk);
    word.map_or(ONES * u64::from(b' '), |word| u64::from_ne_bytes(*word))
}

/// Returns fewer than eight bytes, filled up with blanks.
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

/// Returns whether text has no control characters, quotation marks or backslashes. Looks at eight bytes at a time.
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

/// Returns whether any of sixteen bytes is not plain. It looks at all of them, which the compiler does in one step; [`suspects`]
/// explains the bit that is flipped.
#[inline(always)]
fn is_suspect(text: &[u8; 16]) -> bool {
    text.iter().fold(false, |is_suspect, byte| is_suspect | ((byte ^ 2) <= b' ') | (*byte == b'\\'))
}

/// Bytes of the longest text that [`push_short`] writes.
const SHORT: usize = 32;
/// Bytes that [`push_short`] appends before it truncates: room for the text, quotation marks, the lead, the colon, and a few bytes
/// more.
const ROOM: usize = SHORT + 16;

/// Writes the first and the last `N` bytes of a text, which may overlap, at `at`. Returns whether `are_plain` says so of them.
#[inline(always)]
fn put_ends<const N: usize>(
    room: &mut [u8; ROOM],
    at: usize,
    text: &[u8],
    are_plain: impl Fn(&[u8; N], &[u8; N]) -> bool,
) -> bool {
    let length = text.len();
    let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else { return false };
    let Some(end) = room.get_mut(at + length - N..at + length) else { return false };
    end.copy_from_slice(last);
    room[at..at + N].copy_from_slice(first);
    are_plain(first, last)
}

/// Appends text in quotation marks; if it is a key, `lead` before it and a colon after it.
#[inline(never)]
pub(super) fn push_text<const IS_KEY: bool>(out: &mut Vec<u8>, lead: u8, text: &str) -> Result<(), Error> {
    if lacks_room(out, ROOM) {
        return grow_and_retry(out, |out| push_text::<IS_KEY>(out, lead, text));
    }
    if push_short::<IS_KEY>(out, lead, text.as_bytes()) { Ok(()) } else { push_escaped::<IS_KEY>(out, lead, text) }
}

/// Appends text that is long or not plain.
#[inline(never)]
pub(super) fn push_escaped<const IS_KEY: bool>(out: &mut Vec<u8>, lead: u8, text: &str) -> Result<(), Error> {
    if IS_KEY {
        out.push(lead);
    }
    if is_plain(text.as_bytes()) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(&mut *out, text)?;
    }
    if IS_KEY {
        out.push(b':');
    }
    Ok(())
}

/// Appends short plain text as [`push_text`] does. Returns false, and appends nothing, if the text is longer or not plain.
///
/// Most texts of a document are names, and writing the two ends of a name takes less time than a call that copies any number of
/// bytes.
#[inline(always)]
pub(super) fn push_short<const IS_KEY: bool>(out: &mut Vec<u8>, lead: u8, text: &[u8]) -> bool {
    let (begin, length) = (out.len(), text.len());
    if length > SHORT {
        return false;
    }
    // `truncate` below takes away what is after the text
    out.extend_from_slice(&[b'"'; ROOM]);
    let Some(room) = out.last_chunk_mut() else { return false };
    let at = if IS_KEY { 2 } else { 1 };
    if IS_KEY {
        room[0] = lead;
    }
    let is_plain = match length {
        16.. => put_ends(room, at, text, |first, last| !(is_suspect(first) | is_suspect(last))),
        8.. => put_ends(room, at, text, |first, last| {
            let [first, last] = [first, last].map(|word| suspects(u64::from_ne_bytes(*word)));
            (first | last) & TOPS == 0
        }),
        4.. => put_ends(room, at, text, |first, last| {
            let [first, last] = [first, last].map(|half| u64::from(u32::from_ne_bytes(*half)));
            suspects(first << 32 | last) & TOPS == 0
        }),
        _ => {
            room[at..].iter_mut().zip(text).for_each(|(room, byte)| *room = *byte);
            is_plain(text)
        }
    };
    let mut end = at + length + 1;
    if IS_KEY {
        room[end] = b':';
        end += 1;
    }
    out.truncate(if is_plain { begin + end } else { begin });
    is_plain
}

/// Returns whether the vector has to grow before `room` bytes can be appended. A function that asks this once, before all else,
/// saves no registers on its usual way.
#[inline(always)]
pub(super) fn lacks_room(out: &Vec<u8>, room: usize) -> bool {
    out.capacity() - out.len() < room
}

/// Makes room, then calls `again`.
#[cold]
#[inline(never)]
pub(super) fn grow_and_retry<T>(out: &mut Vec<u8>, again: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    out.reserve(1024);
    again(out)
}
