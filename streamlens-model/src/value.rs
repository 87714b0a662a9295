//! Values of fields and metadata.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

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

impl Value {
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
