//! Worked examples whose levels can be calculated by hand.

use streamlens_model::{Metadata, Occurrence, Timestamp, Value};

use super::super::testing::at;
use super::super::unit::Rate;
use super::limits::{Class, Profile};
use super::report::Verdict;
use super::{Arrival, Timing};
use crate::sap::PayloadFormat;

/// 1080p50 in 4320 packets: a period of 20 ms; T_RS is 4629.63 ns linear and 4444.44 ns gapped.
const HD: Profile = Profile { packets: 4320, rate: Rate::new(50, 1), height: 1080, interlaced: false };

const START: i64 = 1_700_000_000_000_000_000;

/// `units` units whose packet j leaves at `schedule(j)` nanoseconds after the unit's start, `start` for the first.
fn send(units: u32, start: i64, profile: Profile, first_timestamp: u32, schedule: impl Fn(u32, u32) -> i64) -> Timing {
    let mut timing = Timing::default();
    for unit in 0..units {
        let begin =
            i64::from(unit) * 1_000_000_000 * i64::from(profile.rate.denominator) / i64::from(profile.rate.numerator);
        let step = 90_000 * profile.rate.denominator / profile.rate.numerator;
        for packet in 0..profile.packets {
            let frame = u64::from(unit * profile.packets + packet) + 1;
            let time = Timestamp::from_nanos(start + begin + schedule(unit, packet));
            timing.observe(Arrival {
                at: Occurrence { frame, time: Some(time) },
                starts_unit: packet == 0,
                timestamp: first_timestamp.wrapping_add(unit * step),
                irregular: false,
                after_marker: packet == 0 && unit > 0,
            });
        }
        if unit == 3 {
            timing.begin(profile);
        }
    }
    timing
}

fn figures(timing: &Timing) -> (Metadata, Verdict) {
    timing.report(None, true).unwrap()
}

fn number(metadata: &Metadata, path: &[&str]) -> i64 {
    match at(metadata, path) {
        Value::Signed(number) => *number,
        Value::Unsigned(number) => *number as i64,
        other => panic!("{path:?} is {other:?}"),
    }
}

/// Exactly linear: each packet at the nanosecond after its read instant. The drain is a tenth faster than the
/// packets come, so C never passes 1: it starts at 0, goes up by 1 with a packet when no drain instant lay between.
/// The receiver reads packet j just before packet j comes: the level goes 1 - 1 = 0 for ever.
#[test]
fn exact_linear_schedule_has_levels_0_and_1() {
    let timing = send(6, START, HD, 77, |_, j| (i64::from(j) * 20_000_000 + 4319) / 4320);
    let (measures, verdict) = figures(&timing);
    // Ten packets pass while eleven instants do: no two packets ever lie between two instants of the drain.
    assert_eq!(number(&measures, &["c_inst_peak"]), 0);
    assert_eq!(number(&measures, &["vrx_min_first_packet_anchor"]), 0);
    assert_eq!(number(&measures, &["vrx_peak_first_packet_anchor"]), 0);
    assert_eq!(at(&measures, &["schedule"]), &Value::from("linear"));
    assert_eq!((verdict.class, verdict.c_peak), (Class::NarrowLinear, 0));
    assert_eq!(at(&measures, &["verdicts", "narrow_linear", "c_inst", "passes"]), &Value::from(true));
    assert_eq!(at(&measures, &["verdicts", "narrow_linear", "vrx", "passes"]), &Value::from(true));
}

/// Exactly gapped: packets every T_FRAME * 0.96 / N = 4444.44 ns, then nothing for 800 us. The drain takes one every
/// 4208.75 ns, still faster. On the gapped schedule the level stays 0; read linearly, the packets run ahead of the
/// reader: the last, j = 4319, comes at 4319 * 0.96 T_RS = 4146.24 T_RS, when 4147 were read: 4320 - 4147 = 173.
#[test]
fn exact_gapped_schedule_keeps_the_gapped_reader_at_0_and_the_linear_at_173() {
    let timing = send(6, START, HD, 77, |_, j| (i64::from(j) * 19_200_000 + 4319) / 4320);
    let (measures, verdict) = figures(&timing);
    assert_eq!(number(&measures, &["c_inst_peak"]), 0);
    assert_eq!(at(&measures, &["schedule"]), &Value::from("gapped"));
    assert_eq!(number(&measures, &["vrx_min_first_packet_anchor_gapped"]), 0);
    assert_eq!(number(&measures, &["vrx_peak_first_packet_anchor_gapped"]), 0);
    assert_eq!(number(&measures, &["vrx_peak_first_packet_anchor"]), 173);
    assert_eq!(verdict.class, Class::Narrow);
    assert_eq!(at(&measures, &["verdicts", "narrow", "vrx", "passes"]), &Value::from(true));
}

/// A linear sender that, in unit 4 alone, holds back 10 packets (100..110) and sends them at once with packet 110:
/// within no time 10 packets come upon the one that is there. C rises by 10; the receiver would have read the held
/// packets before they came, an underflow of 10.
#[test]
fn a_burst_is_found_at_its_frame() {
    let late = |unit, j: u32| {
        let j = if unit == 4 && (100..110).contains(&j) { 110 } else { j };
        (i64::from(j) * 20_000_000 + 4319) / 4320
    };
    let (measures, verdict) = figures(&send(6, START, HD, 77, late));
    let frame = |packet: i64| 4 * 4320 + packet + 1;
    // 11 packets at one instant: the first takes the level to 0, ten more add 1 each.
    assert_eq!(number(&measures, &["c_inst_peak"]), 10);
    assert_eq!(number(&measures, &["c_inst_peak_at", "frame"]), frame(110));
    // Packet 100 comes when 111 have been read: 101 - 111 = -10.
    assert_eq!(number(&measures, &["vrx_min_first_packet_anchor"]), -10);
    assert_eq!(verdict.class, Class::NotCompliant);
    assert_eq!(verdict.vrx.unwrap().2.frame as i64, frame(100));
    assert_eq!(at(&measures, &["verdicts", "narrow_linear", "c_inst", "passes"]), &Value::from(false));
    assert_eq!(at(&measures, &["verdicts", "wide", "c_inst", "passes"]), &Value::from(true));
    assert_eq!(number(&measures, &["verdicts", "narrow_linear", "c_inst", "at", "frame"]), frame(110));
    assert_eq!(number(&measures, &["verdicts", "narrow_linear", "c_inst", "limit"]), 5);
}

/// A sender that sends a burst of 9 packets ahead of time fills the receiver by 9.
#[test]
fn packets_ahead_of_time_fill_the_receiver() {
    let early = |_, j: u32| (i64::from(j.saturating_sub(9)) * 20_000_000 + 4319) / 4320;
    let (measures, _) = figures(&send(6, START, HD, 77, early));
    assert_eq!(number(&measures, &["vrx_min_first_packet_anchor"]), 0);
    assert_eq!(number(&measures, &["vrx_peak_first_packet_anchor"]), 9);
    assert_eq!(number(&measures, &["c_inst_peak"]), 9);
}

#[test]
fn limits_of_1080p5994_are_those_of_the_standard() {
    let profile = Profile { packets: 4320, rate: Rate::new(60_000, 1001), height: 1080, interlaced: false };
    let limits = profile.limits();
    assert_eq!((limits.cmax_narrow, limits.cmax_narrow_linear, limits.cmax_wide), (Some(6), 5, 16));
    assert_eq!((limits.vrx_full_narrow, limits.vrx_full_wide), (9, 863));
    let (numerator, denominator) = profile.default_offset();
    let ticks = 1501.5 * f64::from(numerator) / f64::from(denominator);
    assert!((ticks - 57.39).abs() < 0.01);
}

/// A capture on TAI whose timestamps are the PTP time: the schedule is the standard's own. Packets leave TRO_DEFAULT
/// after the period's begin, so that the receiver of the standard stands at 0 as well.
#[test]
fn a_ptp_capture_is_judged_on_the_ptp_schedule() {
    let tro = 20_000_000 * 43 / 1125 + 1;
    let ticks = (i128::from(START) * 9 / 100_000) as u32;
    for (shift, clock) in [(0, "PTP (TAI)"), (37_000_000_000, "UTC, 37 s behind the PTP timestamps")] {
        let timing = send(6, START - shift, HD, ticks, |_, j| tro + (i64::from(j) * 20_000_000 + 4319) / 4320);
        let (measures, verdict) = figures(&timing);
        assert_eq!(at(&measures, &["capture_clock"]), &Value::from(clock));
        assert_eq!(number(&measures, &["vrx_peak_ptp"]), 0);
        assert_eq!(number(&measures, &["vrx_min_ptp"]), 0);
        assert_eq!(number(&measures, &["first_packet_time_ns", "max"]), tro);
        assert_eq!(number(&measures, &["rtp_offset_ticks", "max"]), 0);
        assert_eq!(number(&measures, &["packet_vs_rtp_ns", "max"]), tro);
        assert_eq!(verdict.class, Class::NarrowLinear);
    }
}

fn announced(parameters: &str) -> PayloadFormat {
    PayloadFormat { parameters: parameters.to_owned(), ..PayloadFormat::default() }
}

/// The gapped stream from above keeps type N; read linearly its VRX reaches 173 where type NL allows 8 (and W 720).
#[test]
fn a_declared_sender_type_is_held_against_the_measured_one() {
    let timing = send(6, START, HD, 77, |_, j| (i64::from(j) * 19_200_000 + 4319) / 4320);
    let codes = |parameters: &str| -> Vec<_> {
        timing.differences(None, true, &announced(parameters)).iter().map(|d| d.code).collect()
    };
    assert_eq!(codes("TP=2110TPN"), [] as [&str; 0]);
    assert_eq!(codes("TP=2110TPW"), [] as [&str; 0]);
    assert_eq!(codes("TP=2110TPNL"), ["sdp.vrx"]);
    assert_eq!(codes(""), [] as [&str; 0]);
    // Compressed video is held to C_INST alone.
    assert_eq!(timing.differences(None, false, &announced("TP=2110TPNL")), []);
    let texts: Vec<_> = timing.differences(None, true, &announced("TP=2110TPNL")).into_iter().map(|d| d.text).collect();
    assert_eq!(texts, ["is announced as 2110TPNL, and its VRX runs from 0 to 173 (limits 0 and 8)"]);
}

/// First packets 764.445 us after the period's begin: an offset of 764 us is not kept, one of 765 us is. With an offset
/// other than `TRO_DEFAULT` the receiver is anchored at the first packet.
#[test]
fn a_declared_offset_is_held_against_first_packet_times() {
    let ticks = (i128::from(START) * 9 / 100_000) as u32;
    let timing = send(6, START, HD, ticks, |_, j| 764_445 + (i64::from(j) * 20_000_000 + 4319) / 4320);
    let found = timing.differences(None, true, &announced("TP=2110TPNL;TROFF=764"));
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), ["sdp.first-packet-time"]);
    assert_eq!(timing.differences(None, true, &announced("TP=2110TPNL;TROFF=765")), []);
    let late = send(6, START, HD, ticks, |_, j| 1_500_000 + (i64::from(j) * 20_000_000 + 4319) / 4320);
    let codes = |parameters: &str| -> Vec<_> {
        late.differences(None, true, &announced(parameters)).iter().map(|d| d.code).collect()
    };
    // 1500 us is 736 us late by TRO_DEFAULT: the receiver of the standard runs dry; by its own TROFF it does not.
    assert_eq!(codes("TP=2110TPNL"), ["sdp.vrx"]);
    assert_eq!(codes("TP=2110TPNL;TROFF=1500"), [] as [&str; 0]);
}

#[test]
fn a_lost_packet_spoils_its_unit_only() {
    let mut timing = Timing::default();
    let profile = Profile { packets: 100, rate: Rate::new(25, 1), height: 180, interlaced: false };
    let mut frame = 0;
    for unit in 0..6_u32 {
        for packet in 0..100_u32 {
            if unit == 3 && (40..60).contains(&packet) {
                continue;
            }
            frame += 1;
            let nanos = START + i64::from(unit) * 40_000_000 + i64::from(packet) * 400_000;
            timing.observe(Arrival {
                at: Occurrence { frame, time: Some(Timestamp::from_nanos(nanos)) },
                starts_unit: packet == 0,
                timestamp: unit * 3600,
                irregular: unit == 3 && packet == 60,
                after_marker: packet == 0 && unit > 0,
            });
        }
    }
    let (measures, _) = timing.report(Some(profile), true).unwrap();
    assert_eq!(number(&measures, &["vrx_min_first_packet_anchor"]), 0);
    assert_eq!(number(&measures, &["vrx_peak_first_packet_anchor"]), 0);
}
