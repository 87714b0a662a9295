//! Ancillary data: SMPTE ST 2110-40 over RFC 8331, recognised by walking the ANC packets with their parities and
//! checksums.
//!
//! Each sub-stream (DID, SDID where there is one, line) is listed with its name where SMPTE registered one; unknown ones are listed too.
//! What the user words say (captions, time codes) is not decoded.

mod anc;
#[cfg(test)]
mod tests;

use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Subject, Value};

use crate::rtp::RtpPacket;
use crate::sap::PayloadFormat;
use crate::{FlowReport, Refinement, StreamReport};

use super::evidence::Evidence;
use super::unit::{Counts, Steps, VIDEO_CLOCK_HZ, histogram};
use super::{Difference, PayloadAnalyser};
use anc::{AncFault, AncHeader, AncPackets};

/// The most sub-streams that are listed; ANC packets of further ones are counted together.
const MAX_SUB_STREAMS: usize = 64;

/// One kind of ancillary data: DID, SDID and line. Data of type 1 (DID 0x80 and above) have no SDID (ST 291-1 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    did: u8,
    sdid: Option<u8>,
    line: u16,
}

impl Key {
    fn label(&self) -> String {
        let sdid = self.sdid.map_or_else(String::new, |sdid| format!(" SDID=0x{sdid:02x}"));
        format!("DID=0x{:02x}{sdid} line={}", self.did, self.line)
    }
}

/// What is kept of one kind.
#[derive(Clone, Copy, Debug)]
struct SubStream {
    key: Key,
    packets: u64,
    /// The data block number of the last packet; 0 is none (ST 291-1 §6.3).
    block: u8,
}

/// Recognises and measures ST 2110-40.
#[derive(Debug, Default)]
pub struct AncillaryData {
    evidence: Evidence,
    keep_alives: u64,
    anc_packets: u64,
    good_checksums: u64,
    checksum_errors: u64,
    parity_errors: u64,
    length_errors: u64,
    sub_streams: Vec<SubStream>,
    block_errors: u64,
    invalid_headers: u64,
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

    /// Counts an ANC packet; `follows` says that no RTP packet is missing in front of its own.
    fn sub_stream(&mut self, key: Key, block: u8, follows: bool, at: Occurrence) {
        let Some(known) = self.sub_streams.iter_mut().find(|known| known.key == key) else {
            if self.sub_streams.len() < MAX_SUB_STREAMS {
                self.sub_streams.push(SubStream { key, packets: 1, block });
            } else {
                self.others += 1;
            }
            return;
        };
        known.packets += 1;
        let before = std::mem::replace(&mut known.block, block);
        // 1 to 255 in turn
        if key.sdid.is_none() && follows && before != 0 && block != 0 && block != before % 255 + 1 {
            self.block_errors += 1;
            let about = Subject::of([key.did.into(), key.line]);
            self.findings.add_about("st2110-40.data-block", Severity::Warning, None, about, at, || {
                format!("data block {block} of DID {:#04x} follows on {before}: blocks are missing (ST 291-1)", key.did)
            });
        }
    }

    /// Points out what is not lawful in a header; what it is the header of can be read all the same.
    #[cold]
    fn invalid_header(&mut self, header: AncHeader, at: Occurrence) {
        self.invalid_headers += 1;
        if header.field == 1 {
            self.wrong_fields += 1;
            self.findings.add_about("st2110-40.field", Severity::Warning, None, Subject::of([1]), at, || {
                "the field bits are 01, which is not valid: receivers may ignore the packet (RFC 8331 2.1)".to_owned()
            });
        }
        if header.has_reserved {
            self.findings.add("st2110-40.reserved", Severity::Info, None, at, || {
                "reserved bits of the payload header are set (RFC 8331 2.1)".to_owned()
            });
        }
    }

    fn unit(&mut self, packet: &RtpPacket<'_>, header: AncHeader, at: Occurrence) {
        let sequence = header.number(packet);
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
            // an invalid field is pointed out as such
            let alternates = self.previous_field.is_none_or(|before| before != header.field || header.field < 2);
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
            self.evidence.contradict(at);
            return;
        };
        if header.count == 0 && header.length == 0 {
            self.keep_alives += 1;
        }
        let follows = self.previous.is_none_or(|(before, _, _)| header.number(packet) == before.wrapping_add(1));
        let (mut fault, checked) = (None, self.good_checksums);
        let mut walk = AncPackets::new(packet.payload, header);
        for anc in walk.by_ref() {
            self.anc_packets += 1;
            let sdid = (anc.did < 0x80).then_some(anc.second);
            self.sub_stream(Key { did: anc.did, sdid, line: anc.line }, anc.second, follows && !late, at);
            if !anc.parity_holds {
                self.parity_errors += 1;
                fault = Some(AncFault::Parity);
            } else if anc.checksum_holds {
                self.good_checksums += 1;
            } else {
                self.checksum_errors += 1;
                fault = Some(AncFault::Checksum);
                self.findings.add("st2110-40.checksum", Severity::Error, None, at, || match anc.did {
                    0x80.. => format!("the checksum of an ANC packet (DID {:#04x}) is wrong", anc.did),
                    did => format!("the checksum of an ANC packet (DID {did:#04x}, SDID {:#04x}) is wrong", anc.second),
                });
            }
        }
        if !walk.ended_well() {
            self.length_errors += 1;
            fault = Some(AncFault::Length);
        }
        let is_lawful = header.is_lawful();
        // a header that is not lawful says nothing unless what it heads is
        if fault.is_some() || !(is_lawful || self.good_checksums > checked) {
            self.evidence.contradict(at);
        } else {
            self.evidence.support();
            if !is_lawful {
                self.invalid_header(header, at);
            }
        }
        self.anc_counts.add(header.count.into());
        self.fields.add(header.field.into());
        if !late {
            self.unit(packet, header, at);
        }
    }

    fn is_plausible(&self) -> bool {
        // A sender of wrong checksums is still one of ancillary data: structure and parity speak for it.
        let Evidence { good, bad, .. } = self.evidence;
        let bad = bad - self.checksum_errors.min(bad);
        let fits = self.evidence.is_plausible() || bad * 50 <= good + self.checksum_errors;
        fits && self.checksum_errors <= self.good_checksums * 4 + 8
    }

    fn refinement(&self) -> Option<Refinement> {
        if !self.is_plausible() {
            return None;
        }
        let confidence = match self.good_checksums {
            0 if self.keep_alives >= 20 && self.keep_alives == self.evidence.good && self.steps.rate().is_some() => 0.5,
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
        sorted.sort_unstable_by_key(|sub_stream| sub_stream.key);
        put(
            "sub_streams",
            Value::map(sorted.iter().map(|SubStream { key, packets, .. }| (key.label(), (*packets).into()))),
        );
        let keys = || sorted.iter().map(|sub_stream| sub_stream.key);
        let named = keys().filter_map(|key| Some((key.label(), anc::name(key.did, key.sdid.unwrap_or(0))?.into())));
        put("names", Value::map(named));
        let lines = keys().filter_map(|key| Some((key.label(), anc::line_name(key.line)?.into())));
        put("special_lines", Value::map(lines));
        if self.others > 0 {
            put("anc_packets_of_further_sub_streams", self.others.into());
        }
        put("anc_packets", self.anc_packets.into());
        put("anc_count_histogram", histogram(&self.anc_counts));
        put("field_bits_histogram", histogram(&self.fields));
        if keys().any(|key| key.sdid.is_none()) {
            put("data_block_errors", self.block_errors.into());
        }
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
        if self.invalid_headers > 0 {
            put("invalid_headers", self.invalid_headers.into());
        }
        if let Some(rate) = self.steps.rate() {
            put("unit_rate", rate.text().into());
        }
        stream.measures.insert("st2110_40".into(), Value::Map(out));
        let mut findings = self.findings.clone();
        self.evidence.log("st2110-40.payload", &mut findings);
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }

    fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        let announced: Vec<_> = announced
            .parameter_pairs()
            .filter_map(|(key, value)| key.eq_ignore_ascii_case("DID_SDID").then(|| did_sdid(value))?)
            .collect();
        let mut out = Vec::new();
        // data of type 1 are announced with SDID 0x00 (RFC 8331 3.1)
        let mut sent: Vec<_> =
            self.sub_streams.iter().map(|SubStream { key, .. }| (key.did, key.sdid.unwrap_or(0))).collect();
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
