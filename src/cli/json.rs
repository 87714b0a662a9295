//! JSON text of what serializes, made for documents that are mostly names.
//!
//! It is the text that `serde_json` makes, which tests hold it to, in about half of the instructions: the names of fields, which
//! are most of a document, are known not to need escapes, and other text is looked at eight bytes at a time. What does need
//! escapes is left to `serde_json`.

use std::fmt::{self, Display, Write as _};

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Whole numbers below this are written without an exponent, and are exact.
const WHOLE: u64 = 1_000_000_000_000_000;

/// Why a value has no text: it says so itself.
pub(crate) type Error = serde_json::Error;

/// Appends the text of a value.
///
/// # Errors
///
/// Where the value says that it can't be serialized.
pub(crate) fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    value.serialize(Text(out))
}

/// Writes values one behind the other.
struct Text<'o>(&'o mut Vec<u8>);

/// Writes the items of a list, a tuple, a map or a struct.
struct Items<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
    /// What closes it.
    end: &'static [u8],
}

impl<'o> Text<'o> {
    fn items(self, begin: &[u8], end: &'static [u8]) -> Items<'o> {
        self.0.extend_from_slice(begin);
        Items { out: self.0, is_empty: true, end }
    }

    /// Of a variant: an object with one entry, whose value is in these brackets.
    fn variant(self, variant: &'static str, begin: &[u8], end: &'static [u8]) -> Items<'o> {
        self.0.push(b'{');
        name(self.0, true, variant);
        self.items(begin, end)
    }
}

impl Items<'_> {
    #[inline(always)]
    fn comma(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }

    #[inline(always)]
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.comma();
        append(self.out, value)
    }

    #[inline(always)]
    fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        name(self.out, self.is_empty, key);
        self.is_empty = false;
        append(self.out, value)
    }

    fn close(self) {
        self.out.extend_from_slice(self.end);
    }
}

/// Writes a comma, unless the name is the first, then the name of a field, as the program spells it, and a colon.
///
/// The name is known where this is compiled into, so that all of it is written at once, as a constant.
#[inline(always)]
fn name(out: &mut Vec<u8>, is_first: bool, name: &'static str) {
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

/// Whether text stands in JSON as it is: no control characters, quotation marks or backslashes. Eight bytes at a time, by the
/// carries and borrows of their top bits.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & TOPS;
    let suspects = |word: u64| {
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        below(word, u64::from(b' ')) | below(quote, 1) | below(backslash, 1)
    };
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(to, &from)| *to = from);
    words.iter().chain([&last]).fold(0, |found, word| found | suspects(u64::from_ne_bytes(*word))) == 0
}

impl<'o> Serializer for Text<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'o>;
    type SerializeTuple = Items<'o>;
    type SerializeTupleStruct = Items<'o>;
    type SerializeTupleVariant = Items<'o>;
    type SerializeMap = Items<'o>;
    type SerializeStruct = Items<'o>;
    type SerializeStructVariant = Items<'o>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.serialize_u64(value.into())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        match value {
            // most figures are counts of what is not there
            0..10 => self.0.push(b'0' + value as u8),
            _ => self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        if value.is_finite() {
            self.0.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            return Ok(());
        }
        self.serialize_unit()
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        let whole = value as i64;
        if whole as f64 == value && whole.unsigned_abs() < WHOLE && (whole != 0 || value.is_sign_positive()) {
            // most figures are whole numbers, which are found sooner than the shortest digits of others
            self.0.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
            self.0.extend_from_slice(b".0");
            return Ok(());
        }
        if value.is_finite() {
            self.0.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            return Ok(());
        }
        self.serialize_unit()
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if !is_plain(value.as_bytes()) {
            return serde_json::to_writer(self.0, value);
        }
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut items = self.items(b"{", b"}");
        items.field(variant, value)?;
        items.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b"[", b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'o>, Error> {
        Ok(self.variant(variant, b"[", b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'o>, Error> {
        Ok(self.items(b"{", b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b"{", b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'o>, Error> {
        Ok(self.variant(variant, b"{", b"}}"))
    }

    /// Text is displayed where it will stand.
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        struct Into<'o>(&'o mut Vec<u8>);
        impl fmt::Write for Into<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
        let begin = self.0.len();
        self.0.push(b'"');
        let written = write!(Into(self.0), "{value}");
        if written.is_err() || !is_plain(self.0.get(begin + 1..).unwrap_or_default()) {
            self.0.truncate(begin);
            return serde_json::to_writer(self.0, &format_args!("{value}"));
        }
        self.0.push(b'"');
        Ok(())
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    /// A key that is a number stands in quotation marks.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.comma();
        let begin = self.out.len();
        append(self.out, key)?;
        if self.out.get(begin) != Some(&b'"') {
            self.out.insert(begin, b'"');
            self.out.push(b'"');
        }
        self.out.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        append(self.out, value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

macro_rules! items {
    ($($kind:ident . $method:ident($($key:ident)?) by $write:ident),* $(,)?) => {$(
        impl $kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? value: &T) -> Result<(), Error> {
                self.$write($($key,)? value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}
items!(
    SerializeSeq.serialize_element() by item,
    SerializeTuple.serialize_element() by item,
    SerializeTupleStruct.serialize_field() by item,
    SerializeTupleVariant.serialize_field() by item,
    SerializeStruct.serialize_field(key) by field,
    SerializeStructVariant.serialize_field(key) by field,
);

#[cfg(test)]
mod tests;
