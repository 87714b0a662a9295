use proptest::prelude::*;

use super::Arrival::{Duplicate, Gap, InOrder, Reordered, Repeat, Restart, Stray};
use super::*;

const AT: Occurrence = Occurrence { frame: 1, time: None };

fn window(bits: u8, numbers: &[u64]) -> SequenceWindow {
    let mut window = SequenceWindow::new(&Sequence::new(numbers[0], bits));
    for &number in &numbers[1..] {
        window.push(&Sequence::new(number, bits), &AT);
    }
    window
}

/// The rules of the design, one row each: the width, what came before, the number, and what that is.
#[test]
fn each_rule_of_the_design_holds() {
    let long: Vec<u64> = (0..3000).collect();
    let far: Vec<u64> = (0..100).chain([9000]).collect();
    for (rule, bits, before, number, expected) in [
        ("1: the next one is in order", 16, &[5, 6][..], 7, InOrder),
        ("1: it is over the wrap", 16, &[65_534, 65_535], 0, InOrder),
        ("1: it is over the wrap of 64 bits", 64, &[u64::MAX], 0, InOrder),
        ("1: the same is a duplicate", 16, &[5, 6], 6, Duplicate(0)),
        ("2: ahead, numbers are missing", 16, &[5, 6], 10, Gap(3)),
        ("2: as many as the limit", 16, &[0], 10_001, Gap(10_000)),
        ("2: up to half the range", 8, &[0], 127, Gap(126)),
        ("3: a missing number came late", 16, &[5, 9], 7, Reordered(2)),
        ("3: from far behind too, where it is known to be missing", 16, &far, 200, Reordered(8800)),
        ("3: one seen is a duplicate", 16, &[5, 6, 7, 8], 6, Duplicate(2)),
        ("3: 1,023 behind was seen", 16, &long, 2999 - 1023, Duplicate(1023)),
        ("3: 1,024 behind is not among the last 1,024", 16, &long, 2999 - 1024, Stray),
        ("3: of 8 bits half the range was seen", 8, &long[..251], 250 - 127, Duplicate(127)),
        ("3: just before the first", 16, &[100, 101], 84, Reordered(17)),
        ("3: no more than 16 before it", 16, &[100, 101], 83, Stray),
        ("3: not after a restart", 16, &[1, 30_000, 30_001], 29_999, Stray),
        ("4: beyond the limit it is a stray", 16, &[0], 10_002, Stray),
        ("4: the next one behind a stray is a restart", 16, &[0, 20_000], 20_001, Restart),
        ("4: another one is not", 16, &[0, 20_000], 20_002, Stray),
        ("4: nor is one that follows on those before", 16, &[0, 20_000], 1, InOrder),
        ("4: a stray is forgotten when others go on", 16, &[0, 20_000, 1], 20_001, Stray),
        ("5: narrow, ahead", 4, &[14, 15], 3, Gap(3)),
        ("5: narrow, nothing is behind", 4, &[4, 5], 4, Gap(14)),
        ("5: narrow, a number that was missing is not late", 4, &[4, 8], 6, Gap(13)),
        ("5: narrow, the same is a duplicate", 7, &[4, 5], 5, Duplicate(0)),
        ("5: one bit", 1, &[0], 1, InOrder),
        ("5: 8 bits are not narrow", 8, &[4, 5], 4, Duplicate(1)),
    ] {
        let window = window(bits, before);
        assert_eq!(window.classify(&Sequence::new(number, bits)), expected, "{rule}");
    }
}

#[test]
fn a_repeat_is_lawful_where_the_protocol_says_so() {
    for (bits, number, expected) in [(16, 6, Repeat), (16, 5, Repeat), (4, 6, Repeat), (4, 5, Gap(14))] {
        let sequence = Sequence { repeats: true, ..Sequence::new(number, bits) };
        assert_eq!(window(bits, &[5, 6]).classify(&sequence), expected, "{number} of {bits} bits");
    }
}

#[test]
fn steps_are_counted_to_the_nearest() {
    let window = window(16, &[0, 1]);
    for (number, expected) in [(33, InOrder), (48, InOrder), (49, Gap(1)), (97, Gap(2))] {
        assert_eq!(window.classify(&Sequence { step: 32, ..Sequence::new(number, 16) }), expected, "{number}");
    }
}

#[test]
fn the_limit_of_a_jump_is_the_protocols() {
    let sequence = Sequence { max_jump: 3, ..Sequence::new(5, 16) };
    assert_eq!(window(16, &[0]).classify(&sequence), Stray);
    assert_eq!(window(16, &[0]).classify(&Sequence { max_jump: 4, ..sequence }), Gap(4));
}

#[test]
fn extended_numbers_keep_the_bits_of_the_wire() {
    let window = window(16, &[65_000, 65_500, 100]);
    assert_eq!((window.highest() & 0xFFFF, window.first() & 0xFFFF, window.expected()), (100, 65_000, 637));
    assert_eq!((window.highest() - window.extended(65_501), window.extended(101) - window.highest()), (135, 1));
}

#[test]
fn a_restart_begins_at_the_stray_and_forgets_what_is_missing() {
    let window = window(16, &[0, 3, 20_000, 20_001]);
    assert_eq!((window.first() & 0xFFFF, window.expected()), (20_000, 2));
    let missing = window.missing().unwrap();
    assert_eq!((missing.iter().count(), missing.forgotten()), (0, 2));
}

#[test]
fn split_runs_stay_bounded() {
    let mut window = SequenceWindow::<8>::new(&Sequence::new(0, 32));
    for start in (0..20_u64).map(|lap| lap * 100) {
        window.push(&Sequence::new(start + 99, 32), &AT);
        for late in (1..90).step_by(2) {
            window.push(&Sequence::new(start + late, 32), &AT);
        }
    }
    assert!(window.missing().unwrap().iter().count() <= 8);
}

proptest! {
    /// Against a plain list of all numbers seen: what is in order, missing, seen and late is what the list says.
    #[test]
    fn agrees_with_a_list(moves in proptest::collection::vec((0_u8..8, 0_u64..12), 1..200), start in any::<u16>()) {
        let mut window: SequenceWindow = SequenceWindow::new(&Sequence::new(start.into(), 16));
        let (mut highest, mut first) = (i64::from(start), i64::from(start));
        let mut seen = vec![highest];
        for (kind, by) in moves {
            let number = if kind < 4 { highest + 1 } else if kind < 6 { highest + by as i64 } else { highest - by as i64 };
            let expected = match number - highest {
                1 => InOrder,
                ahead @ 2.. => Gap(ahead as u64 - 1),
                behind if seen.contains(&number) => Duplicate(behind.unsigned_abs()),
                behind if number >= first - 16 => Reordered(behind.unsigned_abs()),
                _ => Stray,
            };
            let sequence = Sequence::new((number as u64) & 0xFFFF, 16);
            prop_assert_eq!(window.classify(&sequence), expected);
            window.push(&sequence, &AT);
            if expected != Stray {
                seen.push(number);
                (highest, first) = (highest.max(number), first.min(number));
            } else {
                // the list knows nothing of strays
                return Ok(());
            }
            prop_assert_eq!(window.expected() as i64, highest - first + 1);
            let missing: u64 = window.missing().map_or(0, |missing| missing.iter().map(MissingRange::count).sum());
            prop_assert_eq!(missing as i64, (first..=highest).filter(|number| !seen.contains(number)).count() as i64);
        }
    }

    #[test]
    fn takes_any_numbers(numbers in proptest::collection::vec((any::<u64>(), any::<u32>(), any::<u32>()), 1..300), bits in 0_u8..=70) {
        let mut window: SequenceWindow = SequenceWindow::new(&Sequence::new(numbers[0].0, bits));
        for (number, step, max_jump) in numbers {
            window.push(&Sequence { step, max_jump, ..Sequence::new(number, bits) }, &AT);
            prop_assert!(window.first() <= window.highest());
        }
    }
}
