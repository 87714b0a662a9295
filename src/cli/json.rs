//! JSON text of what serializes, made for documents that are mostly names.
//!
//! It is the text that `serde_json` makes, which tests hold it to, in about half of the instructions: the names of fields, which
//! are most of a document, are known not to need escapes, and other text is looked at eight bytes at a time. What does need
//! escapes is left to `serde_json`.

use std::fmt::{self, Display, Write as _};
use std::ops::Range;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use streamlens::model::SHARED;

use self::plain::{is_plain, name, push_text};

mod plain;

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
    let mut written = Written { text: std::mem::take(out), shared: None };
    let result = value.serialize(Text::<false>(&mut written));
    *out = written.text;
    result
}

/// What is written.
struct Written {
    text: Vec<u8>,
    /// The address of the shared value that was written last, and where its text is: levels of a flow that share one
    /// come one after the other.
    shared: Option<(usize, Range<usize>)>,
}

/// Writes values one behind the other; text that is a key has a colon behind it.
struct Text<'o, const IS_KEY: bool = false>(&'o mut Written);

/// Writes the items of a list, a tuple, a map or a struct.
struct Items<'o> {
    out: &'o mut Written,
    is_empty: bool,
    /// What closes it.
    end: &'static [u8],
}

impl<'o, const IS_KEY: bool> Text<'o, IS_KEY> {
    fn items(self, begin: &[u8], end: &'static [u8]) -> Items<'o> {
        self.0.text.extend_from_slice(begin);
        Items { out: self.0, is_empty: true, end }
    }

    /// Of a variant: an object with one entry, whose value is in these brackets.
    fn variant(self, variant: &'static str, begin: &[u8], end: &'static [u8]) -> Items<'o> {
        self.0.text.push(b'{');
        name(&mut self.0.text, true, variant);
        self.items(begin, end)
    }
}

impl Items<'_> {
    #[inline(always)]
    fn comma(&mut self) {
        if !self.is_empty {
            self.out.text.push(b',');
        }
        self.is_empty = false;
    }

    #[inline(always)]
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.comma();
        value.serialize(Text::<false>(self.out))
    }

    #[inline(always)]
    fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        name(&mut self.out.text, self.is_empty, key);
        self.is_empty = false;
        value.serialize(Text::<false>(self.out))
    }

    /// Ends a key that was not written as text is.
    #[cold]
    fn other_key(&mut self, begin: usize) {
        if self.out.text.get(begin) != Some(&b'"') {
            self.out.text.insert(begin, b'"');
            self.out.text.push(b'"');
        }
        self.out.text.push(b':');
    }

    fn close(self) {
        self.out.text.extend_from_slice(self.end);
    }
}

impl<'o, const IS_KEY: bool> Serializer for Text<'o, IS_KEY> {
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
        self.0.text.extend_from_slice(if value { b"true" } else { b"false" });
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
        self.0.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.0.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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
            0..10 => self.0.text.push(b'0' + value as u8),
            _ => self.0.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.0.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        if value.is_finite() {
            self.0.text.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            return Ok(());
        }
        self.serialize_unit()
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        let whole = value as i64;
        if whole as f64 == value && whole.unsigned_abs() < WHOLE && (whole != 0 || value.is_sign_positive()) {
            // most figures are whole numbers, which are found sooner than the shortest digits of others
            self.0.text.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
            self.0.text.extend_from_slice(b".0");
            return Ok(());
        }
        if value.is_finite() {
            self.0.text.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            return Ok(());
        }
        self.serialize_unit()
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        push_text::<IS_KEY>(&mut self.0.text, value)
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
        self.0.text.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    /// What is shared is written once; all of it is borrowed as long as this writes, so that an address is that of one value.
    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        if name != SHARED {
            return value.serialize(self);
        }
        let (address, out) = (std::ptr::from_ref(value).addr(), self.0);
        match &out.shared {
            Some((known, written)) if *known == address => out.text.extend_from_within(written.clone()),
            _ => {
                let begin = out.text.len();
                value.serialize(Text::<false>(out))?;
                out.shared = Some((address, begin..out.text.len()));
            }
        }
        Ok(())
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
        let out = &mut self.0.text;
        let begin = out.len();
        out.push(b'"');
        let written = write!(Into(out), "{value}");
        if written.is_err() || !is_plain(out.get(begin + 1..).unwrap_or_default()) {
            out.truncate(begin);
            return serde_json::to_writer(out, &format_args!("{value}"));
        }
        out.push(b'"');
        Ok(())
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    /// A key that is no text stands in quotation marks.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.comma();
        let begin = self.out.text.len();
        key.serialize(Text::<true>(self.out))?;
        if self.out.text.last() != Some(&b':') {
            self.other_key(begin);
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(Text::<false>(self.out))
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
