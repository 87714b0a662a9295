//! The NPD data sources of one flow.

use streamlens_model::{Address, FindingLog, Metadata, Packet, Severity, StreamId, Value};

use super::decoder::{fill, read, refused, walk};
use super::header::{NpdHeader, Walk, data_type_meaning};
use crate::telemetry::{
    Codes, Reading, StreamTable, TelemetryFlow, Track, at, may_have_findings, report_findings, report_table,
};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PacketType};

/// The time field is known to hold something else at times, so what it does is worth knowing and no more.
const CODES: Codes = Codes { backwards: "npd.time-backwards", jump: None, severity: Severity::Info };

/// Remembers the data sources of one flow. Made by [`NpdDecoder`](super::NpdDecoder).
#[derive(Debug, Default)]
pub struct NpdFlow {
    sources: StreamTable<Source>,
    log: FindingLog,
    segments: u64,
    exact: u64,
    leftovers: u64,
    data_types: [u64; 4],
}

#[derive(Clone, Debug)]
struct Source {
    track: Track,
    segments: u64,
    segment_errors: u64,
    free_running: u64,
    malformed: u64,
    configuration_count: u8,
    configuration_changes: u64,
    first_time: u32,
    last_time: u32,
}

impl NpdFlow {
    #[inline]
    fn note_header(&mut self, packet: &Packet<'_>, header: NpdHeader) {
        let (now, id) = (at(packet), Some(StreamId(header.data_source_id.into())));
        if packet.flow.dst.address != Address::V4(header.multicast_address) {
            self.log.add("npd.address-mismatch", Severity::Info, id, now, || {
                format!(
                    "the packet names {} as its destination, and goes to {}",
                    header.multicast_address, packet.flow.dst.address
                )
            });
        }
        if header.flags & 0x01 != 0 {
            self.log.add("npd.clock-free-running", Severity::Info, id, now, || {
                "the unit says that its clock runs free (flag 0x01)".into()
            });
        }
    }
}

impl FlowDecoder for NpdFlow {
    fn may_have_findings(&self) -> bool {
        may_have_findings(&self.sources, &self.log)
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let header = read(packet)?;
        let (end, segments, errors) = walk(packet);
        let (now, id) = (at(packet), StreamId(header.data_source_id.into()));
        if end == Walk::Broken {
            // Damaged where the source is known, another protocol otherwise.
            self.sources.get(header.data_source_id).ok_or(refused("the segments do not fit"))?;
            self.log.add("npd.segments-broken", Severity::Error, Some(id), now, || {
                format!("after {segments} segments one is shorter than its header or longer than the packet")
            });
        }
        self.note_header(packet, header);
        self.segments += segments;
        self.exact += u64::from(end == Walk::Exact && segments > 0);
        self.leftovers += u64::from(end == Walk::Leftover);
        if let Some(set) = self.data_types.get_mut(usize::from(header.data_type >> 6)) {
            *set |= 1 << (header.data_type & 63);
        }
        if let Some(source) = self.sources.entry(header.data_source_id, now, || Source::new(packet, header)) {
            let reading =
                Reading { sequence: (header.sequence.into(), 16), time: header.time.into(), comparable: false };
            source.track.observe(packet, reading, id, &CODES, &mut self.log);
            source.segments += segments;
            source.segment_errors += errors;
            source.free_running += u64::from(header.flags & 0x01);
            source.malformed += u64::from(end == Walk::Broken);
            source.last_time = header.time;
            if errors > 0 {
                self.log.add("npd.segment-error", Severity::Warning, Some(id), now, || {
                    format!("{errors} of {segments} segments of a packet are marked with errors")
                });
            }
            if source.configuration_count != header.configuration_count {
                let before = source.configuration_count;
                source.configuration_count = header.configuration_count;
                source.configuration_changes += 1;
                self.log.add("npd.configuration-changed", Severity::Warning, Some(id), now, || {
                    format!("the configuration count changes from {before} to {}", header.configuration_count)
                });
            }
        }
        fill(packet, header, result);
        Ok(packet.payload.len())
    }

    fn report(&self, report: &mut FlowReport) {
        for (id, source) in self.sources.iter() {
            let measures = &mut report.stream(StreamId(id.into())).measures;
            source.track.report(measures, false);
            source.measures(measures);
        }
        for data_type in (0..=u8::MAX).filter(|t| self.data_types[usize::from(t >> 6)] >> (t & 63) & 1 != 0) {
            if let Some(meaning) = data_type_meaning(data_type) {
                let facts = Metadata::from([("meaning", Value::from(meaning))]);
                report.packet_types.insert(PacketType(data_type.into()), facts);
            }
        }
        report_table(&self.sources, "data_sources", report);
        report.fact("segments", self.segments);
        if self.exact == 0 {
            report.confidence_limit = Some(0.85);
        }
        if self.leftovers > 0 {
            report.fact("packets_with_leftover_bytes", self.leftovers);
        }
        report_findings(&self.sources, ("npd.source-limit", "data sources"), &self.log, report);
    }
}

impl Source {
    fn new(packet: &Packet<'_>, header: NpdHeader) -> Self {
        Self {
            track: Track::new(packet),
            segments: 0,
            segment_errors: 0,
            free_running: 0,
            malformed: 0,
            configuration_count: header.configuration_count,
            configuration_changes: 0,
            first_time: header.time,
            last_time: header.time,
        }
    }

    fn measures(&self, measures: &mut Metadata) {
        let mut add = |name: &'static str, value: Value| measures.insert(name.into(), value);
        add("segments", self.segments.into());
        add("segment_errors", self.segment_errors.into());
        add("free_running_packets", self.free_running.into());
        add("configuration_changes", self.configuration_changes.into());
        add("time_field_first", self.first_time.into());
        add("time_field_last", self.last_time.into());
        if self.malformed > 0 {
            add("malformed_packets", self.malformed.into());
        }
    }
}

impl TelemetryFlow for NpdFlow {
    fn visit(&self, see: &mut dyn FnMut(u32, &Track)) {
        self.sources.iter().for_each(|(id, source)| see(id, &source.track));
    }
}
