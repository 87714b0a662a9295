//! Compressed video of constant bit rate: SMPTE ST 2110-22 with JPEG XS (RFC 9134), recognised by its counters.
//!
//! Built from the field tables of RFC 9134 and tested on streams made from them: no such stream was ever seen in the
//! wild by this analyser. Other codecs under ST 2110-22 (VC-2, RFC 8450) are not recognised. Of ST 2110-21 only the
//! network compatibility model applies.

#[cfg(test)]
mod tests;

use nom::Parser;
use streamlens_model::words::Times;
use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Subject, Value};

use crate::rtp::RtpPacket;
use crate::sap::PayloadFormat;
use crate::wire::{Wire, array, u16, u32};
use crate::{FlowReport, Refinement, StreamReport};

use super::evidence::Evidence;
use super::timing_21::limits::{Class, Profile};
use super::timing_21::{Arrival, Timing};
use super::unit::{Counts, Rate, Steps, VIDEO_CLOCK_HZ, histogram, values};
use super::{Difference, PayloadAnalyser};

/// The payload header:
///
/// ```text
/// | T 1, K 1, L 1, I 2, F counter 5, SEP counter 11, P counter 11 |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    is_sequential: bool,
    by_slice: bool,
    is_last: bool,
    /// 0 progressive, 2 first field, 3 second field.
    interlace: u8,
    frame: u8,
    separator: u16,
    packet: u16,
}

impl Header {
    fn parse(payload: &[u8]) -> Option<(Self, &[u8])> {
        let (data, word) = u32("payload header")(payload).ok()?;
        let header = Self {
            is_sequential: word >> 31 == 1,
            by_slice: word >> 30 & 1 == 1,
            is_last: word >> 29 & 1 == 1,
            interlace: (word >> 27 & 3) as u8,
            frame: (word >> 22 & 31) as u8,
            separator: (word >> 11 & 0x7FF) as u16,
            packet: (word & 0x7FF) as u16,
        };
        (header.interlace != 1 && !data.is_empty()).then_some((header, data))
    }

    /// The packet's number in its packetization unit; with one unit a frame, SEP goes on where P ends.
    fn number(&self) -> u32 {
        u32::from(self.separator) << 11 | u32::from(self.packet)
    }

    /// Whether this is the second field behind a first one, with another frame counter.
    fn is_second_field_of_another(&self, before: &Self) -> bool {
        before.interlace == 2 && self.interlace == 3 && self.frame != before.frame
    }

    /// Whether this header follows on `before`, the marker of that packet given.
    fn follows(&self, before: &Self, marker: bool) -> bool {
        if self.by_slice != before.by_slice || self.is_sequential != before.is_sequential {
            return false;
        }
        if marker {
            let frame = if before.interlace == 2 { before.frame } else { before.frame.wrapping_add(1) & 31 };
            // Both ways of counting the fields of a frame are taken: the frame's number, or, wrongly, one on.
            let counts =
                self.frame == frame || before.interlace != 0 && self.frame == before.frame.wrapping_add(1) & 31;
            let fields = match before.interlace {
                0 => self.interlace == 0,
                2 => self.interlace == 3,
                _ => self.interlace == 2,
            };
            return counts && fields && self.number() == 0;
        }
        let same = self.frame == before.frame && self.interlace == before.interlace;
        same && match (self.by_slice, before.is_last) {
            (true, true) => self.packet == 0 && self.separator == before.separator.wrapping_add(1) & 0x7FF,
            (true, false) => self.separator == before.separator && self.packet == before.packet.wrapping_add(1) & 0x7FF,
            (false, _) => self.number() == before.number().wrapping_add(1) & 0x3F_FFFF,
        }
    }
}

/// Width and height of the codestream's picture header, boxes in front passed over (ISO/IEC 21122-1 Annex A,
/// 21122-3 Annex A): `Some(None)` where a codestream begins and shows no size, `None` where none begins.
fn codestream(data: &[u8]) -> Option<Option<(u16, u16)>> {
    let mut rest = data;
    for _ in 0..4 {
        match box_header(rest) {
            Ok((_, (length, [b'j', b'p', b'v', b's'] | [b'c', b'o', b'l', b'r']))) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                rest = rest.get(length.max(8)..).unwrap_or_default();
                if rest.is_empty() {
                    return Some(None);
                }
            }
            _ => break,
        }
    }
    let mut rest = rest.strip_prefix(&[0xFF, 0x10])?;
    for _ in 0..8 {
        let Ok((_, ([0xFF, marker], length))) = segment_header(rest) else { break };
        if marker == 0x12 {
            // Lpih 16, Lcod 32, Ppih 16, Plev 16, Wf 16, Hf 16
            let size = rest.get(12..).and_then(|rest| (u16("Wf"), u16("Hf")).parse(rest).ok());
            return Some(size.map(|(_, size)| size));
        }
        rest = rest.get(2 + usize::from(length)..).unwrap_or_default();
    }
    Some(None)
}

/// Length and type of a box (ISO/IEC 21122-3 Annex A).
fn box_header(input: &[u8]) -> Wire<'_, (u32, [u8; 4])> {
    (u32("box length"), array("box type")).parse(input)
}

/// Marker and length of a marker segment (ISO/IEC 21122-1 Annex A).
fn segment_header(input: &[u8]) -> Wire<'_, ([u8; 2], u16)> {
    (array("marker"), u16("length of the marker segment")).parse(input)
}

/// Recognises and measures JPEG XS.
#[derive(Debug, Default)]
pub struct CompressedVideo {
    evidence: Evidence,
    unit_faults: u64,
    /// Second fields whose frame counter is not that of the first.
    wrong_fields: u64,
    findings: FindingLog,
    first_fault: Option<Occurrence>,
    previous: Option<(u16, bool, Header, u32)>,
    size: Option<(u16, u16)>,
    codestreams: u64,
    steps: Steps,
    is_interlaced: bool,
    units: u64,
    whole_units: u64,
    packets: u32,
    bytes: u32,
    unit_is_whole: bool,
    packets_per_unit: Counts<8>,
    bytes_per_unit: Counts<8>,
    timing: Timing,
}

impl CompressedVideo {
    /// An analyser that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Pictures per second.
    fn rate(&self) -> Option<Rate> {
        self.steps.rate().map(|rate| if self.is_interlaced { rate.halved() } else { rate })
    }

    fn profile(&self) -> Option<Profile> {
        let (packets, _) = self.packets_per_unit.mode()?;
        let height = self.size.map_or(0, |(_, height)| u32::from(height));
        Some(Profile { packets, rate: self.steps.rate()?, height, interlaced: self.is_interlaced })
    }

    fn end_unit(&mut self) {
        if std::mem::take(&mut self.unit_is_whole) {
            self.whole_units += 1;
            self.packets_per_unit.add(self.packets);
            self.bytes_per_unit.add(self.bytes);
        }
        (self.packets, self.bytes) = (0, 0);
    }
}

impl PayloadAnalyser for CompressedVideo {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        Header::parse(packet.payload).is_some_and(|(header, data)| header.number() != 0 || codestream(data).is_some())
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        let Some((header, data)) = Header::parse(packet.payload) else {
            self.evidence.contradict(at);
            return;
        };
        if late {
            self.unit_is_whole = false;
            return;
        }
        let before = self.previous.filter(|(sequence, ..)| packet.sequence == sequence.wrapping_add(1));
        let follows = before.is_none_or(|(_, marker, before, _)| header.follows(&before, marker));
        if before.is_some_and(|(_, marker, before, _)| marker && header.is_second_field_of_another(&before)) {
            self.wrong_fields += 1;
            let (what, of) = (("st2110-22.frame-counter", Severity::Warning), (None, Subject::default()));
            self.findings.add_figure(what, of, at, header.frame.into(), |frame| format!("counter {frame}"), || {
                format!(
                    "the second field of a frame has another frame counter ({}) than the first: it counts frames, not fields \
                     (RFC 9134 4.3)",
                    header.frame
                )
            });
        }
        // A unit ends with L, and the frame's last packet with the marker.
        let ends_well =
            if header.by_slice { header.is_last || !packet.marker } else { header.is_last == packet.marker };
        let after_marker = before.is_some_and(|(_, marker, ..)| marker);
        let starts_unit =
            self.previous.is_none_or(|(_, _, _, timestamp)| timestamp != packet.timestamp) || after_marker;
        if follows && ends_well {
            self.evidence.support();
        } else {
            self.evidence.contradict(at);
            self.first_fault.get_or_insert(at);
            self.unit_faults += 1;
        }
        if starts_unit {
            self.units += 1;
            (self.packets, self.bytes) = (0, 0);
            self.steps.unit(packet.timestamp);
            self.unit_is_whole = after_marker && header.number() == 0;
            if header.number() == 0 {
                match codestream(data) {
                    Some(size) => {
                        self.codestreams += 1;
                        self.size = size.or(self.size);
                    }
                    None => self.evidence.contradict(at),
                }
            }
        }
        self.unit_is_whole &= before.is_some() && follows;
        self.is_interlaced |= header.interlace != 0;
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(u32::try_from(data.len()).unwrap_or(u32::MAX));
        if packet.marker {
            self.end_unit();
        }
        self.timing.observe(Arrival {
            at,
            starts_unit,
            timestamp: packet.timestamp,
            irregular: before.is_none(),
            after_marker,
        });
        self.previous = Some((packet.sequence, packet.marker, header, packet.timestamp));
        if starts_unit
            && self.timing.is_ready(&self.steps)
            && let Some(profile) = self.profile()
        {
            self.timing.begin(profile);
        }
    }

    fn is_plausible(&self) -> bool {
        self.evidence.is_plausible()
    }

    fn refinement(&self) -> Option<Refinement> {
        // A unit of one packet has no counters that run: it takes many to believe it.
        if !self.is_plausible() || self.evidence.good < 20 || self.codestreams < 2 || self.whole_units < 2 {
            return None;
        }
        let confidence = if self.packets_per_unit.len() == 1 { 0.95 } else { 0.9 };
        let reason = format!(
            "the counters of RFC 9134 run on through {} packets, {} units whole, {} codestreams begin",
            self.evidence.good, self.whole_units, self.codestreams
        );
        Some(Refinement { encoding_name: "ST2110-22".into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(VIDEO_CLOCK_HZ)
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let mut out = Metadata::new();
        let mut put = |name: &'static str, value: Value| {
            out.insert(name.into(), value);
        };
        put("codec", "JPEG XS".into());
        if let Some((width, height)) = self.size {
            put("width", width.into());
            put("height", height.into());
        }
        if let Some((_, _, header, _)) = self.previous {
            put("packetization", if header.by_slice { "slice" } else { "codestream" }.into());
            put("transmission", if header.is_sequential { "sequential" } else { "out of order allowed" }.into());
        }
        put("interlaced", self.is_interlaced.into());
        if let Some(rate) = self.rate() {
            put("rate", rate.text().into());
        }
        put("media_units", self.units.into());
        put("packets_per_unit", histogram(&self.packets_per_unit));
        put("bytes_per_unit", histogram(&self.bytes_per_unit));
        put("is_constant", (self.packets_per_unit.len() == 1).into());
        put("counter_errors", self.unit_faults.into());
        if self.is_interlaced {
            put("frame_counter_errors", self.wrong_fields.into());
        }
        put("rtp_ts_deltas", values(self.steps.counts()));
        stream.measures.insert("st2110_22".into(), Value::Map(out));
        let mut findings = self.findings.clone();
        self.evidence.log("st2110-22.payload", &mut findings);
        if let Some(at) = self.first_fault {
            findings.add("st2110-22.counters", Severity::Warning, None, at, || {
                format!("the counters of the payload header did not run on: {}", Times(self.unit_faults))
            });
        }
        if let Some((figures, verdict)) = self.timing.report(self.profile(), false) {
            stream.measures.insert("st2110_21".into(), Value::Map(figures));
            if verdict.class == Class::NotCompliant {
                findings.add("st2110-21.not-compliant", Severity::Warning, None, verdict.at, || {
                    format!("C_INST peaks at {} (wide limit {})", verdict.c_peak, verdict.c_limit)
                });
            }
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }

    fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        if !announced.encoding.eq_ignore_ascii_case("jxsv") {
            return Vec::new();
        }
        let mut out = Vec::new();
        if let Some((width, height)) = self.size {
            // A codestream of an interlaced picture is one field.
            let height = u32::from(height) * (1 + u32::from(self.is_interlaced));
            out.extend(Difference::of_raster(announced, (width.into(), height)));
        }
        out.extend(Difference::of_frame_rate(announced, self.rate()));
        out.extend(self.timing.differences(self.profile(), false, announced));
        out
    }
}
