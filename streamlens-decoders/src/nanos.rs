//! Sums and differences of nanoseconds that stop at the limits, for what is done with every packet.
//!
//! For the standard library's saturating operations the compiler computes the limit beside each result and picks one of
//! the two, seven instructions in all. No time of a lawful capture comes near a limit, so here it is a branch never taken.

use streamlens_model::Timestamp;

/// `a + b`, as `saturating_add` has it.
#[inline(always)]
pub(crate) fn saturating_sum(a: i64, b: i64) -> i64 {
    match a.checked_add(b) {
        Some(sum) => sum,
        None => limit(a < 0),
    }
}

/// `a - b`, as `saturating_sub` has it.
#[inline(always)]
pub(crate) fn saturating_difference(a: i64, b: i64) -> i64 {
    match a.checked_sub(b) {
        Some(difference) => difference,
        None => limit(a < 0),
    }
}

/// As [`Timestamp::since`].
#[inline(always)]
pub(crate) fn elapsed(earlier: Timestamp, later: Timestamp) -> i64 {
    saturating_difference(later.as_nanos(), earlier.as_nanos())
}

/// Out of line, or else the compiler would see what this is and make it what it is meant to replace.
#[cold]
#[inline(never)]
fn limit(is_lowest: bool) -> i64 {
    if is_lowest { i64::MIN } else { i64::MAX }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agree_with_the_standard_library(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(saturating_sum(a, b), a.saturating_add(b));
            prop_assert_eq!(saturating_difference(a, b), a.saturating_sub(b));
            let (earlier, later) = (Timestamp::from_nanos(b), Timestamp::from_nanos(a));
            prop_assert_eq!(elapsed(earlier, later), later.since(earlier));
        }
    }
}
