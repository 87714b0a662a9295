//! Numbers as they stand in JSON.

use super::plain::{grow_and_retry, lacks_room};

/// Whole numbers below this are written without an exponent, and are exact.
const WHOLE: u64 = 1_000_000_000_000_000;
/// What is appended before that is taken back which is too much: bytes of the longest number, and a few more.
const ROOM: usize = 32;
/// The first number of nine digits.
const NINE: u64 = 100_000_000;
/// Eight times the digit 0.
const ZEROS: u64 = u64::MAX / 255 * b'0' as u64;

/// Appends a whole number.
#[inline(never)]
pub(super) fn push_unsigned(out: &mut Vec<u8>, number: u64) {
    if lacks_room(out, ROOM) {
        return grow_and_retry(out, |out| push_unsigned(out, number));
    }
    if number < NINE {
        return push(out, |room| put_first(room, 0, number));
    }
    push_long(out, number);
}

/// Appends a whole number of nine digits or more: apart, so that shorter ones have nothing to save.
#[inline(never)]
fn push_long(out: &mut Vec<u8>, number: u64) {
    push(out, |room| put_digits(room, 0, number));
}

/// Appends a whole number that can be negative.
#[inline(never)]
pub(super) fn push_signed(out: &mut Vec<u8>, number: i64) {
    if lacks_room(out, ROOM) {
        return grow_and_retry(out, |out| push_signed(out, number));
    }
    push(out, |room| put_signed(room, number));
}

/// Appends a float; NaN and infinities become `null`.
#[inline(never)]
pub(super) fn push_float(out: &mut Vec<u8>, number: f64) {
    if lacks_room(out, ROOM) {
        return grow_and_retry(out, |out| push_float(out, number));
    }
    let whole = number as i64;
    if whole as f64 == number && whole.unsigned_abs() < WHOLE && (whole != 0 || number.is_sign_positive()) {
        // most figures are whole numbers, which are found sooner than the shortest digits of others
        push(out, |room| {
            let end = put_signed(room, whole);
            put(room, end, *b".0");
            end + 2
        });
    } else if number.is_finite() {
        push(out, |room| put_text(room, zmij::Buffer::new().format_finite(number).as_bytes()));
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends as much as is written to the room that is given.
#[inline(always)]
fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut [u8; ROOM]) -> usize) {
    let begin = out.len();
    out.extend_from_slice(&[0; ROOM]);
    let length = out.last_chunk_mut().map_or(0, write);
    out.truncate(begin + length);
}

#[inline(always)]
fn put<const N: usize>(room: &mut [u8; ROOM], at: usize, bytes: [u8; N]) {
    if let Some(room) = room.get_mut(at..at + N) {
        room.copy_from_slice(&bytes);
    }
}

#[inline(always)]
fn put_signed(room: &mut [u8; ROOM], number: i64) -> usize {
    room[0] = b'-';
    put_digits(room, usize::from(number < 0), number.unsigned_abs())
}

/// Writes a number from a place on, and gives the place behind it.
#[inline(always)]
fn put_digits(room: &mut [u8; ROOM], at: usize, number: u64) -> usize {
    if number < NINE {
        return put_first(room, at, number);
    }
    let (others, last) = (number / NINE, number % NINE);
    let mut at = at;
    if others < NINE {
        at = put_first(room, at, others);
    } else {
        at = put_first(room, at, others / NINE);
        put(room, at, (eight_digits(others % NINE) | ZEROS).to_le_bytes());
        at += 8;
    }
    put(room, at, (eight_digits(last) | ZEROS).to_le_bytes());
    at + 8
}

/// Writes up to eight digits without zeros in front. However many they are, it takes the same instructions: a branch for every
/// length would often be foreseen wrongly.
#[inline(always)]
fn put_first(room: &mut [u8; ROOM], at: usize, number: u64) -> usize {
    let digits = eight_digits(number);
    // one digit is written even of 0
    let zeros = (digits | 1 << 63).trailing_zeros() / 8;
    put(room, at, ((digits | ZEROS) >> (8 * zeros)).to_le_bytes());
    at + 8 - zeros as usize
}

/// The digits of a number that has no more than eight, the first of them in the lowest byte. By twos at first and then by single
/// digits, all at once: a division by a constant is a multiplication with a fraction.
#[inline(always)]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x7F_0000_007F;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x0F_000F_000F_000F;
    tens | (twos - tens * 10) << 8
}

/// Writes up to 24 bytes by their two ends, which may overlap: that takes less time than a call that copies any number of them.
#[inline(always)]
fn put_text(room: &mut [u8; ROOM], text: &[u8]) -> usize {
    match text.len() {
        16..=24 => put_ends::<16>(room, text),
        8..16 => put_ends::<8>(room, text),
        4..8 => put_ends::<4>(room, text),
        _ => room.iter_mut().zip(text.iter().take(4)).for_each(|(room, byte)| *room = *byte),
    }
    text.len()
}

#[inline(always)]
fn put_ends<const N: usize>(room: &mut [u8; ROOM], text: &[u8]) {
    let (Some(first), Some(last)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) else { return };
    put(room, text.len() - N, *last);
    put(room, 0, *first);
}
