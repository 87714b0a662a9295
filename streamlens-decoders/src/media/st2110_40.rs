//! Ancillary data: SMPTE ST 2110-40 over RFC 8331, recognised by walking the ANC packets with their parities and
//! checksums.
//!
//! Each sub-stream (DID, SDID, line) is listed with its name where SMPTE registered one; unknown ones are listed too.
//! What the user words say (captions, time codes) is not decoded.

mod anc;
#[cfg(test)]
mod tests;

use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Value};

use crate::rtp::RtpPacket;
use crate::sap::PayloadFormat;
use crate::{FlowReport, Refinement, StreamReport};

use super::unit::{Counts, Steps, VIDEO_CLOCK_HZ, histogram};
use super::{Difference, PayloadAnalyser};
use anc::{AncFault, AncHeader, AncPackets};

/// The most sub-streams that are listed; ANC packets of further ones are counted together.
const MAX_SUB_STREAMS: usize = 64;

/// One DID, SDID and line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    did: u8,
    sdid: u8,
    line: u16,
}

/// Recognises and measures ST 2110-40.
#[derive(Debug, Default)]
pub struct AncillaryData {
    good: u64,
    bad: u64,
    keep_alives: u64,
    anc_packets: u64,
    good_checksums: u64,
    checksum_errors: u64,
    parity_errors: u64,
    length_errors: u64,
    sub_streams: Vec<(Key, u64)>,
    others: u64,
    anc_counts: Counts<16>,
    fields: Counts<4>,
    steps: Steps,
    previous: Option<(u32, bool, u32)>,
    packets_in_unit: u32,
    packets_per_unit: Counts<16>,
    units: u64,
    units_without_marker: u64,
    markers_inside: u64,
    wrong_fields: u64,
    previous_field: Option<u8>,
    findings: FindingLog,
}

impl AncillaryData {
    /// An analyser that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn sub_stream(&mut self, key: Key) {
        if let Some(entry) = self.sub_streams.iter_mut().find(|entry| entry.0 == key) {
            entry.1 += 1;
        } else if self.sub_streams.len() < MAX_SUB_STREAMS {
            self.sub_streams.push((key, 1));
        } else {
            self.others += 1;
        }
    }

    fn unit(&mut self, packet: &RtpPacket<'_>, header: AncHeader, at: Occurrence) {
        let sequence = u32::from(header.extended_sequence) << 16 | u32::from(packet.sequence);
        let is_new = self.previous.is_none_or(|(_, _, timestamp)| timestamp != packet.timestamp);
        let follows = self.previous.is_some_and(|(before, _, _)| sequence == before.wrapping_add(1));
        if is_new {
            self.units += 1;
            self.steps.unit(packet.timestamp);
            if self.packets_in_unit > 0 {
                self.packets_per_unit.add(self.packets_in_unit);
            }
            self.packets_in_unit = 0;
            if follows && self.previous.is_some_and(|(_, marker, _)| !marker) {
                self.units_without_marker += 1;
            }
            let alternates = self.previous_field.is_none_or(|before| before != header.field || header.field == 0);
            if follows && !alternates {
                self.wrong_fields += 1;
                self.findings.add("st2110-40.field", Severity::Warning, None, at, || {
                    format!("two units one after the other are both marked field {}", header.field - 1)
                });
            }
            self.previous_field = Some(header.field);
        } else if follows && self.previous.is_some_and(|(_, marker, _)| marker) {
            self.markers_inside += 1;
        }
        self.packets_in_unit += 1;
        self.previous = Some((sequence, packet.marker, packet.timestamp));
    }
}

impl PayloadAnalyser for AncillaryData {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        AncHeader::parse(packet.payload).is_some()
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        let Some(header) = AncHeader::parse(packet.payload) else {
            self.bad += 1;
            return;
        };
        if header.count == 0 && header.length == 0 {
            self.keep_alives += 1;
        }
        let mut fault = None;
        let mut walk = AncPackets::new(packet.payload, header);
        for anc in walk.by_ref() {
            self.anc_packets += 1;
            self.sub_stream(Key { did: anc.did, sdid: anc.sdid, line: anc.line });
            if !anc.parity_holds {
                self.parity_errors += 1;
                fault = Some(AncFault::Parity);
            } else if anc.checksum_holds {
                self.good_checksums += 1;
            } else {
                self.checksum_errors += 1;
                fault = Some(AncFault::Checksum);
                self.findings.add("st2110-40.checksum", Severity::Error, None, at, || {
                    format!("the checksum of an ANC packet (DID {:#04x}, SDID {:#04x}) is wrong", anc.did, anc.sdid)
                });
            }
        }
        if !walk.ended_well() {
            self.length_errors += 1;
            fault = Some(AncFault::Length);
        }
        if fault.is_some() {
            self.bad += 1;
        } else {
            self.good += 1;
        }
        self.anc_counts.add(header.count.into());
        self.fields.add(header.field.into());
        if !late {
            self.unit(packet, header, at);
        }
    }

    fn is_plausible(&self) -> bool {
        // A sender of wrong checksums is still one of ancillary data: structure and parity speak for it.
        let bad = self.bad - self.checksum_errors.min(self.bad);
        bad * 50 <= self.good + self.checksum_errors && self.checksum_errors <= self.good_checksums * 4 + 8
    }

    fn refinement(&self) -> Option<Refinement> {
        if !self.is_plausible() {
            return None;
        }
        let confidence = match self.good_checksums {
            0 if self.keep_alives >= 20 && self.keep_alives == self.good && self.steps.rate().is_some() => 0.5,
            0 => return None,
            1..=2 => 0.9,
            _ => 0.99,
        };
        let reason = if self.good_checksums == 0 {
            format!("{} keep-alives of RFC 8331 and nothing else", self.keep_alives)
        } else {
            format!("{} ANC packets fit their payloads, {} checksums hold", self.anc_packets, self.good_checksums)
        };
        Some(Refinement { encoding_name: "ST2110-40".into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(VIDEO_CLOCK_HZ)
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let mut out = Metadata::new();
        let mut put = |name: &'static str, value: Value| {
            out.insert(name.into(), value);
        };
        let mut sorted = self.sub_streams.clone();
        sorted.sort_unstable();
        let label = |key: &Key| format!("DID=0x{:02x} SDID=0x{:02x} line={}", key.did, key.sdid, key.line);
        put("sub_streams", Value::map(sorted.iter().map(|(key, count)| (label(key), Value::from(*count)))));
        let named = sorted.iter().filter_map(|(key, _)| Some((label(key), anc::name(key.did, key.sdid)?.into())));
        put("names", Value::map(named));
        let lines = sorted.iter().filter_map(|(key, _)| Some((label(key), anc::line_name(key.line)?.into())));
        put("special_lines", Value::map(lines));
        if self.others > 0 {
            put("anc_packets_of_further_sub_streams", self.others.into());
        }
        put("anc_packets", self.anc_packets.into());
        put("anc_count_histogram", histogram(&self.anc_counts));
        put("field_bits_histogram", histogram(&self.fields));
        put("checksum_errors", self.checksum_errors.into());
        put("parity_errors", self.parity_errors.into());
        put("length_errors", self.length_errors.into());
        put("keep_alives", self.keep_alives.into());
        put("rtp_ts_deltas", histogram(self.steps.counts()));
        let mut per_unit = self.packets_per_unit.clone();
        if self.packets_in_unit > 0 {
            per_unit.add(self.packets_in_unit);
        }
        put("packets_per_unit", histogram(&per_unit));
        put("media_units", self.units.into());
        put("units_without_marker", self.units_without_marker.into());
        put("markers_inside_units", self.markers_inside.into());
        put("field_errors", self.wrong_fields.into());
        if let Some(rate) = self.steps.rate() {
            put("unit_rate", rate.text().into());
        }
        stream.measures.insert("st2110_40".into(), Value::Map(out));
        if !self.findings.is_empty() {
            report.findings.push(self.findings.clone());
        }
    }

    fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        let announced: Vec<_> = announced
            .parameter_pairs()
            .filter_map(|(key, value)| key.eq_ignore_ascii_case("DID_SDID").then(|| did_sdid(value))?)
            .collect();
        let mut out = Vec::new();
        let mut sent: Vec<_> = self.sub_streams.iter().map(|(key, _)| (key.did, key.sdid)).collect();
        sent.sort_unstable();
        sent.dedup();
        for (did, sdid) in sent.into_iter().filter(|pair| !announced.is_empty() && !announced.contains(pair)) {
            let list: Vec<_> = announced.iter().map(|(did, sdid)| format!("{{0x{did:02X},0x{sdid:02X}}}")).collect();
            let list = format!("DID_SDID={}", list.join(", "));
            out.push(Difference::new("sdp.anc-type", list, format!("{{0x{did:02X},0x{sdid:02X}}} too")));
        }
        out
    }
}

/// `{0x61,0x02}` (RFC 8331 §3.1).
fn did_sdid(text: &str) -> Option<(u8, u8)> {
    let (did, sdid) = text.trim().strip_prefix('{')?.strip_suffix('}')?.split_once(',')?;
    let byte = |text: &str| u8::from_str_radix(text.trim().trim_start_matches("0x").trim_start_matches("0X"), 16).ok();
    Some((byte(did)?, byte(sdid)?))
}
