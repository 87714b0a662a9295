use proptest::prelude::*;
use streamlens_decoders::Sequence;

use super::*;

fn at(frame: u64) -> Occurrence {
    Occurrence { frame, time: None }
}

fn track(bits: u8, numbers: &[u64]) -> SequenceTracker {
    let mut tracker = SequenceTracker::new(&Sequence::new(numbers[0], bits));
    for (frame, &number) in (2..).zip(&numbers[1..]) {
        tracker.push(&Sequence::new(number, bits), &at(frame));
    }
    tracker
}

#[test]
fn numbers_that_run_on_over_the_wrap_are_whole() {
    let tracker = track(8, &[254, 255, 0, 1]);
    assert_eq!((tracker.expected(), tracker.lost()), (4, 0));
    assert!(tracker.faults().is_none());
}

#[test]
fn a_gap_is_lost_until_the_late_one_comes() {
    let tracker = track(16, &[1, 2, 5, 3]);
    let faults = tracker.faults().unwrap();
    assert_eq!((tracker.expected(), tracker.lost(), faults.reordered), (5, 1, 1));
    assert_eq!((faults.largest_distance, faults.longest_gap.unwrap()), (2, (2, at(3))));
}

#[test]
fn a_repeat_is_a_duplicate_also_further_back() {
    let tracker = track(16, &[1, 2, 2, 3, 4, 2]);
    assert_eq!((tracker.faults().unwrap().duplicated, tracker.lost(), tracker.expected()), (2, 0, 4));
}

#[test]
fn a_number_just_before_the_first_moves_the_beginning_back() {
    let tracker = track(16, &[10, 11, 8]);
    assert_eq!((tracker.expected(), tracker.lost(), tracker.faults().unwrap().reordered), (4, 1, 1));
}

#[test]
fn a_far_number_alone_is_a_stray_and_two_are_a_restart() {
    let tracker = track(16, &[1, 2, 30_000, 3, 4]);
    assert_eq!((tracker.expected(), tracker.lost(), tracker.faults().unwrap().restarts), (4, 0, 0));
    let tracker = track(16, &[1, 2, 30_000, 30_001, 30_002]);
    assert_eq!((tracker.expected(), tracker.lost(), tracker.faults().unwrap().restarts), (5, 0, 1));
}

#[test]
fn a_wide_step_is_one() {
    let mut tracker = SequenceTracker::new(&Sequence { step: 32, ..Sequence::new(0, 16) });
    for number in [32, 64, 128] {
        tracker.push(&Sequence { step: 32, ..Sequence::new(number, 16) }, &at(1));
    }
    assert_eq!((tracker.expected(), tracker.lost()), (5, 1));
}

#[test]
fn a_lawful_repeat_is_not_another_packet() {
    let mut streams = Streams::default();
    for number in [1, 1, 1, 2, 2] {
        let sequence = Sequence { repeats: true, ..Sequence::new(number, 24) };
        streams.push(&StreamMark { sequence: Some(sequence), ..StreamMark::default() }, &at(1), false);
    }
    let stream = streams.iter().next().unwrap();
    assert_eq!((stream.received, stream.sequence.as_ref().unwrap().lost()), (2, 0));
}

#[test]
fn copies_of_frames_are_no_loss_of_a_narrow_counter() {
    let mut streams = Streams::default();
    for (number, is_copy) in
        [(1, false), (2, false), (3, false), (1, true), (2, true), (3, true), (4, false), (7, false)]
    {
        let mark = StreamMark { sequence: Some(Sequence::new(number, 4)), ..StreamMark::default() };
        streams.push(&mark, &at(1), is_copy);
    }
    let stream = streams.iter().next().unwrap();
    assert_eq!((stream.received, stream.sequence.as_ref().unwrap().lost()), (5, 2));
}

proptest! {
    /// A run of numbers with losses, local shuffles and repeats, beginning anywhere: what was done is what is counted.
    #[test]
    fn counts_what_was_done_to_a_stream(
        start in any::<u16>(),
        fates in proptest::collection::vec(0_u8..10, 20..400),
    ) {
        let (mut sent, mut lost, mut duplicated, mut reordered) = (vec![u64::from(start)], 0, 0, 0);
        let mut number = u64::from(start);
        let mut fates = fates.into_iter().peekable();
        while let Some(fate) = fates.next() {
            number += 1;
            match fate {
                0 if fates.peek().is_some() => { lost += 1; number += 1; sent.push(number & 0xFFFF); }
                1 => { sent.extend([number & 0xFFFF, number & 0xFFFF]); duplicated += 1; }
                2 => { sent.extend([(number + 1) & 0xFFFF, number & 0xFFFF]); number += 1; reordered += 1; }
                _ => sent.push(number & 0xFFFF),
            }
        }
        let tracker = track(16, &sent);
        let none = super::sequence::SequenceFaults::default();
        let faults = tracker.faults().unwrap_or(&none);
        prop_assert_eq!((tracker.lost(), faults.duplicated, faults.reordered), (lost, duplicated, reordered));
        prop_assert_eq!(tracker.expected(), number - u64::from(start) + 1);
    }

    #[test]
    fn any_numbers_keep_the_balance(numbers in proptest::collection::vec(any::<u64>(), 1..300), bits in 1_u8..=64) {
        let tracker = track(bits, &numbers);
        let none = super::sequence::SequenceFaults::default();
        let faults = tracker.faults().unwrap_or(&none);
        let seen = tracker.unique() + faults.duplicated + faults.strays;
        prop_assert_eq!(seen, numbers.len() as u64);
        prop_assert_eq!(tracker.expected(), tracker.unique() + tracker.lost());
    }
}
