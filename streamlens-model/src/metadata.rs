//! Named values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Index;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Value;

/// Named values in order of their names: metadata of an encoding, of a stream, of a packet type. Serializes as a map.
///
/// A list that is kept in order: most have a handful of names, and a result may hold millions of them. Adding a name takes
/// time in proportion to how many come after it, and least where none does; where there may be thousands in no order, they
/// are collected or [extended](Extend::extend) with.
///
/// ```
/// use streamlens_model::{Metadata, Value};
/// let mut counts: Metadata = [("Sync", Value::from(16_u64)), ("Announce", Value::from(4_u64))].into_iter().collect();
/// counts.insert("Follow_Up".into(), Value::from(16_u64));
/// assert!(counts.keys().eq(["Announce", "Follow_Up", "Sync"]));
/// assert_eq!(counts["Sync"].as_u64(), Some(16));
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Metadata {
    /// In strictly ascending order of the names.
    entries: Vec<Entry>,
}

type Entry = (Cow<'static, str>, Value);

impl Metadata {
    /// Without any value.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Makes room for so many more values.
    #[inline]
    pub fn reserve(&mut self, more: usize) {
        if self.entries.capacity() == 0 {
            // sooner than to grow
            self.entries = Vec::with_capacity(more);
        } else {
            self.entries.reserve(more);
        }
    }

    /// Takes the values of these names out, also of those that lie in maps and lists of it.
    pub fn remove_all(&mut self, names: &[&str]) {
        self.entries.retain_mut(|(name, value)| {
            value.remove_all(names);
            !names.contains(&&**name)
        });
    }

    /// Sets the value of a name, and gives the one that it had.
    #[inline(always)]
    pub fn insert(&mut self, name: Cow<'static, str>, value: Value) -> Option<Value> {
        if self.entries.last().is_none_or(|(last, _)| precedes(last, &name)) {
            self.entries.push((name, value));
            return None;
        }
        self.insert_between(name, value)
    }

    #[inline(never)]
    fn insert_between(&mut self, name: Cow<'static, str>, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(place) => self.entries.get_mut(place).map(|(_, known)| std::mem::replace(known, value)),
            Err(place) => {
                self.entries.insert(place, (name, value));
                None
            }
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.place(name).ok()?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Whether there is a value of that name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Names and values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Cow<'static, str>, &Value)> + ExactSizeIterator {
        self.into_iter()
    }

    /// The names.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_ref())
    }

    /// The values, in order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// Where a name is, or would be.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(known, _)| known.as_ref().cmp(name))
    }

    /// Brings entries into order; of those of one name the last stays.
    fn tidy(&mut self) {
        if self.entries.is_sorted_by(|(a, _), (b, _)| precedes(a, b)) {
            return;
        }
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.entries.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                std::mem::swap(later, kept);
            }
            is_same
        });
    }
}

/// Whether a name comes before another.
#[inline]
fn precedes(one: &str, other: &str) -> bool {
    order(one, other) == Ordering::Less
}

/// The order of two names. Most differ in their first eight bytes.
#[inline]
fn order(one: &str, other: &str) -> Ordering {
    match (one.as_bytes().first_chunk(), other.as_bytes().first_chunk()) {
        (Some(a), Some(b)) if a != b => u64::from_be_bytes(*a).cmp(&u64::from_be_bytes(*b)),
        _ => one.cmp(other),
    }
}

/// Names and values, borrowed.
type Iter<'m> = std::iter::Map<std::slice::Iter<'m, Entry>, fn(&Entry) -> (&Cow<'static, str>, &Value)>;

impl<'m> IntoIterator for &'m Metadata {
    type Item = (&'m Cow<'static, str>, &'m Value);
    type IntoIter = Iter<'m>;

    fn into_iter(self) -> Iter<'m> {
        self.entries.iter().map(|(name, value)| (name, value))
    }
}

impl IntoIterator for Metadata {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<N: Into<Cow<'static, str>>> Extend<(N, Value)> for Metadata {
    fn extend<I: IntoIterator<Item = (N, Value)>>(&mut self, entries: I) {
        let known = std::mem::take(&mut self.entries);
        let entries = entries.into_iter().map(|(name, value)| (name.into(), value));
        if known.is_empty() {
            // collected, which makes room for all at once
            self.entries = entries.collect();
            return self.tidy();
        }
        let mut more = Self { entries: entries.collect() };
        more.tidy();
        self.entries = known;
        self.merge(more);
    }
}

impl Metadata {
    /// Takes over the values of another list, and for names that both have the other's. In time with the length of both.
    pub fn merge(&mut self, more: Self) {
        let mut known = std::mem::take(&mut self.entries).into_iter();
        let mut entries = Vec::with_capacity(known.len() + more.len());
        for entry in more.entries {
            while let Some((name, _)) = known.as_slice().first() {
                match order(name, &entry.0) {
                    Ordering::Less => {
                        if let Some(before) = known.next() {
                            entries.push(before);
                        }
                    }
                    // it is left out
                    Ordering::Equal => drop(known.next()),
                    Ordering::Greater => break,
                }
            }
            entries.push(entry);
        }
        entries.extend(known);
        self.entries = entries;
    }
}

impl<N: Into<Cow<'static, str>>> FromIterator<(N, Value)> for Metadata {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(entries: I) -> Self {
        let mut all = Self::new();
        all.extend(entries);
        all
    }
}

impl<N: Into<Cow<'static, str>>, const COUNT: usize> From<[(N, Value); COUNT]> for Metadata {
    fn from(entries: [(N, Value); COUNT]) -> Self {
        entries.into_iter().collect()
    }
}

/// The value of a name.
///
/// # Panics
///
/// Where there is none; [`Metadata::get`] doesn't.
impl Index<&str> for Metadata {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        match self.get(name) {
            Some(value) => value,
            None => panic!("there is no value of the name {name}"),
        }
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries.iter().map(|(name, value)| (Name(name), value)))
    }
}

/// Any order is read; of several values of one name the last stays.
impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("named values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut entries = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    entries.push((Cow::Owned(name), value));
                }
                let mut read = Metadata { entries };
                read.tidy();
                Ok(read)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// The name of the newtype that those names serialize as which stand in the program. A serializer that knows it can tell them by
/// where they are and how long.
pub const STATIC: &str = "streamlens::Static";

struct Name<'a>(&'a Cow<'static, str>);

impl Serialize for Name<'_> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cow::Borrowed(name) => serializer.serialize_newtype_struct(STATIC, name),
            Cow::Owned(name) => serializer.serialize_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// It is a map as the standard library's are, however it is filled.
        #[test]
        fn it_is_a_map(parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(("(same_be|other_b)?[a-d]{0,2}", 0_u64..9), 0..9)), 0..6)) {
            let (mut metadata, mut map) = (Metadata::new(), BTreeMap::new());
            for (at_once, part) in parts {
                let part = part.into_iter().map(|(name, value)| (name, Value::from(value)));
                if at_once {
                    map.extend(part.clone());
                    metadata.extend(part);
                    continue;
                }
                for (name, value) in part {
                    prop_assert_eq!(metadata.insert(name.clone().into(), value.clone()), map.insert(name, value));
                }
            }
            prop_assert_eq!(metadata.len(), map.len());
            prop_assert!(metadata.keys().eq(map.keys()) && metadata.values().eq(map.values()));
            for name in ["", "a", "bb", "zz"] {
                prop_assert_eq!(metadata.get(name), map.get(name));
                prop_assert_eq!(metadata.contains_key(name), map.contains_key(name));
            }
            let texts = [serde_json::to_string(&metadata), serde_json::to_string(&map)].map(Result::unwrap);
            prop_assert_eq!(&texts[0], &texts[1]);
        }
    }
}
