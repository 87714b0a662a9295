//! What a flow's decoder adds to the result.

use std::borrow::Cow;
use std::collections::BTreeMap;

use streamlens_model::words::Span;
use streamlens_model::{FindingLog, Metadata, Severity, Value};

use super::channel::{ByteCounts, Channel, TimeTrack};
use super::channel_stream;
use super::flow::Chapter10Flow;
use super::statistics::{Statistics, Verdicts};
use super::types::{contradicts_setup, type_name};
use crate::text::{LOWER, UPPER, hex_numbered};
use crate::{FlowReport, clock_offset};
use streamlens_chapter10_wire::{ChannelSetup, SetupRecord};
use streamlens_chapter10_wire::{TimeScale, counter_to_utc};

/// A channel is said to have stopped where it has been silent for so many times its longest pause, and for as long as
/// [`STOPPED_NS`] at least.
const STOPPED_PAUSES: i64 = 3;
/// The shortest silence that is pointed out, in nanoseconds.
const STOPPED_NS: i64 = 2_000_000_000;
/// Packets that a channel needs for its pauses to mean anything.
const STOPPED_PACKETS: u64 = 5;

pub(super) fn report(flow: &Chapter10Flow, report: &mut FlowReport) {
    let statistics = &flow.statistics;
    report.metadata.reserve(9);
    // in order of the names, which is fastest to insert
    let Verdicts { ok, bad } = statistics.data_checksum;
    report.fact("data_checksum", counts([("bad", bad), ("ok", ok)]));
    let Verdicts { ok, bad } = statistics.header_checksum();
    let covers = Some(("bad_as_sum_over_transfer_header", statistics.covers_transfer_header)).filter(|(_, n)| *n > 0);
    let header_checksum = [("checksum_bad", bad), ("checksum_ok", ok), ("no_sync", statistics.no_sync)];
    report.fact("header_checksum", counts(covers.into_iter().chain(header_checksum)));
    let (flags, versions) = statistics.flags_and_versions();
    report.fact("header_version", by_value(&versions, |version| version.to_string()));
    report.fact("packet_flags", by_value(&flags, |flags| hex_numbered("0x", flags.into(), 2, LOWER)));
    if !statistics.is_file {
        let incomplete = statistics.incomplete + flow.open_packets();
        let reassembly = [("complete", statistics.complete), ("incomplete", incomplete)].into_iter();
        let evicted = Some(("given_up_for_room", statistics.evicted)).filter(|(_, count)| *count > 0);
        let still_open = Some(("still_open", flow.open_packets())).filter(|(_, open)| *open > 0);
        report.fact("reassembly", counts(reassembly.chain(evicted).chain(still_open)));
    }
    report.fact(
        "secondary_header",
        counts([
            ("checksum_bad", statistics.secondary_bad),
            ("checksum_byte_sum", statistics.secondary_bytes),
            ("checksum_word_sum", statistics.secondary_words),
            ("present", statistics.secondary_present),
        ]),
    );
    if !statistics.is_file {
        report.fact("transfer_headers", transfer_headers(statistics));
    }
    for (name, count) in [
        ("packets_of_channels_beyond_limit", statistics.channels.beyond),
        ("packets_with_damaged_header", statistics.damaged_headers),
    ] {
        if count > 0 {
            report.fact(name, count);
        }
    }
    let setups = statistics.setup.record().map(SetupRecord::channels).unwrap_or_default();
    if let Some(record) = statistics.setup.record() {
        setup(record, &setups, report);
    }
    // Absolute time comes from the flow's time packets; where there are several time channels, from the lowest.
    let clock = statistics.channels.iter().find_map(|channel| channel.time.as_deref());
    for channel in statistics.channels.iter() {
        self::channel(channel, setups.get(&channel.id), clock, report);
    }
    report.findings.extend(findings(statistics));
}

/// What was found, with what shows in the end; `None` where that is nothing.
pub(super) fn findings(statistics: &Statistics) -> Option<FindingLog> {
    let setups = statistics.setup.record().map(SetupRecord::channels).unwrap_or_default();
    let mut findings = statistics.findings.clone();
    for channel in statistics.channels.iter() {
        contradiction(channel, setups.get(&channel.id), &mut findings);
        stopped(channel, statistics, &mut findings);
        clock_off(channel, &mut findings);
    }
    absent(statistics, &setups, &mut findings);
    (!findings.is_empty()).then_some(findings)
}

fn counts(pairs: impl IntoIterator<Item = (&'static str, u64)>) -> Value {
    Value::map(pairs.into_iter().map(|(name, count)| (name, Value::from(count))))
}

fn by_value<N: Into<Cow<'static, str>>>(values: &ByteCounts, name: impl Fn(u8) -> N) -> Value {
    Value::map(values.iter().map(|(value, count)| (name(value), Value::from(count))))
}

fn transfer_headers(statistics: &Statistics) -> Value {
    const NAMES: [[&str; 2]; 3] =
        [["format 1 full", "format 1 seg"], ["format 2 full", "format 2 seg"], ["format 3 stream", "format 3 stream"]];
    let pairs = NAMES.iter().flatten().zip(statistics.transfers.iter().flatten());
    counts(pairs.filter(|(_, count)| **count > 0).map(|(name, count)| (*name, *count)))
}

fn setup(record: &SetupRecord, channels: &BTreeMap<u16, ChannelSetup>, report: &mut FlowReport) {
    report.fact(
        "tmats",
        Value::map(record.general().map(|(code, value)| (code.to_owned(), Value::text(value.to_owned())))),
    );
    let release = match record.release {
        0..=6 => "before 106-07",
        7 => "106-07",
        8 => "106-09",
        9 => "106-11",
        0xA => "106-13",
        0xB => "106-15",
        0xC => "106-17",
        0xD => "106-19",
        0xE => "106-22 or later",
        _ => "reserved",
    };
    let mut facts: Metadata = [
        ("release", Value::from(release)),
        ("form", Value::from(if record.is_xml { "XML (not read)" } else { "ASCII" })),
        ("packets", Value::from(record.packets)),
        ("bytes", Value::from(record.bytes)),
        ("attributes", Value::map(record.groups.iter().map(|(group, n)| (group.clone(), Value::from(*n))))),
        ("channels", Value::from(channels.len() as u64)),
    ]
    .into_iter()
    .map(|(name, value)| (Cow::Borrowed(name), value))
    .collect();
    for (name, code) in [("programme", "G\\PN"), ("test_item", "G\\TA"), ("file_name", "G\\FN")] {
        if let Some(value) = record.value(code) {
            facts.insert(Cow::Borrowed(name), Value::text(value.to_owned()));
        }
    }
    let sources = record.general().filter(|(code, _)| code.starts_with("G\\DSI-"));
    facts.insert(Cow::Borrowed("data_sources"), Value::list(sources.map(|(_, name)| Value::text(name.to_owned()))));
    report.fact("setup_record", Value::Map(facts));
}

fn channel(channel: &Channel, said: Option<&ChannelSetup>, clock: Option<&TimeTrack>, report: &mut FlowReport) {
    if channel.packets() == 0 {
        return;
    }
    let stream = report.stream(channel_stream(channel.id));
    if let Some(name) = said.and_then(|said| said.name.as_deref()) {
        stream.name = Some(format!("channel {} ({name})", channel.id));
    }
    let measures = &mut stream.measures;
    measures.reserve(8);
    let mut put = |name: &'static str, value: Value| {
        measures.insert(Cow::Borrowed(name), value);
    };
    put("channel_id", Value::text(hex_numbered("0x", channel.id.into(), 4, UPPER)));
    put("packets", channel.packets().into());
    put("rtc_backward_steps", channel.backward_steps.into());
    put("rtc_first", channel.counter_first.into());
    put("rtc_last", channel.counter_last.into());
    put("types", by_value(&channel.types(), type_name));
    for (name, count) in [
        ("time_jumps", channel.time_jumps),
        ("messages", channel.messages),
        ("unsound_bodies", channel.unsound),
        ("overflows", channel.overflows),
        ("rtc_sync_errors", channel.sync_errors),
        ("invalid_time_packets", channel.invalid_times),
    ] {
        if count > 0 {
            put(name, count.into());
        }
    }
    if let Some(clock) = clock {
        // By the nearer of the first and the last time packet, so that drift between them does not add up.
        put("utc_first", counter_to_utc(channel.counter_first, clock.first).into());
        put("utc_last", counter_to_utc(channel.counter_last, clock.last).into());
    }
    if let Some(time) = channel.time.as_deref() {
        put("time", time_facts(time));
    }
    let Some(said) = said else { return };
    for (name, value) in [
        ("setup_type", &said.data_type),
        ("data_link", &said.data_link),
        ("bit_rate", &said.bit_rate),
        ("word_length", &said.word_length),
        ("setup_time_format", &said.time_format),
        ("setup_time_source", &said.time_source),
    ] {
        if let Some(value) = value {
            put(name, Value::text(value.clone()));
        }
    }
    if let Some(enabled) = said.enabled {
        put("enabled", enabled.into());
    }
}

fn time_facts(time: &TimeTrack) -> Value {
    let scale = match time.latest.scale {
        TimeScale::Utc => "UTC",
        TimeScale::Gps => "GPS, shown as UTC",
        TimeScale::Tai => "TAI, shown as UTC",
        TimeScale::Unknown => "unknown",
    };
    let mut facts = vec![
        ("format", Value::from(time.latest.format)),
        ("source", Value::from(time.latest.source)),
        ("scale", Value::from(scale)),
        ("packets", Value::from(time.packets)),
        ("first", streamlens_model::Timestamp::from_nanos(time.first.1).into()),
        ("last", streamlens_model::Timestamp::from_nanos(time.last.1).into()),
        ("first_rtc", time.first.0.into()),
        ("last_rtc", time.last.0.into()),
    ];
    if time.packets > 1 {
        facts.push(("largest_step_against_rtc_ns", time.largest_step_ns.into()));
        facts.push(("longest_interval_ns", time.longest_interval_ns.into()));
    }
    if time.year_from_capture {
        facts.push(("year", Value::from("taken from the capture, as the packets have none")));
    }
    for (name, offset) in
        [("first_less_capture_time_ns", time.offset_first_ns), ("last_less_capture_time_ns", time.offset_last_ns)]
    {
        facts.extend(offset.map(|offset| (name, Value::from(offset))));
    }
    Value::map(facts)
}

/// The time that a channel's time packets state, where it is off the capture's.
fn clock_off(channel: &Channel, findings: &mut FindingLog) {
    let Some(time) = channel.time.as_deref() else { return };
    let Some(at) = time.standing.map(|standing| standing.since()) else { return };
    let said = time.offset_last_ns.and_then(|offset| clock_offset::judged(time.last.1, offset, false));
    if let Some(said) = said {
        findings.add("chapter10.clock-offset", Severity::Warning, Some(channel_stream(channel.id)), at, || {
            format!("channel {}: {said}, {}", channel.id, clock_offset::since(at, time.first_at, "time packet"))
        });
    }
}

fn contradiction(channel: &Channel, said: Option<&ChannelSetup>, findings: &mut FindingLog) {
    let Some(kind) = said.and_then(|said| said.data_type.as_deref()) else { return };
    let Some(at) = channel.first else { return };
    let other = channel.types().sorted().into_iter().find(|(code, _)| contradicts_setup(*code, kind));
    let Some((code, _)) = other else { return };
    findings.add("chapter10.setup-mismatch", Severity::Warning, Some(channel_stream(channel.id)), at, || {
        format!("channel {} carries {}, and the setup record says {kind}", channel.id, type_name(code))
    });
}

/// Channels that the setup record has enabled and that never came, where the capture is long enough to tell.
fn absent(statistics: &Statistics, setups: &BTreeMap<u16, ChannelSetup>, findings: &mut FindingLog) {
    let came = |id: u16| statistics.channels.iter().any(|channel| channel.id == id && channel.packets() > 0);
    let first = statistics.channels.iter().filter_map(|channel| channel.first).min_by_key(|first| first.frame);
    let Some((first, begin, end)) = first.and_then(|first| Some((first, first.time?, statistics.last_time?))) else {
        return;
    };
    if end.since(begin) < STOPPED_NS {
        return;
    }
    for (&id, setup) in setups.iter().filter(|(id, setup)| setup.enabled == Some(true) && !came(**id)) {
        findings.add("chapter10.channel-absent", Severity::Warning, Some(channel_stream(id)), first, || {
            let name = setup.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
            let kind = setup.data_type.as_ref().map_or_else(String::new, |kind| format!(", {kind},"));
            let span = Span(end.since(begin));
            format!("channel {id}{name}{kind} is enabled in the setup record, and no packet of it came in {span}")
        });
    }
}

fn stopped(channel: &Channel, statistics: &Statistics, findings: &mut FindingLog) {
    let (Some(end), Some(last_time), Some(at)) = (statistics.last_time, channel.last_time, channel.last) else {
        return;
    };
    let silent = end.since(last_time);
    let pause = channel.longest_gap_ns.saturating_mul(STOPPED_PAUSES).max(STOPPED_NS);
    if statistics.is_file || channel.packets() < STOPPED_PACKETS || channel.last_was_generated || silent <= pause {
        return;
    }
    findings.add("chapter10.stream-stopped", Severity::Warning, Some(channel_stream(channel.id)), at, || {
        format!(
            "channel {} has been silent for {}; its longest pause before was {}",
            channel.id,
            Span(silent),
            Span(channel.longest_gap_ns)
        )
    });
}
