//! What the monitor makes of exchanges, in and at the edges of a capture.

use streamlens_model::{Severity, Value};

use super::harness::{Segment, datagram, frame};
use crate::FlowReport;
use crate::testing::number;

const CYCLE: i64 = 1_000_000;

/// A cyclic exchange of one LRW datagram: `counter` says what comes back of a cycle, `None` that nothing does.
fn cyclic(cycles: i64, period: impl Fn(i64) -> i64, counter: impl Fn(i64) -> Option<u16>) -> FlowReport {
    let mut segment = Segment::default();
    let mut time = 0;
    for cycle in 0..cycles {
        time += period(cycle);
        let number = 2 * cycle as u64;
        let lrw = |counter| datagram(12, cycle as u8, 0x0100_0000, &[0; 8], false, counter);
        segment.payload(&frame(number, time, false, &[lrw(0)]));
        if let Some(counter) = counter(cycle) {
            segment.payload(&frame(number + 1, time + 20_000, true, &[lrw(counter)]));
        }
    }
    segment.report(&frame(0, 0, false, &[]).flow)
}

fn findings(report: &FlowReport) -> Vec<(&'static str, u64)> {
    report.findings.iter().flat_map(|log| log.iter().map(|(code, _, f)| (code, f.count))).collect()
}

#[test]
fn a_healthy_segment_has_no_findings() {
    let report = cyclic(500, |_| CYCLE, |_| Some(3));
    assert_eq!(findings(&report), []);
    let frames = &report.metadata["frames"];
    assert_eq!([number(frames, "sent"), number(frames, "matched"), number(frames, "lost")], [500, 500, 0]);
    let Value::List(cycles) = &report.metadata["cycles"] else { panic!("no list") };
    let Value::Map(cycle) = &cycles[0] else { panic!("no map") };
    assert_eq!(number(&cycle["interval"], "p50_ns"), 1_000_000);
    assert_eq!(number(&report.metadata["round_trip"], "max_ns"), 20_000);
}

#[test]
fn frames_at_the_edges_of_a_capture_are_not_lost() {
    let report = cyclic(100, |_| CYCLE, |cycle| (cycle != 99).then_some(3));
    assert_eq!(findings(&report), []);
    assert_eq!(number(&report.metadata["frames"], "open_at_end"), 1);
}

#[test]
fn a_frame_that_does_not_come_back_is_lost() {
    let report = cyclic(100, |_| CYCLE, |cycle| (cycle != 50).then_some(3));
    assert_eq!(findings(&report), [("ethercat.lost-frame", 1)]);
    assert_eq!(number(&report.metadata["frames"], "lost"), 1);
}

#[test]
fn a_lower_working_counter_is_found_and_a_lasting_one_adopted() {
    let report = cyclic(400, |_| CYCLE, |cycle| Some(if (50..55).contains(&cycle) { 1 } else { 3 }));
    assert_eq!(findings(&report), [("ethercat.working-counter", 5)]);
    let Value::List(slots) = &report.metadata["working_counters"] else { panic!("no list") };
    assert_eq!((number(&slots[0], "expected"), number(&slots[0], "longest_run_below")), (3, 5));
    let lasting = cyclic(400, |_| CYCLE, |cycle| Some(if cycle >= 100 { 1 } else { 3 }));
    assert_eq!(findings(&lasting), [("ethercat.working-counter", 51)]);
}

#[test]
fn stations_that_join_raise_what_is_expected() {
    let report = cyclic(400, |_| CYCLE, |cycle| Some(if cycle < 100 { 1 } else { 3 }));
    assert_eq!(findings(&report), []);
}

#[test]
fn a_late_cycle_is_found() {
    let report = cyclic(300, |cycle| if cycle == 200 { 5 * CYCLE } else { CYCLE + cycle % 7 }, |_| Some(3));
    assert_eq!(findings(&report), [("ethercat.late-cycle", 1)]);
}

#[test]
fn a_segment_without_stations_is_one_finding() {
    let report = cyclic(100, |_| CYCLE, |_| None);
    assert_eq!(findings(&report), [("ethercat.no-return", 1)]);
}

fn read(register: u16, station: u16, data: &[u8]) -> [Vec<u8>; 2] {
    let address = u32::from(register) << 16 | u32::from(station);
    [datagram(4, 1, address, &vec![0; data.len()], false, 0), datagram(4, 1, address, data, false, 1)]
}

#[test]
fn states_and_status_codes_are_followed_by_station() {
    let mut segment = Segment::default();
    for (at, state) in [8_u8, 8, 0x14].into_iter().enumerate() {
        let code = if state & 0x10 != 0 { 0x1B } else { 0 };
        let [out, back] = read(0x0130, 0x1001, &[state, 0, 0, 0, code, 0]);
        let (number, time) = (2 * at as u64, at as i64 * CYCLE);
        segment.payload(&frame(number, time, false, &[out]));
        segment.payload(&frame(number + 1, time + 1000, true, &[back]));
    }
    let report = segment.report(&frame(0, 0, false, &[]).flow);
    let texts: Vec<_> = report.findings[0].iter().map(|(code, _, f)| (code, f.severity, f.text.as_str())).collect();
    assert_eq!(
        texts,
        [
            (
                "ethercat.al-status",
                Severity::Error,
                "station 0x1001 SAFEOP: AL status code 0x001b (SyncManager watchdog)"
            ),
            ("ethercat.state-changed", Severity::Warning, "station 0x1001 went from OP to SAFEOP"),
        ]
    );
}

#[test]
fn the_reference_clock_drifts_against_the_capture() {
    let mut segment = Segment::default();
    for cycle in 0..3000_i64 {
        // 50 parts per million fast.
        let reference = (cycle * CYCLE + cycle * 50) as u64 + 1_000_000_000_000;
        let frmw = |data: [u8; 8], counter| datagram(14, cycle as u8, 0x0910_1000, &data, false, counter);
        let time = cycle * CYCLE;
        segment.payload(&frame(2 * cycle as u64, time, false, &[frmw([0; 8], 0)]));
        segment.payload(&frame(2 * cycle as u64 + 1, time + 900, true, &[frmw(reference.to_le_bytes(), 2)]));
    }
    let report = segment.report(&frame(0, 0, false, &[]).flow);
    let Value::Map(clocks) = &report.metadata["distributed_clocks"] else { panic!("no map") };
    let Value::Float(drift) = clocks["drift_ppm"] else { panic!("no drift") };
    assert!((drift - 50.0).abs() < 0.01, "{drift}");
}

#[test]
fn a_rising_error_register_names_its_port() {
    let mut segment = Segment::default();
    for (at, errors) in [0_u8, 0, 3].into_iter().enumerate() {
        let [out, back] = read(0x0300, 0x1002, &[0, 0, 0, errors, 0, 0, 0, 0]);
        let number = 2 * at as u64;
        segment.payload(&frame(number, at as i64 * CYCLE, false, &[out]));
        segment.payload(&frame(number + 1, at as i64 * CYCLE + 9_000, true, &[back]));
    }
    let report = segment.report(&frame(0, 0, false, &[]).flow);
    let (code, _, finding) = report.findings[0].iter().next().expect("a finding");
    assert_eq!(
        (code, finding.text.as_str()),
        ("ethercat.link-errors", "station 0x1002: receive errors at port 1 rose from 0 to 3")
    );
}

#[test]
fn a_master_whose_own_address_is_marked_is_paired_by_order() {
    let mut segment = Segment::default();
    for cycle in 0..50_u8 {
        let lrw = |counter| datagram(12, cycle, 0x0100_0000, &[0; 8], false, counter);
        let (number, time) = (2 * u64::from(cycle), i64::from(cycle) * CYCLE);
        segment.payload(&frame(number, time, true, &[lrw(0)]));
        segment.payload(&frame(number + 1, time + 700, true, &[lrw(3)]));
    }
    let report = segment.report(&frame(0, 0, true, &[]).flow);
    let frames = &report.metadata["frames"];
    assert_eq!([number(frames, "sent"), number(frames, "returned"), number(frames, "matched")], [50, 50, 50]);
    assert_eq!(findings(&report), []);
}

/// Cycles of one LRW: what is seen of each, as (nanoseconds since it was sent, whether marked, circulating, counter).
fn seen(cycles: u64, period: i64, of_cycle: impl Fn(u64) -> Vec<(i64, bool, bool, u16)>) -> FlowReport {
    let (mut segment, mut number) = (Segment::default(), 0);
    for cycle in 0..cycles {
        for (behind, marked, circulates, counter) in of_cycle(cycle) {
            number += 1;
            let mut lrw = datagram(12, cycle as u8, 0x0100_0000, &[0; 8], false, counter);
            lrw[7] |= if circulates { 0x40 } else { 0 };
            segment.payload(&frame(number, cycle.cast_signed() * period + behind, marked, &[lrw]));
        }
    }
    segment.report(&frame(0, 0, false, &[]).flow)
}

fn of_frames(report: &FlowReport, names: &[&str]) -> Vec<u64> {
    let Value::Map(frames) = &report.metadata["frames"] else { panic!("no map") };
    names.iter().map(|name| frames.get(name).map_or(0, |_| number(&report.metadata["frames"], name))).collect()
}

fn period(report: &FlowReport) -> u64 {
    let Value::List(cycles) = &report.metadata["cycles"] else { panic!("no list") };
    let Value::Map(cycle) = &cycles[0] else { panic!("no map") };
    number(&cycle["interval"], "max_ns")
}

#[test]
fn a_line_that_only_forwards_gets_its_frames_back_as_they_were() {
    for cycle in [125_000, CYCLE, 4 * CYCLE] {
        let report = seen(200, cycle, |_| vec![(0, false, false, 0), (25_000, false, false, 0)]);
        assert_eq!(findings(&report), [], "a cycle of {cycle} ns");
        let names = ["sent", "returned", "matched", "returned_unchanged", "lost", "copies"];
        assert_eq!(of_frames(&report, &names), [200, 200, 200, 200, 0, 0], "a cycle of {cycle} ns");
        assert_eq!((period(&report), number(&report.metadata["round_trip"], "max_ns")), (cycle as u64, 25_000));
    }
}

#[test]
fn copies_of_frames_change_nothing_but_their_own_count() {
    let plain = seen(200, CYCLE, |_| vec![(0, false, false, 0), (25_000, true, false, 3)]);
    for after in [0, 300, 5_000, 24_000, 26_000, 50_000] {
        let copied = seen(200, CYCLE, |_| {
            let mut frames = vec![
                (0, false, false, 0),
                (25_000, true, false, 3),
                (after, false, false, 0),
                (25_000 + after, true, false, 3),
            ];
            frames.sort_by_key(|(behind, ..)| *behind);
            frames
        });
        assert_eq!(findings(&copied), [], "copies {after} ns later");
        let names = ["sent", "returned", "matched", "lost", "returned_without_sent", "returned_unchanged"];
        assert_eq!(of_frames(&copied, &names), of_frames(&plain, &names), "copies {after} ns later");
        assert_eq!(of_frames(&copied, &["copies"]), [400], "copies {after} ns later");
        assert_eq!(period(&copied), period(&plain));
        assert_eq!(copied.metadata["round_trip"], plain.metadata["round_trip"]);
        assert_eq!(copied.metadata["working_counters"], plain.metadata["working_counters"]);
    }
}

#[test]
fn a_frame_that_goes_round_twice_is_found() {
    let twice = |cycle| (100..103).contains(&cycle);
    let report = seen(300, CYCLE, |cycle| {
        let mut frames = vec![(0, false, false, 0), (25_000, true, false, 3)];
        frames.extend(twice(cycle).then_some((60_000, true, true, 6)));
        frames
    });
    assert_eq!(findings(&report), [("ethercat.circulating", 3)]);
    let names = ["sent", "returned", "matched", "circulated", "returned_without_sent"];
    assert_eq!(of_frames(&report, &names), [300, 303, 300, 3, 0]);
}

/// Every step of a start is a finding of its own, and each says where the station stands now.
#[test]
fn no_step_of_a_start_stands_for_another() {
    let mut segment = Segment::default();
    for (at, state) in [1_u8, 2, 4, 8].into_iter().enumerate() {
        let [asked, answered] = read(0x0130, 0x1001, &[state, 0, 0, 0, 0, 0]);
        segment.payload(&frame(2 * at as u64 + 1, at as i64 * CYCLE, false, &[asked]));
        segment.payload(&frame(2 * at as u64 + 2, at as i64 * CYCLE + 9_000, true, &[answered]));
    }
    let report = segment.report(&frame(0, 0, false, &[]).flow);
    let texts: Vec<_> = report.findings.iter().flat_map(|log| log.iter().map(|(_, _, f)| f.text.as_str())).collect();
    assert_eq!(
        texts,
        [
            "station 0x1001 went from INIT to PREOP; now OP",
            "station 0x1001 went from PREOP to SAFEOP; now OP",
            "station 0x1001 went from SAFEOP to OP",
        ]
    );
}

/// What is found of reads of a register of one station, by what comes back of each: data and working counter.
fn reads(command: u8, register: u16, answers: impl IntoIterator<Item = (Vec<u8>, u16)>) -> FlowReport {
    let address = u32::from(register) << 16 | 0x1001;
    let mut segment = Segment::default();
    for (at, (data, counter)) in (0_u64..).zip(answers) {
        let out = datagram(command, at as u8, address, &vec![0; data.len()], false, 0);
        let back = datagram(command, at as u8, address, &data, false, counter);
        let (number, time) = (2 * at, at.cast_signed() * CYCLE);
        segment.payload(&frame(number + 1, time, false, &[out]));
        segment.payload(&frame(number + 2, time + 9_000, true, &[back]));
    }
    segment.report(&frame(0, 0, false, &[]).flow)
}

#[test]
fn complaints_in_mailboxes_are_found() {
    let message = |kind: u8, body: &[u8]| {
        let mut bytes = (body.len() as u16).to_le_bytes().to_vec();
        bytes.extend([0, 0, 0, kind]);
        bytes.extend(body);
        bytes.resize(32, 0);
        bytes
    };
    for (kind, body, code) in [
        (0x23, &[0x00, 0x30, 0x80, 0x18, 0x10, 0x02, 0x11, 0x00, 0x09, 0x06][..], "ethercat.sdo-abort"),
        (3, &[0x00, 0x10, 0x30, 0x81, 0x11, 0, 0, 0, 0, 0], "ethercat.emergency"),
        (4, &[5, 0, 1, 0x80, 0, 0], "ethercat.foe-error"),
        (0, &[1, 0, 2, 0], "ethercat.mailbox-error"),
    ] {
        let report = reads(4, 0x1080, [(message(kind, body), 1)]);
        assert_eq!(findings(&report), [(code, 1)]);
        let Value::Map(mailbox) = &report.metadata["mailbox"] else { panic!("no map") };
        assert_eq!(mailbox.values().collect::<Vec<_>>(), [&Value::from(1_u64)]);
    }
}

#[test]
fn stations_that_fall_silent_are_fewer_or_lose_their_clock_are_found() {
    let state = || vec![8, 0];
    let report = reads(4, 0x0130, [(state(), 1), (state(), 1), (state(), 0)]);
    assert_eq!(findings(&report), [("ethercat.no-answer", 1)]);
    let report = reads(7, 0x0130, [(state(), 3), (state(), 3), (state(), 2)]);
    assert_eq!(findings(&report), [("ethercat.slave-count", 1)]);
    let off = |readings: usize| reads(4, 0x092C, vec![(2000_u32.to_le_bytes().to_vec(), 1); readings]);
    assert_eq!((findings(&off(99)), findings(&off(100))), (vec![], vec![("ethercat.dc-sync-lost", 1)]));
}

#[test]
fn process_data_beyond_the_bound_are_counted() {
    let mut segment = Segment::default();
    for at in 0..66_u32 {
        let lrw = |counter| datagram(12, at as u8, 0x0100_0000 + at * 0x100, &[0; 8], false, counter);
        let (number, time) = (2 * u64::from(at), i64::from(at) * CYCLE);
        segment.payload(&frame(number + 1, time, false, &[lrw(0)]));
        segment.payload(&frame(number + 2, time + 9_000, true, &[lrw(3)]));
    }
    let report = segment.report(&frame(0, 0, false, &[]).flow);
    assert_eq!(report.metadata["datagrams_of_further_slots"], Value::Unsigned(2));
}
