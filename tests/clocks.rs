//! Clocks that are off the capture's: each source says by how much, in words that people know, and since when.

use std::sync::Arc;

use serde_json::Value;
use streamlens::engine::{DecodeAs, Engine, EngineOptions};
use streamlens::model::row::RowContext;
use streamlens::model::{Analysis, CaptureSummary, Finding, Severity, Transport};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::demo::{START, clocks, telemetry};
use streamlens_testing::{Host, Made, udp};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3_600 * SECOND;
const UNIT: Host = Host::new([192, 0, 2, 1]);
const GROUND: Host = Host::new([192, 0, 2, 2]);
const TMNS: u16 = 55_555;
const RTCP: u16 = 5_005;

/// Ports of what could be nearly anything are told, as a user would.
fn analysis(frames: &[Made]) -> Analysis {
    let told = |port: u16, name: &str| DecodeAs {
        selector: Arc::new(move |key, of| of == Transport::UDP && key.dst.port == Some(port)),
        encoding_name: name.into(),
        rule: format!("-d udp.port=={port},{name}"),
    };
    let decode_as = vec![told(TMNS, "TmNS"), told(RTCP, "RTCP")];
    let options = EngineOptions { threads: 1, decode_as, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    frames.iter().for_each(|frame| engine.push(&frame.frame()));
    engine.finish(CaptureSummary::default())
}

/// What is said of clocks, without what else is.
fn told(frames: &[Made]) -> Vec<Finding> {
    let is_of_clocks = |finding: &Finding| {
        finding.code.ends_with(".clock-offset")
            || finding.code.ends_with(".utc-offset")
            || finding.code.ends_with("-jump")
    };
    analysis(frames).findings.into_iter().filter(is_of_clocks).collect()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A message of TmNS (IRIG 106 chapter 24) every 20 ms, from a unit whose clock is so far ahead of the capture's.
fn tmns(ahead: impl Fn(u32) -> i64) -> Vec<Made> {
    let message = |number: u32| {
        let time = START + i64::from(number) * SECOND / 50;
        let stamp = time + ahead(number);
        let body = words(&[0x1000_0000, 7, number, 24, (stamp / SECOND) as u32, (stamp % SECOND) as u32]);
        Made { time: time + 100_000, data: udp((UNIT, 55_000), (GROUND, TMNS), &body) }
    };
    (0..100).map(message).collect()
}

/// A sender report (RFC 3550 6.4.1) with a name every second, from a source whose clock is so far ahead of the capture's.
fn sender_reports(ahead: impl Fn(u32) -> i64) -> Vec<Made> {
    reports(|number, time| time + ahead(number) + 2_208_988_800 * SECOND)
}

/// The same where `clock` says what the source shows in nanoseconds, which NTP counts from 1900.
fn reports(clock: impl Fn(u32, i64) -> i64) -> Vec<Made> {
    let report = |number: u32| {
        let time = START + i64::from(number) * SECOND;
        let wall = clock(number, time);
        let fraction = ((wall % SECOND) as u64) << 32;
        let ntp = [(wall / SECOND) as u32, (fraction / SECOND.cast_unsigned()) as u32];
        let mut body = words(&[0x80C8_0006, 0x5EED, ntp[0], ntp[1], number * 48_000, number * 50, number * 8_000]);
        body.extend(words(&[0x81CA_0003, 0x5EED]));
        body.extend([1, 4, b'u', b'n', b'i', b't', 0, 0]);
        Made { time: time + 100_000, data: udp((UNIT, RTCP), (GROUND, RTCP), &body) }
    };
    (0..8).map(report).collect()
}

/// The same frames at a capture whose clock is so far behind.
fn behind(frames: Vec<Made>, by: i64) -> Vec<Made> {
    frames.into_iter().map(|frame| Made { time: frame.time - by, ..frame }).collect()
}

/// A source, its frames with a clock so far ahead of the capture's, the codes of offsets with a name and of others, and whether
/// its clock may count TAI.
type Source = (&'static str, fn(i64) -> Vec<Made>, [&'static str; 2], bool);

const SOURCES: [Source; 6] = [
    ("IENA", |ahead| behind(telemetry::iena(), ahead), ["iena.clock-offset"; 2], false),
    ("Chapter10", |ahead| behind(telemetry::chapter10(), ahead), ["chapter10.clock-offset"; 2], false),
    // the demo's unit counts TAI
    ("iNetX", |ahead| behind(telemetry::inetx(), ahead - 37 * SECOND), ["inetx.clock-offset"; 2], true),
    ("TmNS", |ahead| tmns(|_| ahead), ["tmns.clock-offset"; 2], true),
    ("RTCP", |ahead| sender_reports(|_| ahead), ["rtcp.clock-offset"; 2], false),
    // its announcements say how TAI becomes UTC
    ("PTP", |ahead| behind(clocks::ptp_over_udp(), ahead), ["ptp.utc-offset", "ptp.clock-offset"], false),
];

#[test]
fn every_source_says_by_how_much_its_clock_is_off() {
    for (name, frames, [named, other], may_be_tai) in SOURCES {
        assert_eq!(told(&frames(0)), [], "{name}");
        assert_eq!(told(&frames(-200_000_000)), [], "{name}: within what the way and NTP may do");
        for (ahead, code, says) in [
            (18 * SECOND, named, "+18 s (GPS time less UTC)"),
            (-18 * SECOND, named, "-18 s (GPS time less UTC)"),
            (37 * SECOND, named, "+37 s (TAI less UTC)"),
            (2 * HOUR, named, "+2 h (a time zone)"),
            (-HOUR, named, "-1 h (a time zone)"),
            (5_200_000_000, other, " s ahead of the capture's: one of the two is not synchronised"),
            (-40 * 60 * SECOND, other, "40.00 min behind the capture's: one of the two is not synchronised"),
        ] {
            let found = told(&frames(ahead));
            if may_be_tai && ahead == 37 * SECOND {
                assert_eq!(found, [], "{name} lawfully counts TAI");
                continue;
            }
            assert!(!found.is_empty(), "{name} {ahead}");
            for finding in &found {
                assert_eq!((&*finding.code, finding.severity), (code, Severity::Warning), "{name}: {}", finding.text);
                assert!(finding.text.contains(says), "{name}: {}", finding.text);
                assert!(finding.first.time.is_some() && finding.place.encoding.as_deref() == Some(name), "{finding:?}");
                let since = if name == "PTP" { ", since it was chosen at frame " } else { ", since its first " };
                assert!(finding.text.contains(since), "{name}: {}", finding.text);
                let is_of_sender = finding.text.starts_with("the sender's clock, by its sender reports, is ");
                assert_eq!(is_of_sender, name == "RTCP", "{}", finding.text);
            }
        }
    }
}

#[test]
fn a_clock_that_was_set_meanwhile_is_off_since_then() {
    let found = told(&tmns(|number| if number < 60 { 0 } else { 18 * SECOND }));
    let text = |code: &str| found.iter().find(|one| one.code == code).map(|one| (one.first.frame, one.text.as_str()));
    let off = "its clock is 18.00 s ahead of the capture's: +18 s (GPS time less UTC), since frame 61";
    assert_eq!(text("tmns.clock-offset"), Some((61, off)));
    let jump = text("tmns.time-jump").expect("it jumps");
    assert!(jump.0 == 61 && jump.1.ends_with("it jumps by 18.00 s: +18 s (GPS time less UTC)"), "{jump:?}");

    // one that was set right is right
    let found = told(&tmns(|number| if number < 60 { 18 * SECOND } else { 0 }));
    assert_eq!(found.iter().map(|one| &*one.code).collect::<Vec<_>>(), ["tmns.time-jump"]);

    let found = told(&sender_reports(|number| if number < 3 { 0 } else { 2 * HOUR }));
    let [off] = &found[..] else { panic!("{found:?}") };
    assert!(off.first.frame == 4 && off.text.ends_with("+2 h (a time zone), since frame 4"), "{}", off.text);
}

/// What senders without a wall clock say (RFC 3550 6.4.1) is no time of day, and no offset of a clock is made of it.
#[test]
fn sender_reports_without_a_time_of_day_state_none() {
    let of_sender = |clock: fn(u32, i64) -> i64| {
        let all = analysis(&reports(clock));
        let streams: Vec<_> = all.rows(RowContext::default()).filter_map(|row| row.stream().cloned()).collect();
        let [stream] = &streams[..] else { panic!("{streams:?}") };
        let measures = ["sender_wall_clock", "sender_clock_offset_ns"].map(|name| stream.measures.contains_key(name));
        let texts = all.findings.into_iter().filter(|one| one.code == "rtcp.clock-offset").map(|one| one.text);
        (measures, texts.collect::<Vec<_>>())
    };
    assert_eq!(of_sender(|_, _| 0), ([false; 2], vec![]));
    assert_eq!(of_sender(|_, time| time + 2_208_988_800 * SECOND), ([true; 2], vec![]));
    let unix = "the sender's clock, by its sender reports, counts from 1970 and not from 1900: Unix time stands where NTP's belongs, since \
                its first report";
    assert_eq!(of_sender(|_, time| time), ([false; 2], vec![unix.to_owned()]));
    let own = "the sender's clock, by its sender reports, counts from its own beginning (12.50 s at the last one) and is no time of day, \
               since its first report";
    assert_eq!(of_sender(|number, _| 5_500_000_000 + i64::from(number) * SECOND), ([false; 2], vec![own.to_owned()]));
}

#[test]
fn a_clock_that_was_never_set_says_what_it_shows() {
    let found = told(&tmns(|_| 754 * SECOND - START));
    let [unset] = &found[..] else { panic!("{found:?}") };
    assert!(unset.text.starts_with("its clock was never set: it shows 1970-01-01 00:12:3"), "{}", unset.text);
}

/// The analysis of the last of these rounds, each of which begins anew.
fn last_round(rounds: &[Vec<Made>]) -> Analysis {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let (mut engine, mut left) = (Engine::new(DecoderRegistry::with_builtins(), options), rounds.iter());
    let read = engine.run(|batch| {
        batch.clear();
        let Some(round) = left.next() else { return Ok::<_, std::convert::Infallible>(false) };
        assert!(round.iter().all(|frame| batch.push(&frame.frame())));
        batch.begins_anew = left.len() + 1 < rounds.len();
        Ok(true)
    });
    read.expect("nothing fails");
    engine.finish(CaptureSummary::default())
}

/// Figures that differ, but for times. The models of ST 2110-21 begin with the first packet where the capture's clock is not
/// known to be that of PTP, and say so.
fn differences(place: &str, once: &Value, again: &Value, all: &mut Vec<String>) {
    match (once, again) {
        (Value::Object(once), Value::Object(again)) => {
            again
                .keys()
                .filter(|key| !once.contains_key(*key))
                .for_each(|key| all.push(format!("{place}/{key} is new")));
            for (key, value) in once.iter().filter(|(key, _)| *key != "st2110_21") {
                match again.get(key) {
                    Some(other) => differences(&format!("{place}/{key}"), value, other, all),
                    None => all.push(format!("{place}/{key} is gone")),
                }
            }
        }
        (Value::Array(once), Value::Array(again)) if once.len() == again.len() => {
            (0..).zip(once.iter().zip(again)).for_each(|(at, (once, again))| {
                differences(&format!("{place}/{at}"), once, again, all);
            });
        }
        (Value::String(once), Value::String(again)) if again.ends_with('Z') && once.ends_with('Z') => {}
        _ if once != again => all.push(format!("{place}: {once} and {again}")),
        _ => {}
    }
}

/// Each figure of a later round is that of the round alone; those that hold clocks in frames against the times of the frames,
/// which are moved, are none, and so is what is found of such clocks, here one that would be 18 s ahead.
#[test]
fn figures_of_later_rounds_are_those_of_the_round_alone() {
    let demo = streamlens_testing::demo::frames();
    let moved = |by: i64| behind(demo.clone(), -by);
    let [once, again] =
        [vec![demo.clone()], vec![moved(-60 * SECOND), moved(19 * SECOND)]].map(|rounds| last_round(&rounds));
    assert!(again.findings.iter().all(|one| !one.code.ends_with("-offset")), "{:?}", again.findings);
    let [once, again] = [once, again].map(|analysis| serde_json::to_value(analysis).expect("it serializes"));
    let mut all = Vec::new();
    differences("", &once, &again, &mut all);
    let (gone, others): (Vec<String>, Vec<String>) = all.into_iter().partition(|one| one.ends_with(" is gone"));
    assert_eq!(others, [""; 0]);
    let name = |one: &String| one.rsplit('/').next().and_then(|last| last.strip_suffix(" is gone")).map(str::to_owned);
    let gone: std::collections::BTreeSet<String> = gone.iter().filter_map(name).collect();
    let held_against_capture = [
        "capture_clock_offset_from_master",
        "delay_resp_receive_minus_capture",
        "first_less_capture_time_ns",
        "last_less_capture_time_ns",
        "sync_capture_minus_origin",
        "sync_capture_minus_origin_utc_mean_ns",
        "time_error_max_ns",
        "time_error_mean_ns",
        "time_error_min_ns",
        "time_scale",
    ];
    assert_eq!(gone.iter().map(String::as_str).collect::<Vec<_>>(), held_against_capture);
}

/// Where a source starts over, times go on and the clocks in frames don't: nothing is found of them then.
#[test]
fn clocks_are_not_held_against_the_times_of_another_round() {
    let later = behind(telemetry::iena(), -10 * SECOND);
    assert_eq!(told(&later).len(), 2, "each key is 10 s behind");
    let rounds = [telemetry::iena(), later];
    let analysis = last_round(&rounds);
    assert_eq!(analysis.capture.packets, rounds[1].len() as u64, "the second round alone is told of");
    assert!(analysis.findings.iter().any(|one| one.code == "iena.loss"));
    assert!(analysis.findings.iter().all(|one| one.code != "iena.clock-offset"), "{:?}", analysis.findings);
}
