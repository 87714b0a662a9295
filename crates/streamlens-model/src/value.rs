//! Values of fields and metadata.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::Timestamp;

/// A typed value of a decoded field or of metadata. Serializes as the plain JSON value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
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
    Map(BTreeMap<Cow<'static, str>, Value>),
}

impl Value {
    /// Text that is made at run time.
    #[must_use]
    pub fn text(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Text(text.into())
    }

    /// A map from pairs.
    pub fn map<K: Into<Cow<'static, str>>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// A list.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
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

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

/// Named values in order of their names: metadata of an encoding, of a stream, of a packet type.
pub type Metadata = BTreeMap<Cow<'static, str>, Value>;
