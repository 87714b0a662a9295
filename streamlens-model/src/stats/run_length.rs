//! Values that mostly are the same as before, counted as a run.

/// The last of some values, and how often it was repeated.
///
/// What is counted by value can mostly be counted here, with one comparison, and given to its counts when the value
/// changes: [`Self::repeats`] counts a value that is the same as before, and [`Self::replace`] begins another run and
/// returns the one before.
///
/// ```
/// use streamlens_model::stats::{RunLength, Tally};
/// let (mut run, mut tally) = (RunLength::default(), Tally::<char, 8>::default());
/// for value in ['a', 'a', 'a', 'b'] {
///     if !run.repeats(&value) {
///         if let Some((before, repeats)) = run.replace(Some(value)) {
///             tally.add_many(before, repeats);
///         }
///         tally.add(value);
///     }
/// }
/// assert_eq!(tally.sorted(), [('a', 3), ('b', 1)]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLength<T> {
    value: Option<T>,
    repeats: u64,
}

impl<T> Default for RunLength<T> {
    fn default() -> Self {
        Self { value: None, repeats: 0 }
    }
}

impl<T: Copy + PartialEq> RunLength<T> {
    /// Counts a value that is that of the run; returns `false`, and counts nothing, where it is another one.
    #[inline(always)]
    pub fn repeats(&mut self, value: &T) -> bool {
        let is_same = self.value.as_ref() == Some(value);
        self.repeats += u64::from(is_same);
        is_same
    }

    /// Begins a run of `value`, without repeats yet, or none. Returns the run before: its value and how often that was
    /// repeated.
    pub fn replace(&mut self, value: Option<T>) -> Option<(T, u64)> {
        let before = std::mem::replace(self, Self { value, repeats: 0 });
        before.run()
    }

    /// Counts another repeat of whatever the value is.
    #[inline(always)]
    pub fn repeat(&mut self) {
        self.repeats += 1;
    }

    /// The value of the run and how often it was repeated: 0 where it came once. `None` where there is no run.
    #[must_use]
    #[inline]
    pub fn run(&self) -> Option<(T, u64)> {
        self.value.map(|value| (value, self.repeats))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_those_of_the_list(values in proptest::collection::vec(0_u8..3, 0..40)) {
            let (mut run, mut found) = (RunLength::default(), Vec::new());
            for value in &values {
                if !run.repeats(value) {
                    found.extend(run.replace(Some(*value)));
                }
            }
            found.extend(run.run());
            let straight = values.chunk_by(|a, b| a == b).map(|chunk| (chunk[0], chunk.len() as u64 - 1));
            prop_assert!(found.into_iter().eq(straight));
        }
    }
}
