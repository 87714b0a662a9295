//! Lists, maps and structs, whose items are written as they come.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::plain::name;
use super::{Error, JsonBuffer, JsonSerializer, KEY, VALUE};

/// Writes the items of a list, a tuple, a map or a struct.
pub(super) struct Items<'o> {
    pub(super) out: &'o mut JsonBuffer,
    /// What stands in front of the next item: a bracket or a comma.
    pub(super) lead: u8,
    /// What closes it.
    pub(super) end: &'static [u8],
}

impl Items<'_> {
    #[inline(always)]
    fn item(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.out.text.push(self.lead);
        self.lead = b',';
        value.serialize(JsonSerializer::<VALUE> { out: self.out, lead: 0 })
    }

    #[inline(always)]
    pub(super) fn field(&mut self, key: &'static str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        name(&mut self.out.text, self.lead, key);
        self.lead = b',';
        value.serialize(JsonSerializer::<VALUE> { out: self.out, lead: 0 })
    }

    /// Completes a key that was not written as text is.
    #[cold]
    fn other_key(&mut self, begin: usize) {
        let text = &mut self.out.text;
        if text.get(begin) != Some(&b'"') {
            text.insert(begin, b'"');
            text.push(b'"');
        }
        text.insert(begin, self.lead);
        text.push(b':');
    }

    #[inline(always)]
    pub(super) fn close(self) {
        if self.lead != b',' {
            self.out.text.push(self.lead);
        }
        self.out.text.extend_from_slice(self.end);
    }
}

impl SerializeMap for Items<'_> {
    type Ok = ();
    type Error = Error;

    /// A key that is no text stands in quotation marks.
    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let begin = self.out.text.len();
        key.serialize(JsonSerializer::<KEY> { out: self.out, lead: self.lead })?;
        if self.out.text.last() != Some(&b':') {
            self.other_key(begin);
        }
        self.lead = b',';
        Ok(())
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(JsonSerializer::<VALUE> { out: self.out, lead: 0 })
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
