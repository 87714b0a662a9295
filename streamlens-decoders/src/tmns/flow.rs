//! The TmNS message definitions of one flow.

use streamlens_model::{FindingLog, Packet, Severity, StreamId, Value};

use super::decoder::{Message, Shape, fill, read};
use super::header::TmnsHeader;
use crate::telemetry::{
    Codes, Reading, StreamTable, TelemetryFlow, Track, at, has_clocks_off, may_have_findings, report_clocks,
    report_findings, report_table,
};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport};

const CODES: Codes =
    Codes { backwards: "tmns.time-backwards", jump: Some("tmns.time-jump"), severity: Severity::Warning };

/// Code, severity and sentence of the finding about a flag.
type FlagFinding = (&'static str, Severity, &'static str);

/// The flags that are counted: bit, name of the measure, code of the finding with its severity and sentence.
const FLAGS: [(u16, &str, Option<FlagFinding>); 5] = [
    (TmnsHeader::END_OF_DATA, "end_of_data_messages", None),
    (
        TmnsHeader::HEALTH_ERROR,
        "health_error_messages",
        Some(("tmns.health-error", Severity::Warning, "the source says that its health is impaired (flag 0x0002)")),
    ),
    (
        TmnsHeader::TIME_NOT_LOCKED,
        "time_not_locked_messages",
        Some(("tmns.time-not-locked", Severity::Warning, "the source says that its clock is not locked (flag 0x0004)")),
    ),
    (
        TmnsHeader::SIMULATED,
        "simulated_messages",
        Some(("tmns.simulated", Severity::Info, "the source says that the data are simulated (flag 0x0008)")),
    ),
    (
        TmnsHeader::PLAYBACK,
        "playback_messages",
        Some(("tmns.playback", Severity::Info, "the source says that the data are played back (flag 0x0040)")),
    ),
];
const COUNTED: u16 = 0x004F;

/// Remembers the message definitions of one flow. Made by [`TmnsDecoder`](super::TmnsDecoder).
#[derive(Debug, Default)]
pub struct TmnsFlow {
    definitions: StreamTable<Definition>,
    log: FindingLog,
    end_markers: u64,
    fragments: u64,
    packages: u64,
    untested: u64,
    broken: u64,
}

#[derive(Clone, Debug)]
struct Definition {
    track: Track,
    packages: u64,
    broken: u64,
    flags: [u64; FLAGS.len()],
}

impl Definition {
    fn note_flags(&mut self, packet: &Packet<'_>, header: TmnsHeader, log: &mut FindingLog) {
        for ((flag, _, finding), count) in FLAGS.into_iter().zip(&mut self.flags) {
            if !header.has(flag) {
                continue;
            }
            *count += 1;
            if let Some((code, severity, text)) = finding {
                log.add(code, severity, Some(StreamId(header.definition_id.into())), at(packet), || text.into());
            }
        }
    }
}

impl FlowDecoder for TmnsFlow {
    fn may_have_findings(&self) -> bool {
        may_have_findings(&self.definitions, &self.log) || has_clocks_off(self, true)
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let message = read(packet)?;
        let Message { header, shape, taken } = message;
        fill(packet, message, result);
        self.untested += u64::from(shape == Shape::Untested);
        if header.is_end_marker() {
            self.end_markers += 1;
            return Ok(taken);
        }
        let (now, id) = (at(packet), StreamId(header.definition_id.into()));
        self.fragments += u64::from(header.has(TmnsHeader::FRAGMENT));
        if shape == Shape::Broken {
            self.broken += 1;
            self.log.add("tmns.packages-broken", Severity::Error, Some(id), now, || {
                format!("the packages of a message of {} bytes do not end with it", header.length)
            });
        }
        let make = || Definition { track: Track::new(packet), packages: 0, broken: 0, flags: [0; FLAGS.len()] };
        if let Some(definition) = self.definitions.entry(header.definition_id, now, make) {
            let reading = Reading { sequence: (header.sequence, 32), time: header.nanos() as i64, comparable: true };
            definition.track.observe(packet, reading, id, &CODES, &mut self.log);
            match shape {
                Shape::Packages(count) => {
                    definition.packages += count;
                    self.packages += count;
                }
                Shape::Broken => definition.broken += 1,
                Shape::Untested => {}
            }
            if header.has(COUNTED) {
                definition.note_flags(packet, header, &mut self.log);
            }
        }
        Ok(taken)
    }

    fn report(&self, report: &mut FlowReport) {
        for (id, definition) in self.definitions.iter() {
            let measures = &mut report.stream(StreamId(id.into())).measures;
            definition.track.report(measures, true);
            let mut add = |name: &'static str, value: Value| measures.insert(name.into(), value);
            add("packages", definition.packages.into());
            for ((_, name, _), count) in FLAGS.into_iter().zip(definition.flags) {
                add(name, count.into());
            }
            if definition.broken > 0 {
                add("malformed_packets", definition.broken.into());
            }
            if let Some(scale) = definition.track.time_scale() {
                add("time_scale", scale.into());
            }
        }
        report_table(&self.definitions, "message_definitions", report);
        // Without packages that could be tested only header and length speak for it.
        if self.packages == 0 {
            report.confidence_limit = Some(if self.untested > 0 { 0.9 } else { 0.5 });
        }
        report.fact("packages", self.packages);
        report.fact("end_markers", self.end_markers);
        report.fact("fragments", self.fragments);
        if self.broken > 0 {
            report.fact("malformed", Value::map([("packages do not end with the message", self.broken.into())]));
        }
        report_clocks(self, "tmns.clock-offset", true, report);
        report_findings(&self.definitions, ("tmns.message-limit", "message definitions"), &self.log, report);
    }
}

impl TelemetryFlow for TmnsFlow {
    fn visit(&self, see: &mut dyn FnMut(u32, &Track)) {
        self.definitions.iter().for_each(|(id, definition)| see(id, &definition.track));
    }
}
