//! JSON text of what serializes, made for documents that are mostly names.
//!
//! It is the text that `serde_json` makes, which tests hold it to, in about half of the instructions: the names of fields, which
//! are most of a document, are known not to need escapes, and other text is looked at eight bytes at a time. What does need
//! escapes is left to `serde_json`.

use std::fmt::{self, Display, Write as _};
use std::ops::Range;

use serde::{Serialize, Serializer};
use streamlens::model::{ASCII, INSTANT, InstantText, SHARED, STATIC, Timestamp};

use self::items::Items;
use self::keys::Keys;
use self::number::{push_float, push_signed, push_unsigned};
use self::plain::{is_plain, name, push_escaped, push_short, push_text};

mod items;
mod keys;
mod number;
mod plain;

/// Why a value has no text: it says so itself.
pub(crate) type Error = serde_json::Error;

/// What is written.
#[derive(Default)]
pub(crate) struct JsonBuffer {
    pub(crate) text: Vec<u8>,
    /// The address of the shared value that was written last, and where its text is: levels of a flow that share one
    /// come one after the other.
    shared: Option<(usize, Range<usize>)>,
    instants: InstantText,
    keys: Keys,
}

impl JsonBuffer {
    /// Appends the text of a value.
    ///
    /// # Errors
    ///
    /// Where the value says that it can't be serialized.
    pub(crate) fn append(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        // another value may have come to the address
        self.shared = None;
        value.serialize(JsonSerializer::<VALUE> { out: self, lead: 0 })
    }

    #[inline(never)]
    fn instant(&mut self, nanos: i64) {
        let mut quoted = [b'"'; 32];
        let [_, room @ .., _] = &mut quoted;
        *room = *self.instants.of(Timestamp::from_nanos(nanos));
        self.text.extend_from_slice(&quoted);
    }
}

/// What is written next: any value, a key, or what a newtype that is known by its name has in it.
type Kind = u8;
const VALUE: Kind = 0;
const KEY: Kind = 1;
const LETTERS: Kind = 2;
const NANOS: Kind = 3;
const STATIC_KEY: Kind = 4;

/// Writes values one behind the other.
struct JsonSerializer<'o, const KIND: Kind> {
    out: &'o mut JsonBuffer,
    /// What stands in front of a key, which has a colon behind it.
    lead: u8,
}

impl<'o, const KIND: Kind> JsonSerializer<'o, KIND> {
    #[inline(always)]
    fn items(self, begin: u8, end: &'static [u8]) -> Items<'o> {
        Items { out: self.out, lead: begin, end }
    }

    /// Of a variant: an object with one entry, whose value is in these brackets.
    fn variant(self, variant: &'static str, begin: u8, end: &'static [u8]) -> Items<'o> {
        name(&mut self.out.text, b'{', variant);
        self.items(begin, end)
    }
}

impl<'o, const KIND: Kind> Serializer for JsonSerializer<'o, KIND> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'o>;
    type SerializeTuple = Items<'o>;
    type SerializeTupleStruct = Items<'o>;
    type SerializeTupleVariant = Items<'o>;
    type SerializeMap = Items<'o>;
    type SerializeStruct = Items<'o>;
    type SerializeStructVariant = Items<'o>;

    /// What newtypes that are known by their names have in them is not for people.
    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        KIND != LETTERS && KIND != NANOS
    }

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.text.extend_from_slice(if value { b"true" } else { b"false" });
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

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        if KIND == NANOS {
            self.out.instant(value);
        } else {
            push_signed(&mut self.out.text, value);
        }
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.out.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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
            0..10 => self.out.text.push(b'0' + value as u8),
            _ => push_unsigned(&mut self.out.text, value),
        }
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.out.text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        if value.is_finite() {
            self.out.text.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            return Ok(());
        }
        self.serialize_unit()
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        push_float(&mut self.out.text, value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if KIND == STATIC_KEY {
            let JsonBuffer { text, keys, .. } = self.out;
            keys.push(text, self.lead, value)
        } else if KIND == KEY {
            push_text::<true>(&mut self.out.text, self.lead, value)
        } else {
            push_text::<false>(&mut self.out.text, 0, value)
        }
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        if KIND != LETTERS {
            return self.collect_seq(value);
        }
        if push_short::<false>(&mut self.out.text, 0, value) {
            return Ok(());
        }
        push_escaped::<false>(&mut self.out.text, 0, &String::from_utf8_lossy(value))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.text.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    /// What is shared is written once; all of it is borrowed as long as a value is written, so that an address is that of one
    /// value.
    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), Error> {
        let Self { out, lead } = self;
        if name != SHARED || KIND == KEY {
            return match name {
                // a key is written as other text is
                STATIC if KIND == KEY => value.serialize(JsonSerializer::<STATIC_KEY> { out, lead }),
                INSTANT if KIND != KEY => value.serialize(JsonSerializer::<NANOS> { out, lead }),
                ASCII if KIND != KEY => value.serialize(JsonSerializer::<LETTERS> { out, lead }),
                _ => value.serialize(Self { out, lead }),
            };
        }
        let address = std::ptr::from_ref(value).addr();
        match &out.shared {
            Some((known, written)) if *known == address => out.text.extend_from_within(written.clone()),
            _ => {
                let begin = out.text.len();
                value.serialize(JsonSerializer::<VALUE> { out, lead })?;
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
        let mut items = self.items(b'{', b"}");
        items.field(variant, value)?;
        items.close();
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'o>, Error> {
        Ok(self.items(b'[', b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b'[', b"]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b'[', b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'o>, Error> {
        Ok(self.variant(variant, b'[', b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Items<'o>, Error> {
        Ok(self.items(b'{', b"}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Items<'o>, Error> {
        Ok(self.items(b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'o>, Error> {
        Ok(self.variant(variant, b'{', b"}}"))
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
        let out = &mut self.out.text;
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

#[cfg(test)]
mod tests;
