//! Modbus TCP: the decoder, and what it remembers of a flow.

use std::borrow::Cow;

use streamlens_model::words::Counted;
use streamlens_model::{FindingLog, FlowKey, Occurrence, Packet, Severity, StreamId, Subject};

use super::adu::{self, Adu, NoAdu};
use super::direction::{Direction, PORT};
use super::function::{self, Kind, PACKET_TYPES};
use super::monitor::{Framing, TransactionMonitor};
use super::probe;
use super::shape::{self, Shape};
use super::terms;
use crate::{
    Carrier, Confidence, ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport,
    PacketType, PduState, StreamDecoder, StreamMark,
};

const NAME: &str = "ModbusTCP";

/// Recognises and reads Modbus TCP on any port.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModbusTcpDecoder;

impl ModbusTcpDecoder {
    /// A decoder of Modbus TCP.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Tcp])
    .with_standards("Modbus Application Protocol V1.1b3, Modbus Messaging on TCP/IP V1.0b")
    .with_ports(&[PORT])
    .with_packet_types(PACKET_TYPES)
    .with_finding_prefix("modbus")
    .with_findings(&[terms::FINDINGS, terms::TCP_FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_fields(&[terms::FIELDS, terms::TCP_FIELDS]);

impl StreamDecoder for ModbusTcpDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        probe::probe(packet)
    }

    /// Without the memory of a flow that is known to be Modbus, what fits no function is another protocol's.
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let direction = &mut Direction::of_flow(packet.flow);
        let Taken { bytes, adu, length_is_wrong } = decode(packet, false, direction, result)?;
        let is_judged = result.state == PduState::Whole && !length_is_wrong;
        if is_judged && !probe::is_plausible(&adu, packet.has_port(PORT)) {
            return Err(DecodeError::Refused { protocol: NAME, reason: "the PDU fits no function" });
        }
        Ok(bytes)
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Owned(function::type_name(packet_type))
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("unit {}", id.0)
    }

    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        probe::find(packet.payload)
    }

    fn flow_decoder(&self, flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(ModbusFlow::new(flow)))
    }

    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        Some(Box::new(TransactionMonitor::new(Framing::Tcp)))
    }
}

/// One direction of a connection: it learns which direction it is.
pub(super) struct ModbusFlow {
    direction: Direction,
    pending: Undecided,
    /// Bytes of a PDU that was not whole at the end of the segment before.
    unfinished: Option<usize>,
    /// PDUs of a public function that fit it.
    fits: u32,
    /// Those that do not.
    contradicts: u32,
    log: FindingLog,
}

/// The functions that came before the direction was known: one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undecided(u128);

impl Undecided {
    pub(super) fn note(&mut self, packet_type: PacketType) {
        if let (Kind::Undecided, function) = Kind::split(packet_type) {
            self.0 |= 1 << function;
        }
    }

    /// Gives the packet types of those functions the names that they turned out to have.
    pub(super) fn name(self, direction: Direction, report: &mut FlowReport) {
        for function in (0..128_u8).filter(|f| self.0 >> f & 1 == 1) {
            let name = function::type_name(direction.settled().of(function));
            report.type_names.insert(Kind::Undecided.of(function), Cow::Owned(name));
        }
    }
}

/// How many more PDUs may contradict their function than fit it in a flow without port 502, before what comes is refused.
const CONTRADICTIONS: u32 = 3;

impl ModbusFlow {
    fn new(flow: &FlowKey) -> Self {
        Self {
            direction: Direction::of_flow(flow),
            pending: Undecided::default(),
            unfinished: None,
            fits: 0,
            contradicts: 0,
            log: FindingLog::default(),
        }
    }

    /// Takes what came in earlier segments as a PDU, where its length field reaches beyond and a further ADU begins with the
    /// segment at hand: then the length was wrong.
    fn end_at_segment(&self, packet: &Packet<'_>) -> Option<usize> {
        let border = self.unfinished?;
        let (adu, behind) = (adu::parse(packet.payload).ok()?, packet.payload.get(border..)?);
        let next = adu::parse(behind).ok()?;
        let begins = next.shape() == Shape::Exact && ends_well(behind, next.length);
        (adu.length > border && adu.length != packet.payload.len() && begins).then_some(border)
    }

    fn note_wrong_length(&mut self, packet: &Packet<'_>, adu: &Adu<'_>, taken: usize) {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let subject = Subject::of([u16::from(adu.function)]);
        let (said, there) = (adu.length - adu::HEADER, taken - adu::HEADER);
        let (code, of) = (("modbus.length", Severity::Warning), (stream(adu.unit), subject));
        self.log.add_figure(code, of, at, said as i64, bytes, || {
            let name = function::function_name(adu.function & 0x7F);
            format!("{name} of unit {}: the header says {}, and there are {there}", adu.unit, bytes(said as i64))
        });
    }

    /// Records a header whose length is not allowed, and says so.
    fn impossible(&mut self, packet: &Packet<'_>, length: u16) -> DecodeError {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let unit = packet.payload.get(6).copied().unwrap_or(0);
        let (code, of) = (("modbus.length", Severity::Error), (stream(unit), Subject::default()));
        self.log.add_figure(code, of, at, length.into(), bytes, || {
            format!("a header of unit {unit} says {}, 2 to 254 are allowed: its PDU is lost", bytes(length.into()))
        });
        let reason = "it is not one of Modbus";
        DecodeError::Malformed { protocol: NAME, field: "length", offset: packet.offset, reason }
    }

    fn note_misfit(&mut self, packet: &Packet<'_>, adu: &Adu<'_>) {
        let at = Occurrence { frame: packet.frame, time: packet.time };
        let (code, subject) = (("modbus.shape", Severity::Warning), Subject::of([u16::from(adu.function)]));
        self.log.add_figure(code, (stream(adu.unit), subject), at, adu.data.len() as i64, bytes, || {
            format!(
                "{} (function {:#04x}) of unit {}: {} of data fit neither a request nor a response",
                function::function_name(adu.function & 0x7F),
                adu.function,
                adu.unit,
                bytes(adu.data.len() as i64)
            )
        });
    }
}

fn stream(unit: u8) -> Option<StreamId> {
    Some(StreamId(u128::from(unit)))
}

fn bytes(count: i64) -> String {
    Counted(count.unsigned_abs(), "byte").to_string()
}

impl FlowDecoder for ModbusFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let border = self.end_at_segment(packet);
        self.unfinished = None;
        let cut = border.and_then(|border| packet.payload.get(..border)).unwrap_or(packet.payload);
        let own = Packet { payload: cut, is_stream: packet.is_stream && border.is_none(), ..*packet };
        let Taken { bytes, adu, length_is_wrong } = match decode(&own, border.is_some(), &mut self.direction, result) {
            Ok(taken) => taken,
            Err(DecodeError::Refused { .. }) if adu::impossible_length(packet.payload).is_some() => {
                return Err(self.impossible(packet, adu::impossible_length(packet.payload).unwrap_or(0)));
            }
            Err(error) => {
                if packet.is_stream && matches!(error, DecodeError::Incomplete { .. }) {
                    self.unfinished = Some(packet.payload.len());
                }
                return Err(error);
            }
        };
        self.pending.note(result.packet_type);
        if length_is_wrong {
            self.note_wrong_length(packet, &adu, bytes);
        } else if result.state == PduState::Whole {
            match adu.shape() {
                Shape::Exact | Shape::OutOfRange => self.fits = self.fits.saturating_add(1),
                Shape::Unknown => {}
                Shape::Misfit => {
                    self.contradicts = self.contradicts.saturating_add(1);
                    // a header is six bytes that other protocols have too: what is in it has to fit
                    if !packet.has_port(PORT) && self.contradicts > self.fits.saturating_add(CONTRADICTIONS) {
                        let reason = "more PDUs contradict their functions than fit them";
                        return Err(DecodeError::Refused { protocol: NAME, reason });
                    }
                    self.note_misfit(packet, &adu);
                }
            }
        }
        Ok(bytes)
    }

    fn on_gap(&mut self, _: Option<u64>, _: Occurrence) {
        self.unfinished = None;
    }

    fn report(&self, report: &mut FlowReport) {
        self.pending.name(self.direction, report);
        if !self.log.is_empty() {
            report.findings.push(self.log.clone());
        }
    }
}

/// An ADU at the front of a payload.
struct Taken<'a> {
    bytes: usize,
    adu: Adu<'a>,
    /// Whether it ends elsewhere than its header says.
    length_is_wrong: bool,
}

/// Whether the bytes end there, or a further header may begin.
fn ends_well(bytes: &[u8], at: usize) -> bool {
    match bytes.get(at..) {
        Some([]) => true,
        Some(rest) => matches!(adu::parse(rest), Ok(_) | Err(NoAdu::Needs(_))),
        None => false,
    }
}

/// Where the ADU ends, if not where its header says: as its function says, where the bytes end or go on with a header there
/// and not at the other place.
fn other_end(bytes: &[u8], adu: &Adu<'_>, direction: Direction) -> Option<usize> {
    let by_function = adu.length_by_function(direction.kind(adu.is_exception()))?;
    let is_whole = adu.length <= bytes.len();
    if by_function == adu.length || (is_whole && (adu.shape() != Shape::Misfit || ends_well(bytes, adu.length))) {
        return None;
    }
    // of a PDU that the header says is not whole yet, only the end of the bytes says that it is
    let ends = if is_whole { ends_well(bytes, by_function) } else { by_function == bytes.len() };
    ends.then_some(by_function)
}

fn decode<'a>(
    packet: &Packet<'a>,
    is_all: bool,
    direction: &mut Direction,
    result: &mut DecodingResult,
) -> Result<Taken<'a>, DecodeError> {
    let bytes = packet.payload;
    let incomplete = |needed| DecodeError::Incomplete {
        protocol: NAME,
        field: "ADU",
        offset: packet.offset,
        needed,
        present: bytes.len(),
    };
    let adu = match adu::parse(bytes) {
        Ok(adu) => adu,
        Err(NoAdu::Needs(needed)) => return Err(incomplete(needed)),
        Err(NoAdu::Not(reason)) => return Err(DecodeError::Refused { protocol: NAME, reason }),
    };
    let mut taken = adu.length;
    let other = if is_all { Some(bytes.len()) } else { other_end(bytes, &adu, *direction) };
    if let Some(length) = other.filter(|_| packet.missing == 0) {
        taken = length;
    } else if adu.length > bytes.len() {
        if adu.length > packet.wire_payload_length() || packet.missing == 0 {
            return Err(incomplete(adu.length));
        }
        // Only the capture cut it.
        result.state = PduState::Cut;
        result.pdu_length = u32::try_from(adu.length).ok();
        taken = bytes.len();
    } else {
        direction.learn(adu.as_request(), adu.as_response());
    }
    result.packet_type = direction.kind(adu.is_exception()).of(adu.function);
    result.mark(StreamMark { id: StreamId(u128::from(adu.unit)), sequence: None, clock: None });
    if result.wants_fields() {
        result.field("transaction", adu.transaction);
        fields(adu.unit, adu.function, adu.data, Kind::split(result.packet_type).0, result);
    }
    let length_is_wrong = result.state == PduState::Whole && taken != adu.length;
    Ok(Taken { bytes: taken, adu, length_is_wrong })
}

/// The fields that Modbus TCP and RTU share.
pub(super) fn fields(unit: u8, function: u8, data: &[u8], kind: Kind, result: &mut DecodingResult) {
    result.field("unit", unit);
    result.field("function", function & 0x7F);
    if kind == Kind::Exception {
        if let Some(&code) = data.first() {
            result.field("exception", code);
            result.field("exception_name", function::exception_name(code));
        }
    } else if let (Kind::Request, Some((address, quantity))) = (kind, range(function, data)) {
        result.field("address", address);
        result.field("quantity", quantity);
    }
}

/// The first address and the quantity that a request asks for; writes of one thing have quantity 1.
pub(super) fn range(function: u8, data: &[u8]) -> Option<(u16, u16)> {
    let word = |at: usize| shape::word(data, at);
    match function {
        1..=4 | 15 | 16 | 23 => Some((word(0)?, word(2)?)),
        5 | 6 | 22 | 24 => Some((word(0)?, 1)),
        _ => None,
    }
}
