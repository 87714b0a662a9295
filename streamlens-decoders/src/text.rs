//! Numbers in names and sentences. A result may hold millions of them, and the formatting of the standard library takes
//! several times as long.

/// Letters of hexadecimal digits.
pub(crate) const LOWER: &[u8; 16] = b"0123456789abcdef";
pub(crate) const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a number in decimal digits.
pub(crate) fn push_decimal(text: &mut String, number: u64) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Appends a number in that many hexadecimal digits, 32 at most, or more where it has more.
pub(crate) fn push_hex(text: &mut String, number: u128, digits: u32, letters: &[u8; 16]) {
    const MOST: usize = 32;
    let needed = (u128::BITS - number.leading_zeros()).div_ceil(4);
    let count = digits.max(needed) as usize;
    let (mut written, mut rest) = ([letters[0]; MOST], number);
    // most numbers are of one word, whose digits are found sooner
    let mut low = number as u64;
    for (place, digit) in written.iter_mut().rev().take(count).enumerate() {
        if place == 16 {
            rest >>= 64;
            low = rest as u64;
        }
        *digit = letters[low as usize & 15];
        low >>= 4;
    }
    let written = written.get(MOST.saturating_sub(count)..).unwrap_or_default();
    text.push_str(str::from_utf8(written).unwrap_or_default());
}

/// Text with a number in decimal digits behind it: `channel 7`.
pub(crate) fn numbered(lead: &str, number: u64) -> String {
    let mut text = String::with_capacity(lead.len() + 6);
    text.push_str(lead);
    push_decimal(&mut text, number);
    text
}

/// Text with a number in so many hexadecimal digits behind it: `key 0x00A1`.
pub(crate) fn hex_numbered(lead: &str, number: u128, digits: u32, letters: &[u8; 16]) -> String {
    let mut text = String::with_capacity(lead.len() + digits as usize);
    text.push_str(lead);
    push_hex(&mut text, number, digits, letters);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_written_as_the_standard_library_does(number: u64, long: u128, shift in 0_u32..128, digits in 0_usize..9) {
            for number in [number, number >> (shift / 2), 0] {
                prop_assert_eq!(numbered("no ", number), format!("no {number}"));
            }
            for number in [long >> shift, 0] {
                let lower = hex_numbered("0x", number, digits as u32, LOWER);
                prop_assert_eq!(lower, if digits == 0 && number == 0 { "0x".to_owned() } else { format!("0x{number:0digits$x}") });
                prop_assert_eq!(hex_numbered("", number, 4, UPPER), format!("{number:04X}"));
            }
        }
    }
}
