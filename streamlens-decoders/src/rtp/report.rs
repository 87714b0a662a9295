//! What is known of the streams of a flow, for a result.

use streamlens_model::Value;

use super::decoder::RtpFlow;
use super::payload_type::static_payload_type;
use super::stream::{ClockSource, MAX_DRIFT_PPM, Stream};
use crate::FlowReport;

/// Adds everything that the flow's memory knows.
pub(super) fn report(flow: &RtpFlow, report: &mut FlowReport) {
    let counts = flow.counts;
    let ids = (0_u64..).step_by(64).zip(flow.extension_ids).filter(|(_, word)| *word != 0);
    let ids = ids.flat_map(|(first, word)| (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| first + bit));
    let ids: Vec<Value> = ids.map(Value::from).collect();
    report.metadata.reserve(8);
    // in order of the names, which is fastest to insert
    report.fact("csrc_packets", counts.contributing_sources);
    if !ids.is_empty() {
        report.fact("extension_ids", Value::List(ids));
    }
    report.fact("extension_packets", counts.extensions);
    if let Some(framing) = flow.framing {
        report.fact("framing", framing.as_str());
    }
    report.fact("markers", counts.markers);
    report.fact("padding_packets", counts.paddings);
    if flow.refused > 0 {
        report.fact("refused_packets", flow.refused);
    }
    if flow.forgotten > 0 {
        report.fact("streams_forgotten", flow.forgotten);
    }
    if let Some(findings) = flow.found() {
        report.findings.push(findings.into_owned());
    }
    let counted = || flow.streams.iter().filter(|stream| stream.packets > 0);
    let most = counted().max_by_key(|stream| (stream.packets, std::cmp::Reverse(stream.first.frame)));
    for stream in counted() {
        report_stream(stream, report);
        let Some((analyser, refinement)) = stream.analyser() else { continue };
        let mut facts = std::mem::take(report.stream(stream.id()));
        facts.measures.insert("format".into(), Value::text(refinement.encoding_name.clone()));
        analyser.report(&mut facts, report);
        *report.stream(stream.id()) = facts;
        // The flow has one name: that of its largest stream. An analyser may know the payload and have no better name.
        if refinement.encoding_name != "RTP" && most.is_some_and(|most| most.ssrc == stream.ssrc) {
            report.refinements.push(refinement);
        }
    }
}

/// In order of the names, which is fastest to insert.
fn report_stream(stream: &Stream, report: &mut FlowReport) {
    let clock = stream.clock();
    let facts = report.stream(stream.id());
    facts.measures.reserve(12);
    let mut measure = |name: &'static str, value: Value| {
        facts.measures.insert(name.into(), value);
    };
    if let Some((rate, source)) = clock {
        measure("clock_rate_hz", rate.into());
        measure("clock_rate_source", source.as_str().into());
    }
    if stream.extension_changes > 0 {
        measure("extension_bit_changes", stream.extension_changes.into());
    }
    let jitter = clock.and_then(|_| stream.jitter());
    if let Some(jitter) = &jitter {
        measure("jitter_max_ns", jitter.max_ns.into());
        measure("jitter_mean_ns", jitter.mean_ns.into());
    }
    measure("markers", stream.markers.into());
    let intervals = &stream.intervals;
    if let (Some(min), Some(mean), Some(max)) = (intervals.min(), intervals.mean(), intervals.max()) {
        measure("max_delta_ns", max.into());
        measure("mean_delta_ns", mean.into());
        measure("min_delta_ns", min.into());
    }
    let step = stream.steps.value();
    if let Some((step, (rate, _))) = step.zip(clock) {
        measure("packet_time_ns", (i64::from(step) * 1_000_000_000 / i64::from(rate)).into());
    }
    if intervals.sum() > 0 {
        // the bits of the last packet come after that time
        let share = intervals.count() as f64 / (intervals.count() + 1) as f64;
        measure("payload_bit_rate", (stream.payload_bytes as f64 * share * 8e9 / intervals.sum() as f64).into());
    }
    let (shortest, longest) = stream.payload_lengths();
    measure("payload_length_max", longest.into());
    measure("payload_length_min", shortest.into());
    let mut types = stream.payload_types.clone();
    types.sort_unstable();
    if let Some(known) = types.first().filter(|_| types.len() == 1).and_then(|&(pt, _)| static_payload_type(pt)) {
        measure("payload_name", known.name.into());
    }
    measure("payload_types", Value::list(types.iter().map(|&(payload_type, _)| payload_type)));
    if stream.retransmissions > 0 {
        measure("retransmissions", stream.retransmissions.into());
    }
    let is_talk = |(rate, source)| rate <= 48_000 && matches!(source, ClockSource::StaticPayloadType);
    if stream.markers > 0 && clock.is_some_and(is_talk) {
        measure("talkspurts", stream.markers.into());
    }
    if stream.backward_steps > 0 {
        measure("timestamp_backward_steps", stream.backward_steps.into());
    }
    measure("timestamp_changes", stream.timestamp_changes.into());
    if let Some(slope) = stream.slope() {
        measure("timestamp_rate_hz", slope.into());
    }
    if let Some(step) = step {
        measure("timestamp_step", step.into());
    }
    facts.jitter_ns = jitter.map(|jitter| jitter.last_ns);
    facts.drift_ppm = stream.drift().filter(|ppm| ppm.abs() <= MAX_DRIFT_PPM);
}
