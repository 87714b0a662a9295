//! The extremes of a level, and where they were reached.

/// The lowest and the highest of some levels, each with what was first there: the packet, the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes<At> {
    /// The lowest level; `None` without any.
    pub minimum: Option<(i64, At)>,
    /// The highest level; `None` without any.
    pub peak: Option<(i64, At)>,
}

impl<At> Default for Extremes<At> {
    fn default() -> Self {
        Self { minimum: None, peak: None }
    }
}

impl<At: Copy> Extremes<At> {
    /// Adds a level.
    #[inline]
    pub fn push(&mut self, level: i64, at: At) {
        if self.peak.as_ref().is_none_or(|&(peak, _)| level > peak) {
            self.peak = Some((level, at));
        }
        if self.minimum.as_ref().is_none_or(|&(minimum, _)| level < minimum) {
            self.minimum = Some((level, at));
        }
    }

    /// Adds the levels of a later one.
    pub fn merge(&mut self, later: &Self) {
        for &(level, at) in later.minimum.iter().chain(&later.peak) {
            self.push(level, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_search(levels in proptest::collection::vec(-4_i64..4, 0..20), cut in 0_usize..20) {
            let (mut whole, mut first, mut later) = (Extremes::default(), Extremes::default(), Extremes::default());
            for (at, &level) in levels.iter().enumerate() {
                whole.push(level, at);
                if at < cut { first.push(level, at) } else { later.push(level, at) }
            }
            first.merge(&later);
            prop_assert_eq!(first, whole);
            let place = |level: i64| levels.iter().position(|&other| other == level).unwrap();
            prop_assert_eq!(whole.minimum, levels.iter().min().map(|&level| (level, place(level))));
            prop_assert_eq!(whole.peak, levels.iter().max().map(|&level| (level, place(level))));
        }
    }
}
