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
    let longest = tracker.longest_gap().unwrap();
    assert_eq!((faults.largest_distance, longest.packets, longest.at), (2, 1, at(3)));
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
        streams.push(&StreamMark { sequence: Some(sequence), ..StreamMark::default() }, &at(1), None);
    }
    let stream = streams.iter().next().unwrap();
    assert_eq!((stream.received, stream.sequence.as_ref().unwrap().lost()), (2, 0));
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

/// A PDU of a stream with a number and a clock of 8,000 Hz.
fn timed(number: u16, ticks: u32) -> StreamMark {
    let clock = streamlens_decoders::MediaClock { ticks: ticks.into(), bits: 32, rate_hz: 8_000 };
    StreamMark { sequence: Some(Sequence::new(number.into(), 16)), clock: Some(clock), ..StreamMark::default() }
}

fn clock_of(packets: &[(u16, u32, i64)]) -> (Option<f64>, Option<f64>) {
    let mut streams = Streams::default();
    for (frame, &(number, ticks, nanos)) in (1..).zip(packets) {
        let time = Some(streamlens_model::Timestamp::from_nanos(nanos));
        streams.push(&timed(number, ticks), &Occurrence { frame, time }, time);
    }
    let clock = streams.iter().next().unwrap().clock.as_ref().unwrap();
    (clock.jitter_ns(), clock.drift_ppm())
}

/// Packets every 20 ms, by a clock that is so many ppm fast.
fn stretch(number: u16, ticks: u32, nanos: i64, packets: u16, ppm: i64) -> Vec<(u16, u32, i64)> {
    let one = |n: u16| {
        let elapsed = i64::from(n) * (20_000_000 - 20 * ppm);
        (number.wrapping_add(n), ticks.wrapping_add(u32::from(n) * 160), nanos + elapsed)
    };
    (0..packets).map(one).collect()
}

#[test]
fn a_drift_that_no_oscillator_has_is_none() {
    assert!(clock_of(&stretch(0, 0, 0, 500, 900)).1.is_some_and(|ppm| (ppm - 900.0).abs() < 2.0));
    assert_eq!(clock_of(&stretch(0, 0, 0, 500, 1_100)).1, None);
}

#[test]
fn a_step_of_the_clock_begins_jitter_and_drift_afresh() {
    let mut packets = stretch(0, 0, 0, 500, 50);
    packets.extend(stretch(500, 900_000, 10_000_000_000, 200, 0));
    let (jitter, drift) = clock_of(&packets);
    assert!(jitter.unwrap() < 1.0 && (drift.unwrap() - 50.0).abs() < 1.0, "{jitter:?} {drift:?}");
}

proptest! {
    /// Whatever the numbers and clocks of the parts: jitter is that of the last one, drift that of the longest.
    #[test]
    fn a_restart_leaves_the_figures_of_the_parts(
        parts in proptest::collection::vec((any::<u32>(), 60_u16..300, -500_i64..500), 1..5),
    ) {
        let (mut whole, mut alone) = (Vec::new(), Vec::new());
        for (n, &(ticks, packets, ppm)) in (0_u16..).zip(&parts) {
            let part = stretch(n * 13_000, ticks, i64::from(n) * 10_000_000_000, packets, ppm);
            alone.push((part.last().unwrap().2 - part[0].2, clock_of(&part)));
            whole.extend(part);
        }
        let (jitter, drift) = clock_of(&whole);
        prop_assert_eq!(jitter, alone.last().unwrap().1.0);
        let longest = alone.iter().max_by_key(|(span, _)| *span).unwrap().1.1;
        prop_assert_eq!(drift, longest);
    }

    /// The longest gap is that of the numbers, also where the beginning moved back.
    #[test]
    fn the_longest_gap_is_that_of_the_numbers(back in 2_u64..=16, steps in proptest::collection::vec(1_u64..20, 0..40)) {
        let mut numbers = vec![1000 + back, 1000];
        let mut number = 1000 + back;
        for step in &steps {
            number += step;
            numbers.push(number);
        }
        let tracker = track(16, &numbers);
        let longest = steps.iter().map(|step| step - 1).fold(back - 1, u64::max);
        let found = tracker.longest_gap().map(|gap| gap.packets);
        prop_assert_eq!(found, (longest > 0).then_some(longest));
    }
}

#[test]
fn a_narrow_counter_only_runs_forward() {
    for (numbers, lost) in [(&[0_u64, 1, 2, 10][..], 7), (&[0, 15], 14), (&[3, 4, 5, 4], 14), (&[14, 15, 1], 1)] {
        let tracker = track(4, numbers);
        assert_eq!((tracker.lost(), tracker.faults().unwrap().reordered), (lost, 0), "{numbers:?}");
    }
}
