//! Values of fields and metadata.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Metadata, Occurrence, Timestamp};

/// A typed value of a decoded field or of metadata. Serializes as the plain JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Yes or no.
    Bool(bool),
    /// A whole number from 0.
    Unsigned(u64),
    /// A whole number that can be negative.
    Signed(i64),
    /// A measured figure. Never NaN or infinite: what is undefined is left out.
    Float(f64),
    /// Text.
    Text(Cow<'static, str>),
    /// An instant.
    Time(Timestamp),
    /// Several values.
    List(Vec<Value>),
    /// Named values, in order of their names.
    Map(Metadata),
}

impl Serialize for Value {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // most are counts, for which a branch takes less than a jump to one of many places
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            other => other.serialize_other(serializer),
        }
    }
}

/// A whole number is read as [`Value::Unsigned`], one below 0 as [`Value::Signed`]; text in the form of instants as
/// [`Value::Time`]. So a value reads back as one that is written alike, though not always of the variant that it had.
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flag, a number, text, a list or named values")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Signed(value), Value::Unsigned))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.parse().map_or_else(|_| Value::text(text.to_owned()), Value::Time))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(items)).map(Value::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        Metadata::deserialize(MapAccessDeserializer::new(map)).map(Value::Map)
    }
}

impl Value {
    /// Takes the values of these names out of all maps in it.
    pub(crate) fn remove_all(&mut self, names: &[&str]) {
        match self {
            Self::Map(map) => map.remove_all(names),
            Self::List(list) => list.iter_mut().for_each(|value| value.remove_all(names)),
            _ => {}
        }
    }

    #[inline(never)]
    fn serialize_other<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => value.serialize(serializer),
            Self::Unsigned(value) => value.serialize(serializer),
            Self::Signed(value) => value.serialize(serializer),
            Self::Float(value) => value.serialize(serializer),
            Self::Text(value) => value.serialize(serializer),
            Self::Time(value) => value.serialize(serializer),
            Self::List(value) => value.serialize(serializer),
            Self::Map(value) => value.serialize(serializer),
        }
    }

    /// Text that is made at run time.
    #[must_use]
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A map from pairs.
    pub fn map<K: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// A list.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// The value of that name in a map; `None` where this is no map or has none of that name.
    ///
    /// ```
    /// use streamlens_model::Value;
    /// let counts = Value::map([("Sync", Value::from(16_u64))]);
    /// assert_eq!(counts.get("Sync").and_then(Value::as_u64), Some(16));
    /// assert_eq!(counts.get("Announce"), None);
    /// ```
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map()?.get(name)
    }

    /// The pairs of a map.
    #[must_use]
    pub const fn as_map(&self) -> Option<&Metadata> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a list; none where this is no list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Yes or no.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(answer) => Some(*answer),
            _ => None,
        }
    }

    /// The whole number, where it is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// Any number, rounded to 53 bits where it is a larger whole one.
    #[must_use]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Unsigned(number) => Some(*number as f64),
            Self::Signed(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

macro_rules! from_number {
    ($($from:ty => $variant:ident as $to:ty),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(<$to>::from(value))
            }
        }
    )*};
}
from_number!(bool => Bool as bool, u8 => Unsigned as u64, u16 => Unsigned as u64, u32 => Unsigned as u64,
    u64 => Unsigned as u64, i8 => Signed as i64, i16 => Signed as i64, i32 => Signed as i64, i64 => Signed as i64,
    f64 => Float as f64);

/// For people: plain text, lists and maps with commas between their items.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Signed(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => f.pad(value),
            Self::Time(value) => value.fmt(f),
            Self::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if place > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::Map(map) => {
                for (place, (name, value)) in map.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if place > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Occurrence> for Value {
    /// A map of `frame` and, where it is known, `time`.
    fn from(at: Occurrence) -> Self {
        let time = at.time.map(|time| ("time", Self::from(time)));
        Self::map(std::iter::once(("frame", Self::from(at.frame))).chain(time))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let number = proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL;
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            number.prop_map(Value::from),
            any::<i64>().prop_map(|nanos| Value::from(Timestamp::from_nanos(nanos))),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                proptest::collection::btree_map(".*", inner, 0..5).prop_map(Value::map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_alike(value in value()) {
            let text = serde_json::to_string(&value).unwrap();
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }

    #[test]
    fn values_are_read_as_the_nearest_variant() {
        let read = |text| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(read("1"), Value::Unsigned(1));
        assert_eq!(read("-1"), Value::Signed(-1));
        assert_eq!(read("1.0"), Value::Float(1.0));
        assert_eq!(read("\"1970-01-01T00:00:00.000000001Z\""), Value::Time(Timestamp::from_nanos(1)));
        assert_eq!(read("\"1970-01-01\""), Value::from("1970-01-01"));
        assert_eq!(read("[true, {}]"), Value::List(vec![Value::Bool(true), Value::Map(Metadata::new())]));
        let refused = serde_json::from_str::<Value>("null").unwrap_err().to_string();
        assert!(refused.starts_with("invalid type: null, expected a flag, a number, text"), "{refused}");
    }
}
