//! Modbus TCP: the decoder, and what it remembers of a flow.

use std::borrow::Cow;

use streamlens_model::{FindingLog, FlowKey, Occurrence, Packet, Severity, StreamId};

use super::adu::{self, Adu, NoAdu};
use super::direction::{Direction, PORT};
use super::function::{self, Kind, PACKET_TYPES};
use super::monitor::{Framing, TransactionMonitor};
use super::probe;
use super::shape::Shape;
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
    .with_finding_prefix("modbus");

impl StreamDecoder for ModbusTcpDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        probe::probe(packet)
    }

    /// Without the memory of a flow that is known to be Modbus, what fits no function is another protocol's.
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let taken = ModbusFlow::new(packet.flow).decode_packet(packet, result)?;
        let is_plausible = |adu: &Adu<'_>| probe::is_plausible(adu, packet.has_port(PORT));
        if result.state == PduState::Whole && !adu::parse(packet.payload).is_ok_and(|adu| is_plausible(&adu)) {
            return Err(DecodeError::Refused { protocol: NAME, reason: "the PDU fits no function" });
        }
        Ok(taken)
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

impl ModbusFlow {
    fn new(flow: &FlowKey) -> Self {
        Self { direction: Direction::of_flow(flow), pending: Undecided::default(), log: FindingLog::default() }
    }
}

impl FlowDecoder for ModbusFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let (taken, adu) = decode(packet, &mut self.direction, result)?;
        self.pending.note(result.packet_type);
        if result.state == PduState::Whole && adu.shape() == Shape::Misfit {
            let at = Occurrence { frame: packet.frame, time: packet.time };
            let stream = Some(StreamId(u128::from(adu.unit)));
            self.log.add("modbus.shape", Severity::Warning, stream, at, || {
                format!(
                    "{} (function {:#04x}) of unit {}: {} bytes of data fit neither a request nor a response",
                    function::function_name(adu.function & 0x7F),
                    adu.function,
                    adu.unit,
                    adu.data.len()
                )
            });
        }
        Ok(taken)
    }

    fn report(&self, report: &mut FlowReport) {
        self.pending.name(self.direction, report);
        if !self.log.is_empty() {
            report.findings.push(self.log.clone());
        }
    }
}

fn decode<'a>(
    packet: &Packet<'a>,
    direction: &mut Direction,
    result: &mut DecodingResult,
) -> Result<(usize, Adu<'a>), DecodeError> {
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
    if adu.length > bytes.len() {
        if adu.length > packet.wire_payload_length() || packet.missing == 0 {
            return Err(incomplete(adu.length));
        }
        // Only the capture cut it.
        result.state = PduState::Cut;
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
    Ok((taken, adu))
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
    let word = |at: usize| Some(u16::from_be_bytes(*data.get(at..)?.first_chunk()?));
    match function {
        1..=4 | 15 | 16 | 23 => Some((word(0)?, word(2)?)),
        5 | 6 | 22 | 24 => Some((word(0)?, 1)),
        _ => None,
    }
}
