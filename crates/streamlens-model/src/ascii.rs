//! Text that is made digit by digit.

/// Bytes that are all ASCII, and may be fewer than there is room for; the rest are zeros. They begin at a word: so the
/// standard library sees by words that they are text.
#[repr(align(8))]
pub(crate) struct Ascii<const SIZE: usize>(pub(crate) [u8; SIZE]);

impl<const SIZE: usize> Ascii<SIZE> {
    /// The first so many bytes.
    #[inline]
    pub(crate) fn as_str(&self, length: usize) -> &str {
        // it looks at two words at a time
        let whole = self.0.get(..length.next_multiple_of(16)).and_then(|text| str::from_utf8(text).ok());
        whole.and_then(|text| text.get(..length)).unwrap_or_default()
    }
}
