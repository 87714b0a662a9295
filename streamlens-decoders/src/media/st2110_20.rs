//! Raw video: SMPTE ST 2110-20 and RFC 4175, recognised by its sample row headers.
//!
//! What the wire tells: rows, their order, lengths and offsets, hence height, bytes per row and, where a row is cut
//! over two segments, exactly how many bytes a pixel takes. What it doesn't: samplings of equal density (4:2:2 12 bit,
//! 4:4:4 8 bit and 4:2:0 8 bit take 3 bytes a column), colours, and progressive against `PsF` where no F bit is set. Where no
//! row is cut, the samplings that fit are listed and the first that makes a raster of television is assumed.
//! ST 2110-20 as real hardware sends it was not at hand: the corpus has one stream of a software sender.

mod announced;
mod raster;
mod rows;
#[cfg(test)]
mod tests;

use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Value};

use crate::rtp::RtpPacket;
use crate::sap::PayloadFormat;
use crate::{FlowReport, Refinement, StreamReport};

use super::evidence::Evidence;
use super::timing_21::limits::{Class, Profile};
use super::timing_21::{Arrival, Timing};
use super::unit::{Counts, Rate, Steps, VIDEO_CLOCK_HZ, values};
use super::{Difference, PayloadAnalyser};
use raster::{Picture, Raster};
use rows::{RowFault, Rows};

/// Recognises and measures ST 2110-20.
#[derive(Debug, Default)]
pub struct RawVideo {
    evidence: Evidence,
    length_mismatches: u64,
    previous_sequence: Option<u32>,
    previous_timestamp: Option<u32>,
    previous_marker: bool,
    raster: Raster,
    steps: Steps,
    unit: Unit,
    units: u64,
    units_with_one_marker: u64,
    whole_units: u64,
    packets_per_unit: Counts<8>,
    packets_of_whole_units: Counts<8>,
    packets_by_rows: [u64; rows::MAX_ROWS + 1],
    /// Packets with row data, markers aside, and those whose data are whole blocks of 180 bytes.
    full_packets: u64,
    block_packets: u64,
    rows: u64,
    timing: Timing,
    findings: FindingLog,
}

/// The unit that is going on.
#[derive(Debug, Default)]
struct Unit {
    packets: u32,
    markers: u32,
    /// Whether its first packet follows on a marker and none of it is missing, repeated or out of order.
    is_whole: bool,
    timestamp: u32,
}

impl RawVideo {
    /// Packets below which nothing is said.
    const LEAST_PACKETS: u64 = 20;

    /// So many units are read row by row, then one in [`Self::PICTURE_SAMPLE`]. Odd, so that both fields have their turn.
    const PICTURE_UNITS: u64 = 32;
    const PICTURE_SAMPLE: u64 = 31;

    /// An analyser that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn end_unit(&mut self) {
        let unit = std::mem::take(&mut self.unit);
        if unit.packets == 0 {
            return;
        }
        self.packets_per_unit.add(unit.packets);
        if unit.markers == 1 {
            self.units_with_one_marker += 1;
        }
        if unit.is_whole && unit.markers == 1 {
            self.whole_units += 1;
            self.packets_of_whole_units.add(unit.packets);
        }
    }

    /// What ST 2110-21 judges by; `None` before the first whole unit and the first step of the timestamp.
    fn profile(&self) -> Option<Profile> {
        let (packets, _) = self.packets_of_whole_units.mode()?;
        let rate = self.steps.rate()?;
        let picture = self.raster.picture();
        let rate = if picture.is_segmented {
            super::unit::Rate::new(rate.numerator.saturating_mul(2), rate.denominator)
        } else {
            rate
        };
        Some(Profile {
            packets,
            rate,
            height: picture.height,
            interlaced: picture.is_interlaced || picture.is_segmented,
        })
    }

    /// Whether all packets fit block packing.
    fn is_block(&self) -> bool {
        self.full_packets > 0 && self.block_packets == self.full_packets
    }

    /// Pictures per second.
    fn picture_rate(&self, picture: &Picture) -> Option<Rate> {
        self.steps.rate().map(|rate| if picture.is_interlaced { rate.halved() } else { rate })
    }

    fn confidence(&self) -> f32 {
        if self.evidence.good < Self::LEAST_PACKETS || self.raster.is_flat() {
            return 0.0;
        }
        // 20 packets of one unit are the least; smaller units are no pictures.
        let units_are_long =
            self.packets_of_whole_units.mode().map_or(u64::from(self.unit.packets) >= 20, |(packets, _)| packets >= 20);
        match self.whole_units {
            _ if !units_are_long => 0.0,
            0 => 0.85,
            1 => 0.92,
            _ => 0.98,
        }
    }

    fn fault(&mut self, fault: RowFault, at: Occurrence) {
        self.evidence.contradict(at);
        if fault == RowFault::Length {
            self.length_mismatches += 1;
        }
    }
}

impl PayloadAnalyser for RawVideo {
    fn can_begin(packet: &RtpPacket<'_>) -> bool {
        Rows::parse(packet.payload, packet.marker).is_ok()
    }

    fn observe(&mut self, packet: &RtpPacket<'_>, at: Occurrence, late: bool) {
        let rows = match Rows::parse(packet.payload, packet.marker) {
            Ok(rows) => rows,
            Err(fault) => return self.fault(fault, at),
        };
        self.evidence.support();
        let sequence = u32::from(rows.extended_sequence) << 16 | u32::from(packet.sequence);
        let follows = self.previous_sequence.is_none_or(|previous| sequence == previous.wrapping_add(1));
        let irregular = late || !follows;
        let starts_unit =
            !late && (self.previous_marker && follows || self.previous_timestamp.is_none_or(|t| t != packet.timestamp));
        if starts_unit {
            let after_marker = self.previous_marker && follows;
            self.end_unit();
            self.units += 1;
            self.unit.is_whole = after_marker;
            self.unit.timestamp = packet.timestamp;
            self.steps.unit(packet.timestamp);
            self.raster.start_unit(self.previous_timestamp != Some(packet.timestamp));
        }
        self.unit.packets = self.unit.packets.saturating_add(1);
        self.unit.is_whole &= !irregular;
        self.unit.markers += u32::from(packet.marker);
        if let Some(count) = self.packets_by_rows.get_mut(rows.count as usize) {
            *count += 1;
        }
        self.rows += u64::from(rows.count);
        if !packet.marker {
            self.full_packets += 1;
            self.block_packets += u64::from(rows.bytes.is_multiple_of(180));
        }
        // The picture is known after a few units; from then on a sample of them shows a change.
        if self.units <= Self::PICTURE_UNITS || self.units.is_multiple_of(Self::PICTURE_SAMPLE) {
            self.raster.observe(&rows, !irregular);
        }
        self.timing.observe(Arrival {
            at,
            starts_unit,
            timestamp: packet.timestamp,
            irregular,
            after_marker: self.previous_marker && !late,
        });
        if !late {
            self.previous_sequence = Some(sequence);
            self.previous_timestamp = Some(packet.timestamp);
            self.previous_marker = packet.marker;
        }
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
        let confidence = self.confidence();
        if confidence <= 0.0 || !self.is_plausible() {
            return None;
        }
        let picture = self.raster.picture();
        let reason = format!(
            "{} packets with {} sample rows fit their payloads to the byte, {} units whole, {}x{}",
            self.evidence.good, self.rows, self.whole_units, picture.width, picture.height
        );
        Some(Refinement { encoding_name: "ST2110-20".into(), confidence, reason })
    }

    fn clock_rate_hz(&self) -> Option<u32> {
        Some(VIDEO_CLOCK_HZ)
    }

    fn report(&self, stream: &mut StreamReport, report: &mut FlowReport) {
        let picture = self.raster.picture();
        let mut out = Metadata::new();
        let mut put = |name: &'static str, value: Value| {
            out.insert(name.into(), value);
        };
        put("width", picture.width.into());
        put("height", picture.height.into());
        put("interlaced", picture.is_interlaced.into());
        put("segmented", picture.is_segmented.into());
        put("sampling", Value::list(picture.samplings.iter().map(|sampling| sampling.name)));
        put("sampling_is_inferred_from", picture.evidence.into());
        if picture.is_numbered_by_frame {
            put("deviation", "field lines are numbered by line of the frame, not of the field".into());
        }
        if let Some(rate) = self.picture_rate(&picture) {
            put("rate", rate.text().into());
        }
        put("packing", if self.is_block() { "BPM" } else { "GPM" }.into());
        let mut per_unit = self.packets_per_unit.clone();
        if self.unit.packets > 0 {
            per_unit.add(self.unit.packets);
        }
        put("media_units", self.units.into());
        put("packets_per_unit", values(&per_unit));
        let open = u64::from(self.unit.markers == 1 && self.unit.packets > 0);
        put("units_with_one_marker", (self.units_with_one_marker + open).into());
        put("srd_rows", self.rows.into());
        let by_rows = self.packets_by_rows.iter().enumerate().filter(|(_, count)| **count > 0);
        put("packets_by_srd_count", Value::map(by_rows.map(|(rows, &count)| (rows.to_string(), count.into()))));
        if let Some(line) = self.raster.max_line(0) {
            put("max_line_first_field", line.into());
        }
        if let Some(line) = self.raster.max_line(1) {
            put("max_line_second_field", line.into());
        }
        put("length_mismatches", self.length_mismatches.into());
        put("rtp_ts_deltas", values(self.steps.counts()));
        stream.measures.insert("st2110_20".into(), Value::Map(out));

        let mut findings = self.findings.clone();
        self.evidence.log("st2110-20.payload", &mut findings);
        if let Some((figures, verdict)) = self.timing.report(self.profile(), true) {
            stream.measures.insert("st2110_21".into(), Value::Map(figures));
            if verdict.class == Class::NotCompliant {
                let at = verdict.vrx.filter(|_| verdict.c_peak <= verdict.c_limit).map_or(verdict.at, |(_, _, at)| at);
                findings.add("st2110-21.not-compliant", Severity::Warning, None, at, || match verdict.vrx {
                    Some((low, high, _)) => format!(
                        "C_INST peaks at {} (wide limit {}), VRX runs from {low} to {high}: no sender type of ST 2110-21",
                        verdict.c_peak, verdict.c_limit
                    ),
                    None => format!("C_INST peaks at {} (wide limit {})", verdict.c_peak, verdict.c_limit),
                });
            }
        }
        if !findings.is_empty() {
            report.findings.push(findings);
        }
    }

    fn differences(&self, announced: &PayloadFormat) -> Vec<Difference> {
        if !announced.encoding.eq_ignore_ascii_case("raw") {
            return Vec::new();
        }
        let picture = self.raster.picture();
        let rate = self.picture_rate(&picture);
        let mut out = announced::differences(announced, &self.raster, &picture, rate, self.is_block());
        out.extend(self.timing.differences(self.profile(), true, announced));
        out
    }
}
