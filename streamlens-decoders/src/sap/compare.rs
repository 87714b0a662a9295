//! An announced stream against what is really sent: what the announcement tells of it, and a finding for every
//! difference.

use std::net::IpAddr;

use streamlens_model::words::{Counted, Span};
use streamlens_model::{FindingLog, Occurrence, Severity, StreamId, Value};

use super::description::{MediaDescription, PayloadFormat};
use crate::rtp::{RtpFlow, RtpStreamView};
use crate::{FlowReport, Refinement};

/// A flow that goes where a stream was announced.
pub(super) struct Sent<'a> {
    /// Where it comes from.
    pub(super) from: IpAddr,
    /// What RTP remembers of it.
    pub(super) flow: &'a RtpFlow,
    /// The announced stream's name.
    pub(super) name: String,
    /// The announcement.
    pub(super) at: Occurrence,
}

/// Compares an announced stream with one flow.
pub(super) fn compare(media: &MediaDescription, sent: &Sent<'_>, report: &mut FlowReport) {
    let mut findings = FindingLog::default();
    if !media.sources.is_empty() && !media.sources.contains(&sent.from) {
        findings.add("sdp.source", Severity::Warning, None, sent.at, || {
            format!("{} is announced from another source than {}, which sends it", sent.name, sent.from)
        });
    }
    for stream in sent.flow.streams() {
        let id = StreamId(u128::from(stream.ssrc));
        for &(payload_type, packets) in stream.payload_types {
            let Some(format) = media.formats.iter().find(|format| format.payload_type == payload_type) else {
                let announced: Vec<String> = media.formats.iter().map(|f| f.payload_type.to_string()).collect();
                findings.add("sdp.payload-type", Severity::Warning, Some(id), stream.first, || {
                    format!(
                        "{} {} payload type {payload_type}; {} is announced with {}",
                        Counted(packets, "packet"),
                        Counted(packets, "").verb("has", "have"),
                        sent.name,
                        announced.join(", ")
                    )
                });
                continue;
            };
            // events and comfort noise beside the sound have no part in its clock
            let is_main = stream.payload_types.iter().all(|&(_, others)| others <= packets);
            compare_stream(media, format, &stream, (sent, is_main), &mut findings, report);
        }
    }
    if !findings.is_empty() {
        report.findings.push(findings);
    }
}

fn compare_stream(
    media: &MediaDescription,
    format: &PayloadFormat,
    stream: &RtpStreamView<'_>,
    (sent, is_main): (&Sent<'_>, bool),
    findings: &mut FindingLog,
    report: &mut FlowReport,
) {
    let id = StreamId(u128::from(stream.ssrc));
    let facts = report.stream(id);
    if !is_main {
        return;
    }
    facts.name = Some(sent.name.clone());
    let mut measure = |name: &'static str, value: Value| {
        facts.measures.insert(name.into(), value);
    };
    measure("payload_name", format.encoding.clone().into());
    if !format.parameters.is_empty() {
        measure("sdp_parameters", format.parameters.clone().into());
    }
    if let Some(clock) = &media.reference_clock {
        measure("ts_refclk", clock.clone().into());
    }
    if let Some(clock) = &media.media_clock {
        measure("mediaclk", clock.clone().into());
    }
    let mut agrees = true;
    if let Some(rate) = format.clock_rate_hz {
        measure("clock_rate_hz", rate.into());
        measure("clock_rate_source", crate::rtp::ClockSource::Sdp.as_str().into());
        match stream.jitter_at(rate) {
            Some(jitter) => {
                measure("jitter_mean_ns", jitter.mean_ns.into());
                measure("jitter_max_ns", jitter.max_ns.into());
                facts.jitter_ns = Some(jitter.last_ns);
            }
            None => facts.jitter_ns = None,
        }
        if let Some(measured) = stream.timestamp_rate().filter(|measured| {
            let differs = stream.clock.is_some_and(|(known, _)| known != rate);
            differs && (measured / f64::from(rate) - 1.0).abs() > 0.05
        }) {
            agrees = false;
            findings.add("sdp.clock-rate", Severity::Warning, Some(id), stream.last, || {
                format!("{} is announced with a clock of {rate} Hz, its timestamps run at {measured:.0} Hz", sent.name)
            });
        }
    }
    agrees &= compare_packets(media, format, stream, sent, findings);
    for difference in stream.differences(format) {
        let at = difference.at.unwrap_or(stream.last);
        findings.add(difference.code, Severity::Warning, Some(id), at, || format!("{} {}", sent.name, difference.text));
    }
    refine(media, format, stream, sent, agrees, findings, report);
}

/// Packet time and payload size.
fn compare_packets(
    media: &MediaDescription,
    format: &PayloadFormat,
    stream: &RtpStreamView<'_>,
    sent: &Sent<'_>,
    findings: &mut FindingLog,
) -> bool {
    let id = Some(StreamId(u128::from(stream.ssrc)));
    let (Some(step), Some(rate)) = (stream.timestamp_step, format.clock_rate_hz) else { return true };
    let mut agrees = true;
    let actual = i64::from(step) * 1_000_000_000 / i64::from(rate);
    // Announced packet times are rounded: 0.12 stands for 125 us, 0.33 for a third of a millisecond.
    let announced = media.packet_time_ns.filter(|&announced| (actual - announced).abs() * 20 > announced);
    if let (Some(announced), "audio") = (announced, media.kind.as_str()) {
        agrees = false;
        findings.add("sdp.packet-time", Severity::Warning, id, stream.last, || {
            format!(
                "{} is announced with packets of {}, and sends packets of {}",
                sent.name,
                Span(announced),
                Span(actual),
            )
        });
    }
    let (smallest, largest) = stream.payload_lengths;
    let channels = format.channels.unwrap_or(1);
    let expected = format.sample_bytes().and_then(|bytes| bytes.checked_mul(channels)?.checked_mul(step));
    if let Some(expected) = expected.filter(|&expected| smallest == largest && largest != expected) {
        agrees = false;
        findings.add("sdp.payload-size", Severity::Warning, id, stream.last, || {
            format!(
                "{step} samples of {}/{rate}/{channels}, as {} is announced, are {expected} bytes; packets have {largest}",
                format.encoding, sent.name,
            )
        });
    }
    agrees
}

/// The standard that the announcement names, as sure as the stream's own structure allows.
fn refine(
    media: &MediaDescription,
    format: &PayloadFormat,
    stream: &RtpStreamView<'_>,
    sent: &Sent<'_>,
    agrees: bool,
    findings: &mut FindingLog,
    report: &mut FlowReport,
) {
    let Some(standard) = format.standard(media) else { return };
    let is_audio = |name: &str| matches!(name, "AES67" | "ST2110-30" | "RTP");
    let recognised = stream.refinement();
    let fits = recognised
        .as_ref()
        .map(|seen| seen.encoding_name == standard || (is_audio(&seen.encoding_name) && is_audio(standard)));
    let (confidence, why) = match (fits, agrees) {
        (Some(true), true) => (0.99, "announced so, and the packets agree"),
        (None, true) => (0.8, "announced so; the packets neither prove nor contradict it yet"),
        _ => (0.5, "announced so, but the packets disagree"),
    };
    if let (Some(false), Some(seen)) = (fits, &recognised) {
        findings.add("sdp.format", Severity::Warning, Some(StreamId(u128::from(stream.ssrc))), stream.last, || {
            format!("{} is announced as {standard}, its packets look like {}", sent.name, seen.encoding_name)
        });
    }
    let reason = format!("SDP {:?}: {} {why}", sent.name, format.encoding);
    report.refinements.push(Refinement { encoding_name: standard.into(), confidence, reason });
}
