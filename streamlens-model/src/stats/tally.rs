//! How often each of a few values came.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::Value;

/// How often each of a few values came, in the order in which they first did.
///
/// The first `LIMIT` different values are counted one by one, the rest together. The first lies inline, for mostly there is
/// no other; the value that was counted last is found at once.
///
/// ```
/// use streamlens_model::stats::Tally;
/// let mut lengths = Tally::<u32, 2>::default();
/// [1400, 1400, 60, 900].into_iter().for_each(|length| { lengths.add(length); });
/// assert_eq!((lengths.mode(), lengths.others(), lengths.total()), (Some((1400, 2)), 1, 4));
/// ```
#[derive(Clone, Debug)]
pub struct Tally<T, const LIMIT: usize> {
    entries: SmallVec<[(T, u64); 1]>,
    /// The index of the value that was counted last; behind the end where that is among the others.
    last: usize,
    others: u64,
}

impl<T, const LIMIT: usize> Default for Tally<T, LIMIT> {
    fn default() -> Self {
        Self { entries: SmallVec::new(), last: 0, others: 0 }
    }
}

impl<T: Copy + PartialEq, const LIMIT: usize> Tally<T, LIMIT> {
    /// Counts a value; returns how often it has come, 0 where it is among the others.
    #[inline(always)]
    pub fn add(&mut self, value: T) -> u64 {
        if let Some((known, count)) = self.entries.get_mut(self.last)
            && *known == value
        {
            *count += 1;
            return *count;
        }
        self.add_another(value, 1)
    }

    /// Counts a value so many times.
    pub fn add_many(&mut self, value: T, times: u64) {
        if times > 0 {
            self.add_another(value, times);
        }
    }

    #[inline(never)]
    fn add_another(&mut self, value: T, times: u64) -> u64 {
        let used = self.entries.len();
        self.last = self.entries.iter().position(|(known, _)| *known == value).unwrap_or(used);
        if let Some((_, count)) = self.entries.get_mut(self.last) {
            *count += times;
            return *count;
        }
        if used < LIMIT {
            self.entries.push((value, times));
            return times;
        }
        self.others += times;
        0
    }

    /// Values and counts in the order in which the values first came.
    pub fn iter(&self) -> impl Iterator<Item = (T, u64)> + '_ {
        self.entries.iter().copied()
    }

    /// Number of different values counted one by one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How often values beyond the first `LIMIT` came, all together.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// How many values were counted, the others included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, count)| count).sum::<u64>() + self.others
    }

    /// How often values came of which the condition holds, the others not included.
    pub fn count_where(&self, condition: impl Fn(T) -> bool) -> u64 {
        self.iter().filter(|&(value, _)| condition(value)).map(|(_, count)| count).sum()
    }

    /// The most frequent value and its count; the earliest of several. `None` without any.
    #[must_use]
    pub fn mode(&self) -> Option<(T, u64)> {
        self.iter().reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// How often each value came by its name, and the others together as `others` where there are any.
    #[must_use]
    pub fn to_value<N: Into<Cow<'static, str>>>(&self, name: impl Fn(T) -> N) -> Value {
        let others = (self.others > 0).then(|| (Cow::Borrowed("others"), Value::from(self.others)));
        Value::map(self.iter().map(|(value, count)| (name(value).into(), Value::from(count))).chain(others))
    }

    /// Values and counts in order of the values.
    #[must_use]
    pub fn sorted(&self) -> Vec<(T, u64)>
    where
        T: Ord,
    {
        let mut sorted = self.entries.to_vec();
        sorted.sort_unstable_by_key(|&(value, _)| value);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_its_values_and_the_others() {
        let mut tally = Tally::<u8, 2>::default();
        for value in [9, 7, 9, 3] {
            tally.add(value);
        }
        let named = Value::map([("7", Value::from(1_u64)), ("9", Value::from(2_u64)), ("others", Value::from(1_u64))]);
        assert_eq!(tally.to_value(|value| value.to_string()), named);
    }

    proptest! {
        #[test]
        fn agrees_with_counting(values in proptest::collection::vec((0_u8..6, 0_u64..3), 0..60)) {
            let mut tally = Tally::<u8, 4>::default();
            let mut all = Vec::new();
            for &(value, times) in &values {
                if times == 1 {
                    let known = all.iter().filter(|&&other| other == value).count() as u64;
                    let counted = tally.add(value);
                    prop_assert!(counted == known + 1 || counted == 0);
                } else {
                    tally.add_many(value, times);
                }
                all.extend(std::iter::repeat_n(value, times as usize));
            }
            let mut order: Vec<u8> = Vec::new();
            all.iter().for_each(|value| if !order.contains(value) { order.push(*value) });
            order.truncate(4);
            let times = |value: u8| all.iter().filter(|&&other| other == value).count() as u64;
            prop_assert!(tally.iter().eq(order.iter().map(|&value| (value, times(value)))));
            prop_assert_eq!(tally.total(), all.len() as u64);
            prop_assert_eq!(tally.others(), all.iter().filter(|value| !order.contains(value)).count() as u64);
            prop_assert_eq!(tally.count_where(|value| value > 1), order.iter().filter(|&&v| v > 1).map(|&v| times(v)).sum::<u64>());
            let most = order.iter().map(|&value| times(value)).max();
            prop_assert_eq!(tally.mode(), most.map(|most| (*order.iter().find(|&&v| times(v) == most).unwrap(), most)));
            order.sort_unstable();
            prop_assert!(tally.sorted().into_iter().eq(order.into_iter().map(|value| (value, times(value)))));
        }
    }
}
