//! Text that is made digit by digit.

use serde::{Serialize, Serializer};

/// The name of the newtype that addresses serialize as: text of ASCII without control characters, quotation marks and backslashes.
/// A serializer that knows the name can ask for its bytes, and need not look at them: it says there that it is not for people.
pub const ASCII: &str = "streamlens::Ascii";

/// Bytes that are all ASCII, and may be fewer than there is room for; the rest are zeros. They begin at a word: so the
/// standard library sees by words that they are text.
#[derive(Clone, Copy, Debug)]
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

    /// Serializes the first so many bytes.
    pub(crate) fn serialize<S: Serializer>(&self, length: usize, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(ASCII, &Letters { text: self, length })
    }
}

struct Letters<'a, const SIZE: usize> {
    text: &'a Ascii<SIZE>,
    length: usize,
}

impl<const SIZE: usize> Serialize for Letters<'_, SIZE> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(self.text.as_str(self.length));
        }
        serializer.serialize_bytes(self.text.0.get(..self.length).unwrap_or_default())
    }
}
