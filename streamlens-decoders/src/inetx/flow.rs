//! The iNetX streams of one flow.

use streamlens_model::{FindingLog, Packet, Severity, StreamId, Value};

use super::decoder::{REFUSED, fill, is_sound};
use super::header::InetxHeader;
use crate::telemetry::{
    Codes, Reading, StreamTable, TelemetryFlow, Track, at, has_clocks_off, may_have_findings, report_clocks,
    report_findings, report_table,
};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport};

const CODES: Codes =
    Codes { backwards: "inetx.time-backwards", jump: Some("inetx.time-jump"), severity: Severity::Warning };

/// Remembers the streams of one flow. Made by [`InetxDecoder`](super::InetxDecoder).
#[derive(Debug, Default)]
pub struct InetxFlow {
    streams: StreamTable<Stream>,
    log: FindingLog,
}

#[derive(Clone, Debug)]
struct Stream {
    track: Track,
    errors: u64,
    reported_lost: u64,
    timeouts: u64,
    malformed: u64,
}

impl InetxFlow {
    fn note_information(stream: &mut Stream, packet: &Packet<'_>, header: InetxHeader, log: &mut FindingLog) {
        let (information, now, id) = (header.payload_information, at(packet), Some(StreamId(header.stream_id.into())));
        if information.has_error() {
            stream.errors += 1;
            log.add("inetx.payload-error", Severity::Error, id, now, || {
                "the unit marks the payload as faulty (payload information, bit 31)".into()
            });
        }
        if information.lost() > 0 {
            stream.reported_lost += u64::from(information.lost());
            log.add("inetx.reported-loss", Severity::Error, id, now, || {
                format!("the unit says that it lost {} before this packet (payload information)", information.lost())
            });
        }
        stream.timeouts += u64::from(information.is_by_timeout());
    }

    #[cold]
    fn note_malformed(&mut self, packet: &Packet<'_>, header: InetxHeader) {
        let (length, id) = (packet.wire_payload_length(), Some(StreamId(header.stream_id.into())));
        if header.length as usize != length {
            self.log.add("inetx.length-mismatch", Severity::Error, id, at(packet), || {
                format!("the length field says {} bytes; the packet has {length}", header.length)
            });
        }
        if !header.is_time_valid() {
            self.log.add("inetx.bad-time", Severity::Error, id, at(packet), || {
                format!("the time has {} nanoseconds, a second or more", header.nanoseconds)
            });
        }
    }
}

impl FlowDecoder for InetxFlow {
    fn may_have_findings(&self) -> bool {
        may_have_findings(&self.streams, &self.log) || has_clocks_off(self, true)
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let header = InetxHeader::parse(packet.payload).map_err(|_| REFUSED)?;
        let sound = is_sound(header, packet);
        if !sound {
            // Damaged where the stream is known, another protocol otherwise (a Chapter 10 segment begins like this).
            self.streams.get(header.stream_id).ok_or(REFUSED)?;
            self.note_malformed(packet, header);
        }
        let id = StreamId(header.stream_id.into());
        let make = || Stream { track: Track::new(packet), errors: 0, reported_lost: 0, timeouts: 0, malformed: 0 };
        if let Some(stream) = self.streams.entry(header.stream_id, at(packet), make) {
            if header.is_time_valid() {
                let (sequence, time) = ((header.sequence, 32), header.nanos() as i64);
                let reading = Reading { sequence, time, comparable: true };
                stream.track.observe(packet, reading, id, &CODES, &mut self.log);
            }
            stream.malformed += u64::from(!sound);
            if header.payload_information.0 != 0 {
                Self::note_information(stream, packet, header, &mut self.log);
            }
        }
        fill(packet, header, result);
        Ok(packet.payload.len())
    }

    fn report(&self, report: &mut FlowReport) {
        for (id, stream) in self.streams.iter() {
            let measures = &mut report.stream(StreamId(id.into())).measures;
            stream.track.report(measures, true);
            let mut add = |name: &'static str, value: Value| measures.insert(name.into(), value);
            add("payload_error_packets", stream.errors.into());
            add("reported_lost", stream.reported_lost.into());
            add("timeout_packets", stream.timeouts.into());
            if stream.malformed > 0 {
                add("malformed_packets", stream.malformed.into());
            }
            if let Some(scale) = stream.track.time_scale() {
                add("time_scale", scale.into());
            }
        }
        report_table(&self.streams, "stream_ids", report);
        report_clocks(self, "inetx.clock-offset", true, report);
        report_findings(&self.streams, ("inetx.stream-limit", "stream ids"), &self.log, report);
    }
}

impl TelemetryFlow for InetxFlow {
    fn visit(&self, see: &mut dyn FnMut(u32, &Track)) {
        self.streams.iter().for_each(|(id, stream)| see(id, &stream.track));
    }
}
