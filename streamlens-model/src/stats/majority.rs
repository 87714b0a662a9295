//! The value that most of some numbers have.

/// The value that more than half of some numbers have, found in one pass (Boyer-Moore majority vote), with their extremes.
///
/// The vote names the value of more than half wherever there is one; whether there is, it shows only where the votes
/// that are left make up more than half of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Majority {
    value: u32,
    votes: u64,
    smallest: u32,
    largest: u32,
    count: u64,
}

impl Majority {
    /// Adds a number.
    #[inline]
    pub fn push(&mut self, value: u32) {
        if self.votes > 0 && self.value == value {
            self.votes += 1;
            self.count += 1;
        } else {
            self.push_another(value);
        }
    }

    /// Adds a number that is not the one that the votes are for.
    #[inline(never)]
    fn push_another(&mut self, value: u32) {
        if self.count == 0 {
            (self.smallest, self.largest) = (value, value);
        }
        self.smallest = self.smallest.min(value);
        self.largest = self.largest.max(value);
        self.count += 1;
        if self.votes == 0 {
            (self.value, self.votes) = (value, 1);
        } else {
            self.votes -= 1;
        }
    }

    /// Number of numbers.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The lowest; `None` without any.
    #[must_use]
    pub fn min(&self) -> Option<u32> {
        (self.count > 0).then_some(self.smallest)
    }

    /// The highest; `None` without any.
    #[must_use]
    pub fn max(&self) -> Option<u32> {
        (self.count > 0).then_some(self.largest)
    }

    /// The value of more than half of all; `None` where the vote doesn't show that there is one.
    #[must_use]
    pub fn value(&self) -> Option<u32> {
        (self.votes * 2 > self.count || (self.votes > 0 && self.smallest == self.largest)).then_some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_counting(values in proptest::collection::vec(0_u32..4, 0..40), usual in 0_u32..4, more in 0_usize..60) {
            let values: Vec<u32> = values.into_iter().chain(std::iter::repeat_n(usual, more)).collect();
            let mut majority = Majority::default();
            values.iter().for_each(|&value| majority.push(value));
            prop_assert_eq!((majority.min(), majority.max()), (values.iter().min().copied(), values.iter().max().copied()));
            prop_assert_eq!(majority.count(), values.len() as u64);
            let times = |value| values.iter().filter(|&&other| other == value).count();
            // what it names is right, and it names what three of four have
            if let Some(value) = majority.value() {
                prop_assert!(times(value) * 2 > values.len());
            }
            for value in (0..4).filter(|&value| times(value) * 4 > values.len() * 3) {
                prop_assert_eq!(majority.value(), Some(value));
            }
        }
    }
}
