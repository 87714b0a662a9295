//! The memory of one flow: its cyclic streams, and what else came.

use std::any::Any;
use std::collections::BTreeMap;

use streamlens_model::words::{Counted, Grouped, Span};
use streamlens_model::{FindingLog, Occurrence, Packet, Severity, StreamId, Subject, Value};

use super::acyclic::{Acyclic, note_dcp};
use super::alarm::RtaPdu;
use super::cyclic::{CyclicStream, Event, cyclic_id};
use super::dcp::DcpPdu;
use super::decoder::Pdu;
use super::frame::{self, DataStatus, Fragment, FrameClass, Trailer};
use super::measures::stream_measures;
use super::monitor::Record;
use super::probe::may_be_cyclic_over_udp;
use super::rpc::RpcHeader;
use super::{ETHER_TYPE, incomplete, refused};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PduState, Sequence, StreamMark};

/// Cyclic streams that are kept per flow; further ones are counted.
const MAX_STREAMS: usize = 64;
/// Frames after which a stream over UDP must have shown a steady counter.
const UDP_TRIAL: u64 = 8;

/// The decoder of one flow.
#[derive(Debug, Default)]
pub(super) struct ProfinetFlow {
    pub(super) streams: Vec<CyclicStream>,
    /// Which stream the last frame belonged to: nearly always the next one does too.
    current: usize,
    streams_refused: u64,
    /// What only flows with other frames need.
    acyclic: Option<Box<Acyclic>>,
    findings: FindingLog,
}

impl FlowDecoder for ProfinetFlow {
    #[inline]
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        // The frames of a running plant: nothing but cyclic data.
        if packet.ether_type == Some(ETHER_TYPE)
            && packet.offset == 0
            && let Some(frame_id) = cyclic_id(packet.payload)
        {
            return self.take_cyclic(packet, frame_id, false, result);
        }
        self.decode_other(packet, result)
    }

    fn report(&self, report: &mut FlowReport) {
        self.report_streams(report);
        self.report_acyclic(report);
        if !self.findings.is_empty() {
            report.findings.push(self.concluded());
        }
    }
}

fn in_frames(frames: i64) -> String {
    Counted(frames.unsigned_abs(), "frame").to_string()
}

fn in_steps(steps: i64) -> String {
    Grouped(steps.unsigned_abs()).to_string()
}

impl ProfinetFlow {
    /// What was found; changes of the data status end with what it is now.
    fn concluded(&self) -> FindingLog {
        let mut findings = self.findings.clone();
        findings.conclude("profinet.status-changed", |of, subject| {
            let stream = self.streams.iter().find(|stream| Some(StreamId(stream.frame_id.into())) == of)?;
            let status = stream.status()?;
            (subject.0 as u8 != status.0).then(|| format!("; now {}", status.text()))
        });
        findings
    }

    /// A flow's decoder as this one, where it is one.
    pub(super) fn of(decoder: &dyn FlowDecoder) -> Option<&Self> {
        (decoder as &dyn Any).downcast_ref()
    }

    /// What is no cyclic frame on Ethernet.
    #[inline(never)]
    fn decode_other(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let pdu = match self.known_over_udp(packet) {
            Some(frame_id) => Pdu::Cyclic { frame_id, over_udp: true },
            None => Pdu::read(packet)?,
        };
        if let Pdu::Cyclic { frame_id, over_udp } = pdu {
            return self.take_cyclic(packet, frame_id, over_udp, result);
        }
        pdu.describe(packet, result);
        self.take_acyclic(packet, &pdu, result);
        Ok(packet.payload.len())
    }

    #[inline(always)]
    fn take_cyclic(
        &mut self,
        packet: &Packet<'_>,
        frame_id: u16,
        over_udp: bool,
        result: &mut DecodingResult,
    ) -> Result<usize, DecodeError> {
        let length = packet.payload.len();
        if packet.wire_payload_length() < 2 + Trailer::LENGTH {
            return Err(incomplete("APDU status", 2, Trailer::LENGTH, length.saturating_sub(2)));
        }
        result.packet_type = frame::rt_type(frame_id, over_udp);
        let id = StreamId(u128::from(frame_id));
        if self.streams.get(self.current).is_none_or(|stream| stream.frame_id != frame_id) {
            self.find_or_add(frame_id, packet);
        }
        let Some(stream) = self.streams.get_mut(self.current) else {
            self.streams_refused += 1;
            result.mark(StreamMark { id, ..StreamMark::default() });
            return Ok(length);
        };
        if over_udp && stream.frames >= UDP_TRIAL && !stream.is_established() {
            return Err(refused("no steady cycle counter"));
        }
        let (trailer, events) = stream.take(packet);
        let sequence = match (trailer, stream.step()) {
            (Some(trailer), step) => {
                Some(Sequence { step: u32::from(step.unwrap_or(1)), ..Sequence::new(u64::from(trailer.counter), 16) })
            }
            (None, _) => None,
        };
        result.mark(StreamMark { id, sequence, clock: None });
        let is_first = stream.frames == 1;
        let Some(trailer) = trailer else {
            result.state = PduState::Cut;
            return Ok(length);
        };
        if result.wants_fields() {
            result.field("frame_id", frame_id);
            result.field("cycle_counter", trailer.counter);
            result.field("data_status", trailer.status.0);
            result.field("transfer_status", trailer.transfer);
        }
        if is_first || events.iter().any(Option::is_some) {
            let at = Occurrence { frame: packet.frame, time: packet.time };
            self.note(id, trailer.status, is_first, events, at);
        }
        Ok(length)
    }

    /// The `FrameID` of a datagram that goes on with a stream that is beyond doubt, whatever its status says.
    fn known_over_udp(&self, packet: &Packet<'_>) -> Option<u16> {
        if packet.ether_type.is_some() || packet.offset != 0 || self.streams.is_empty() {
            return None;
        }
        let id = cyclic_id(packet.payload).filter(|_| may_be_cyclic_over_udp(packet))?;
        self.streams.iter().any(|stream| stream.frame_id == id && stream.is_established()).then_some(id)
    }

    /// Makes the stream of this `FrameID` the current one; none, where there is no room for it.
    #[inline(never)]
    fn find_or_add(&mut self, frame_id: u16, packet: &Packet<'_>) {
        self.current = match self.streams.iter().position(|stream| stream.frame_id == frame_id) {
            Some(index) => index,
            None if self.streams.len() < MAX_STREAMS => {
                let at = Occurrence { frame: packet.frame, time: packet.time };
                if self.streams.is_empty() {
                    // nearly all flows have one, which is large
                    self.streams.reserve_exact(1);
                }
                self.streams.push(CyclicStream::new(frame_id, at));
                self.streams.len() - 1
            }
            None => usize::MAX,
        };
    }

    /// Makes findings of what a cyclic frame did.
    fn note(&mut self, id: StreamId, status: DataStatus, is_first: bool, events: [Option<Event>; 2], at: Occurrence) {
        let findings = &mut self.findings;
        let place = Some(id);
        let mut before = is_first.then_some(DataStatus(0x35));
        for event in events.into_iter().flatten() {
            match event {
                Event::Missing(frames) => {
                    let (what, of) = (("profinet.cycle-gap", Severity::Warning), (place, Subject::default()));
                    findings.add_figure(what, of, at, frames.into(), in_frames, || {
                        format!("the cycle counter passed over {}", in_frames(frames.into()))
                    });
                }
                Event::OffStep(step) => {
                    let (what, of) = (("profinet.cycle-gap", Severity::Warning), (place, Subject::of([1])));
                    findings.add_figure(what, of, at, step.into(), in_steps, || {
                        let (steps, time) = (Grouped(u64::from(step)), Span(i64::from(step) * 31_250));
                        format!("the cycle counter went on by {steps} ({time}), no multiple of its step: the provider restarted, or it is another one")
                    });
                }
                Event::Status(from) => {
                    before = Some(from);
                    let subject = Subject::of([from.0.into(), status.0.into()]);
                    findings.add_about("profinet.status-changed", Severity::Info, place, subject, at, || {
                        format!("data status went from {} to {}", from.text(), status.text())
                    });
                }
            }
        }
        let Some(before) = before else { return };
        if before.is_running() && !status.is_running() {
            findings.add("profinet.stop", Severity::Warning, place, at, || {
                format!("the provider is in stop from frame {}: data status {}", Grouped(at.frame), status.text())
            });
        }
        if !before.has_problem() && status.has_problem() {
            findings.add("profinet.station-problem", Severity::Warning, place, at, || {
                format!(
                    "the provider reports a station problem from frame {}: data status {}",
                    Grouped(at.frame),
                    status.text()
                )
            });
        }
    }

    fn take_acyclic(&mut self, packet: &Packet<'_>, pdu: &Pdu<'_>, result: &mut DecodingResult) {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let acyclic = self.acyclic.get_or_insert_default();
        match pdu {
            Pdu::Cm(header) => {
                if let Some(body) = packet.payload.get(RpcHeader::LENGTH..) {
                    acyclic.take_call(header, body, at, &mut self.findings, result);
                }
            }
            Pdu::Dcp(frame_id, pdu) => {
                acyclic.count(*frame_id);
                if let Some(pdu) = pdu {
                    note_dcp(pdu, at, &mut self.findings);
                    Record::frame(packet.payload, DcpPdu::HEADER + usize::from(pdu.length), result);
                }
            }
            Pdu::Alarm(frame_id, pdu) => {
                acyclic.count(*frame_id);
                if let Some(pdu) = pdu {
                    acyclic.take_alarm(pdu, at, &mut self.findings);
                    Record::frame(packet.payload, RtaPdu::HEADER + pdu.data.len(), result);
                }
            }
            &Pdu::Other(frame_id) => {
                acyclic.count(frame_id);
                if FrameClass::of(frame_id) == FrameClass::Fragment
                    && let Some(fragment) = Fragment::read(frame_id, packet.payload)
                {
                    acyclic.fragments.take(fragment);
                }
            }
            &Pdu::Ptcp(frame_id, _) | &Pdu::Cyclic { frame_id, .. } => acyclic.count(frame_id),
        }
    }

    fn report_streams(&self, report: &mut FlowReport) {
        for stream in &self.streams {
            let measures = &mut report.stream(StreamId(u128::from(stream.frame_id))).measures;
            stream_measures(stream, measures);
        }
        if self.streams_refused > 0 {
            report.fact("frames_of_further_streams", self.streams_refused);
        }
    }

    fn report_acyclic(&self, report: &mut FlowReport) {
        let mut ids: BTreeMap<u16, u64> = self.streams.iter().map(|stream| (stream.frame_id, stream.frames)).collect();
        if let Some(acyclic) = &self.acyclic {
            ids.extend(&acyclic.frame_ids);
            acyclic.report(report);
        }
        if !ids.is_empty() {
            report.fact("frame_ids", Value::map(ids.iter().map(|(id, n)| (format!("0x{id:04x}"), Value::from(*n)))));
        }
    }
}
