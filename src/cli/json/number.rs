//! Numbers as they stand in JSON.

use super::plain::{lacks, more};

/// Whole numbers below this are written without an exponent, and are exact.
const WHOLE: u64 = 1_000_000_000_000_000;
/// Bytes of the longest number of 64 bits, or of double precision, and a few more.
const ROOM: usize = 32;

/// Appends a whole number.
#[inline(never)]
pub(super) fn push_unsigned(out: &mut Vec<u8>, number: u64) {
    if lacks(out, ROOM) {
        return more(out, |out| push_unsigned(out, number));
    }
    push_digits(out, itoa::Buffer::new().format(number).as_bytes(), b"");
}

/// Appends a whole number that can be negative.
#[inline(never)]
pub(super) fn push_signed(out: &mut Vec<u8>, number: i64) {
    if lacks(out, ROOM) {
        return more(out, |out| push_signed(out, number));
    }
    push_digits(out, itoa::Buffer::new().format(number).as_bytes(), b"");
}

/// Appends a figure; what is none is null.
#[inline(never)]
pub(super) fn push_float(out: &mut Vec<u8>, number: f64) {
    if lacks(out, ROOM) {
        return more(out, |out| push_float(out, number));
    }
    let whole = number as i64;
    if whole as f64 == number && whole.unsigned_abs() < WHOLE && (whole != 0 || number.is_sign_positive()) {
        // most figures are whole numbers, which are found sooner than the shortest digits of others
        push_digits(out, itoa::Buffer::new().format(whole).as_bytes(), b".0");
    } else if number.is_finite() {
        push_digits(out, zmij::Buffer::new().format_finite(number).as_bytes(), b"");
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends up to 24 digits, and what ends them. By their two ends, which may overlap: that takes less time than a call that
/// copies any number of bytes.
#[inline(always)]
fn push_digits<const END: usize>(out: &mut Vec<u8>, digits: &[u8], end: &[u8; END]) {
    let (begin, length) = (out.len(), digits.len());
    // what is behind the digits goes again
    out.extend_from_slice(&[0; ROOM]);
    let Some(room) = out.last_chunk_mut::<ROOM>() else { return };
    match length {
        16..=24 => put_ends::<16>(room, digits),
        8..16 => put_ends::<8>(room, digits),
        4..8 => put_ends::<4>(room, digits),
        _ => room.iter_mut().zip(digits.iter().take(4)).for_each(|(room, digit)| *room = *digit),
    }
    if let Some(room) = room.get_mut(length..length + END) {
        room.copy_from_slice(end);
    }
    out.truncate(begin + length + END);
}

#[inline(always)]
fn put_ends<const N: usize>(room: &mut [u8; ROOM], digits: &[u8]) {
    let (Some(first), Some(last)) = (digits.first_chunk::<N>(), digits.last_chunk::<N>()) else { return };
    if let Some(end) = room.get_mut(digits.len() - N..digits.len()) {
        end.copy_from_slice(last);
    }
    room[..N].copy_from_slice(first);
}
