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
type Error = serde_json::Error;

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

macro_rules! lists {
    ($($list:ident . $method:ident),*) => {$(
        impl $list for Items<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}
lists!(
    SerializeSeq.serialize_element,
    SerializeTuple.serialize_element,
    SerializeTupleStruct.serialize_field,
    SerializeTupleVariant.serialize_field
);

macro_rules! structs {
    ($($kind:ident),*) => {$(
        impl $kind for Items<'_> {
            type Ok = ();
            type Error = Error;

            #[inline(always)]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.field(key, value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}
structs!(SerializeStruct, SerializeStructVariant);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;
    use streamlens::model::{Timestamp, Value};

    use super::*;

    fn same(value: &impl Serialize) {
        let mut text = b"before".to_vec();
        append(&mut text, value).expect("it serializes");
        let wanted = serde_json::to_string(value).expect("it serializes");
        assert_eq!(String::from_utf8(text).expect("JSON is UTF-8"), format!("before{wanted}"));
    }

    #[test]
    fn every_kind_of_value_is_written_as_serde_json_does() {
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        struct New(u8);
        #[derive(Serialize)]
        struct Pair(u8, i128);
        #[derive(Serialize)]
        struct Fields {
            one: Option<u8>,
            #[serde(skip_serializing_if = "Option::is_none")]
            none: Option<u8>,
            other: char,
        }
        #[derive(Serialize)]
        enum Any {
            Unit,
            New(&'static str),
            Pair(u8, u16),
            Fields { x: f32, y: f64 },
        }
        same(&(Unit, New(7), Pair(255, i128::MIN), u128::MAX, (), true, false));
        same(&Fields { one: None, none: None, other: '"' });
        same(&Fields { one: Some(10), none: Some(9), other: '\u{1F600}' });
        same(&[Any::Unit, Any::New("a\nb"), Any::Pair(1, 2), Any::Fields { x: 0.1, y: -1e300 }]);
        same(&[f64::NAN, f64::INFINITY, -0.0, 0.0, 1.0, -1.0, 1e14, 1e15, -1e15, 1e16, 1e17, 1e300, 1e-7, 123_456.789]);
        same(&[999_999_999_999_999.0, 1_000_000_000_000_001.0, i64::MAX as f64, i64::MIN as f64]);
        same(&(f32::NAN, [0_u8; 0], [(); 0], serde_json::Map::new()));
        same(&BTreeMap::from([(7_u32, "seven"), (8, "")]));
        same(&BTreeMap::from([(-7_i64, BTreeMap::from([("q\"", 'x')]))]));
        same(&(u64::MAX, i64::MIN, 9_u64, 10_u64, -1_i8, 100_i16, 70_000_i32));
        same(&Timestamp::from_nanos(1_700_000_000_000_000_001));
        same(&std::net::IpAddr::from([10, 0, 0, 1]));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(|number| Value::from(number as f64)),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            ".*".prop_map(Value::from),
            "[ -~]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                proptest::collection::btree_map(".*", inner, 0..6).prop_map(Value::map),
            ]
        })
    }

    #[test]
    fn long_names_are_written_too() {
        #[derive(Serialize)]
        struct Named {
            a_name_of_no_more_than_thirty_six_byt: u8,
            a_name_that_is_longer_than_any_of_ours_will_ever_be: u8,
            a_name_that_is_longer_than_any_of_ours_will_ever_be_too: u8,
        }
        same(&Named {
            a_name_of_no_more_than_thirty_six_byt: 1,
            a_name_that_is_longer_than_any_of_ours_will_ever_be: 2,
            a_name_that_is_longer_than_any_of_ours_will_ever_be_too: 3,
        });
    }

    #[test]
    fn every_byte_is_known_to_be_plain_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            let is_one = byte >= b' ' && byte != b'"' && byte != b'\\';
            for length in 1..20 {
                for at in 0..length {
                    let mut text = vec![0xFF; length];
                    text[at] = byte;
                    assert_eq!(is_plain(&text), is_one, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(is_plain(b""));
    }

    proptest! {
        #[test]
        fn any_value_is_written_as_serde_json_does(value in value()) {
            same(&value);
        }
    }
}
