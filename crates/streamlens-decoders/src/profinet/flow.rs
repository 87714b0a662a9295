//! The memory of one flow: its cyclic streams, its alarms and DCP, and RPC calls that are cut into fragments.

use std::any::Any;
use std::collections::BTreeMap;

use streamlens_model::{FindingLog, Occurrence, Packet, Severity, StreamId, Value};

use super::alarm::{RtaKind, RtaPdu, abort_reason, alarm_name, is_harmless};
use super::cm::Body;
use super::cyclic::{CyclicStream, Event, cyclic_id};
use super::dcp::{DcpPdu, Fact, block_error};
use super::decoder::Pdu;
use super::frame::{self, DataStatus, Fragment, FrameClass, Trailer};
use super::measures::stream_measures;
use super::monitor::Record;
use super::probe::may_be_cyclic_over_udp;
use super::rpc::{RpcHeader, number};
use super::{ETHER_TYPE, Uuid, incomplete, refused};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PduState, Sequence, StreamMark};

/// Cyclic streams that are kept per flow; further ones are counted.
const MAX_STREAMS: usize = 64;
/// Other `FrameID`s that are counted one by one.
const MAX_IDS: usize = 64;
/// RPC calls whose fragments are being put together, and the most bytes of one.
const MAX_CALLS: usize = 4;
const MAX_CALL_BYTES: usize = 1 << 16;
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

#[derive(Debug, Default)]
struct Acyclic {
    frame_ids: BTreeMap<u16, u64>,
    other_ids: u64,
    rta: BTreeMap<RtaKind, u64>,
    alarm_types: BTreeMap<u16, u64>,
    fragments: Fragments,
    calls: Vec<Call>,
    calls_dropped: u64,
}

/// Fragments of real-time frames: how many, and how many were passed over.
#[derive(Debug, Default)]
struct Fragments {
    next: [Option<u8>; 16],
    frames: u64,
    missing: u64,
}

/// An RPC call of which fragments have come.
#[derive(Debug)]
struct Call {
    key: (Uuid, u32, u8),
    next: u16,
    bytes: Vec<u8>,
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
        if let Some(frame_id) = self.known_over_udp(packet) {
            return self.take_cyclic(packet, frame_id, true, result);
        }
        let pdu = Pdu::read(packet)?;
        if let Pdu::Cyclic { frame_id, over_udp } = pdu {
            return self.take_cyclic(packet, frame_id, over_udp, result);
        }
        pdu.describe(packet, result);
        self.take_acyclic(packet, &pdu, result);
        Ok(packet.payload.len())
    }

    fn report(&self, report: &mut FlowReport) {
        self.report_streams(report);
        self.report_acyclic(report);
        if !self.findings.is_empty() {
            report.findings.push(self.findings.clone());
        }
    }
}

impl ProfinetFlow {
    /// A flow's decoder as this one, where it is one.
    pub(super) fn of(decoder: &dyn FlowDecoder) -> Option<&Self> {
        (decoder as &dyn Any).downcast_ref()
    }

    #[inline]
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
        let Some(stream) = self.stream(frame_id, Occurrence { frame: packet.frame, time: packet.time }) else {
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
        if is_first || events != [None, None] {
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

    #[inline]
    fn stream(&mut self, frame_id: u16, at: Occurrence) -> Option<&mut CyclicStream> {
        if self.streams.get(self.current).is_none_or(|stream| stream.frame_id != frame_id) {
            self.current = match self.streams.iter().position(|stream| stream.frame_id == frame_id) {
                Some(index) => index,
                None if self.streams.len() < MAX_STREAMS => {
                    self.streams.push(CyclicStream::new(frame_id, at));
                    self.streams.len() - 1
                }
                None => return None,
            };
        }
        self.streams.get_mut(self.current)
    }

    /// Makes findings of what a cyclic frame did.
    fn note(&mut self, id: StreamId, status: DataStatus, is_first: bool, events: [Option<Event>; 2], at: Occurrence) {
        let findings = &mut self.findings;
        let place = Some(id);
        let mut before = is_first.then_some(DataStatus(0x35));
        for event in events.into_iter().flatten() {
            match event {
                Event::Missing(frames) => {
                    findings.add("profinet.cycle-gap", Severity::Warning, place, at, || {
                        format!("the cycle counter passed over {frames} frames before frame {}", at.frame)
                    });
                }
                Event::OffStep(step) => {
                    findings.add("profinet.cycle-gap", Severity::Warning, place, at, || {
                        let time = f64::from(step) * 0.031_25;
                        format!("the cycle counter went on by {step} ({time} ms), no multiple of its step: the provider restarted, or it is another one")
                    });
                }
                Event::Status(from) => {
                    before = Some(from);
                    findings.add("profinet.status-changed", Severity::Info, place, at, || {
                        format!("data status went from {} to {}", from.text(), status.text())
                    });
                }
            }
        }
        let Some(before) = before else { return };
        if before.is_running() && !status.is_running() {
            findings.add("profinet.stop", Severity::Warning, place, at, || {
                format!("the provider is in stop from frame {}: data status {}", at.frame, status.text())
            });
        }
        if !before.has_problem() && status.has_problem() {
            findings.add("profinet.station-problem", Severity::Warning, place, at, || {
                format!("the provider reports a station problem from frame {}: data status {}", at.frame, status.text())
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

impl Acyclic {
    fn count(&mut self, frame_id: u16) {
        if self.frame_ids.len() < MAX_IDS || self.frame_ids.contains_key(&frame_id) {
            *self.frame_ids.entry(frame_id).or_default() += 1;
        } else {
            self.other_ids += 1;
        }
    }

    fn take_alarm(&mut self, pdu: &RtaPdu<'_>, at: Occurrence, findings: &mut FindingLog) {
        *self.rta.entry(pdu.kind).or_default() += 1;
        if let Some(alarm) = pdu.notification() {
            if self.alarm_types.len() < MAX_IDS || self.alarm_types.contains_key(&alarm.alarm_type) {
                *self.alarm_types.entry(alarm.alarm_type).or_default() += 1;
            }
            let severity = if is_harmless(alarm.alarm_type) { Severity::Info } else { Severity::Warning };
            findings.add("profinet.alarm", severity, None, at, || {
                let (name, slot, subslot, api) = (alarm_name(alarm.alarm_type), alarm.slot, alarm.subslot, alarm.api);
                format!("alarm {name} from slot {slot}, subslot 0x{subslot:04x} (API {api})")
            });
        }
        if let Some(status) = pdu.error() {
            // Releasing a relation ends it by such an error too.
            let orderly = matches!(status.0, [0xCF, 0x81, 0xFD, 0x02 | 0x0D | 0x0F]);
            let severity = if orderly { Severity::Info } else { Severity::Error };
            findings.add("profinet.relation-ended", severity, None, at, || match abort_reason(status) {
                Some(reason) => format!("the application relation was ended by an RTA error: {reason}; {status}"),
                None => format!("the application relation was ended by an RTA error: {status}"),
            });
        }
    }

    /// Takes a PDU of an RPC call, and publishes the call when it is whole.
    fn take_call(
        &mut self,
        header: &RpcHeader,
        body: &[u8],
        at: Occurrence,
        findings: &mut FindingLog,
        result: &mut DecodingResult,
    ) {
        let body = body.get(..usize::from(header.length)).unwrap_or(body);
        if !matches!(header.packet_type, 0 | 2) {
            note_refusal(header, body, at, findings);
            return;
        }
        if !header.is_fragment() {
            note_answer(header, body, at, findings);
            Record::call(header, body, result);
            return;
        }
        let key = (header.activity, header.sequence, header.packet_type);
        let index = self.calls.iter().position(|call| call.key == key);
        let mut call = match (index, header.fragment) {
            (Some(index), _) => self.calls.remove(index),
            (None, 0) => Call { key, next: 0, bytes: Vec::new() },
            (None, _) => return,
        };
        if header.fragment < call.next {
            self.calls.push(call); // A fragment that was sent again.
            return;
        }
        if header.fragment != call.next || call.bytes.len() + body.len() > MAX_CALL_BYTES {
            self.calls_dropped += 1;
            return;
        }
        call.bytes.extend_from_slice(body);
        call.next += 1;
        if header.is_last_fragment() {
            note_answer(header, &call.bytes, at, findings);
            Record::call(header, &call.bytes, result);
            return;
        }
        if self.calls.len() == MAX_CALLS {
            self.calls.remove(0);
            self.calls_dropped += 1;
        }
        self.calls.push(call);
    }

    fn report(&self, report: &mut FlowReport) {
        if self.other_ids > 0 {
            report.fact("frames_of_further_ids", self.other_ids);
        }
        if !self.rta.is_empty() {
            report.fact("rta", Value::map(self.rta.iter().map(|(kind, n)| (kind.name(), Value::from(*n)))));
        }
        if !self.alarm_types.is_empty() {
            let types = self.alarm_types.iter().map(|(kind, n)| (alarm_name(*kind), Value::from(*n)));
            report.fact("alarm_types", Value::map(types));
        }
        if self.fragments.frames > 0 {
            report.fact("fragments", self.fragments.frames);
            report.fact("fragments_missing", self.fragments.missing);
        }
        if self.calls_dropped > 0 {
            report.fact("calls_with_missing_fragments", self.calls_dropped);
        }
    }
}

impl Fragments {
    fn take(&mut self, fragment: Fragment) {
        self.frames += 1;
        let Some(next) = self.next.get_mut(usize::from(fragment.series)) else { return };
        if let Some(next) = *next {
            self.missing += u64::from(fragment.number.wrapping_sub(next) & 0x3F);
        }
        // Before the first of a series nothing is known of what came.
        *next = fragment.more.then_some(fragment.number.wrapping_add(1) & 0x3F);
    }
}

/// Answers with errors to DCP requests to set something.
fn note_dcp(pdu: &DcpPdu<'_>, at: Occurrence, findings: &mut FindingLog) {
    if pdu.service != 4 || !pdu.is_response() {
        return;
    }
    for block in pdu.blocks() {
        if let Some(Fact::Answer(option, suboption, error @ 1..)) = block.fact() {
            findings.add("profinet.dcp-refused", Severity::Warning, None, at, || {
                format!("DCP Set of option {option}, suboption {suboption} refused: {}", block_error(error))
            });
        }
    }
}

/// Answers with a PNIO status that is not good.
fn note_answer(header: &RpcHeader, body: &[u8], at: Occurrence, findings: &mut FindingLog) {
    let status = Body::read(body, header.packet_type == 2, header.little_endian).and_then(|body| body.status);
    if let Some(status) = status.filter(|status| !status.is_ok()) {
        findings.add("profinet.cm-error", Severity::Warning, None, at, || {
            format!("{} answered with an error: {status}", operation(header))
        });
    }
}

/// Calls that the other side faults or rejects.
fn note_refusal(header: &RpcHeader, body: &[u8], at: Occurrence, findings: &mut FindingLog) {
    if !matches!(header.packet_type, 3 | 6) {
        return;
    }
    let code = number(body, 0, header.little_endian).map_or(0, u32::from_be_bytes);
    findings.add("profinet.cm-fault", Severity::Warning, None, at, || {
        let what = if header.packet_type == 3 { "faulted" } else { "rejected" };
        format!("{} {what} with RPC status 0x{code:08x}", operation(header))
    });
}

fn operation(header: &RpcHeader) -> String {
    match frame::operation_name(header.operation) {
        Some(name) => name.to_owned(),
        None => format!("Operation {}", header.operation),
    }
}
