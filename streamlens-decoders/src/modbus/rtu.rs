//! Modbus RTU frames in a TCP stream: unit, PDU and CRC-16, without length or transaction identifier.

use std::borrow::Cow;

use streamlens_model::{FlowKey, Packet, StreamId};

use super::decoder::{Undecided, fields};
use super::direction::Direction;
use super::function::{self, Kind, PACKET_TYPES};
use super::monitor::{Framing, TransactionMonitor};
use super::shape::{self, Extent, Shape};
use super::terms;
use crate::{
    Carrier, Confidence, ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport,
    PacketType, StreamDecoder, StreamMark,
};

const NAME: &str = "ModbusRTU";

/// The longest RTU frame: unit, 253 bytes of PDU, CRC.
const MAX_FRAME: usize = 256;

/// Recognises and reads Modbus RTU frames carried by TCP, as serial gateways send them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModbusRtuDecoder;

impl ModbusRtuDecoder {
    /// A decoder of Modbus RTU over TCP.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// One RTU frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RtuFrame<'a> {
    pub(super) unit: u8,
    /// Function code with its exception bit.
    pub(super) function: u8,
    /// Between function code and CRC.
    pub(super) data: &'a [u8],
    /// Bytes of the frame with its CRC.
    pub(super) length: usize,
}

impl RtuFrame<'_> {
    pub(super) fn as_request(&self) -> Shape {
        if self.function & 0x80 != 0 { Shape::Misfit } else { shape::request(self.function, self.data) }
    }

    pub(super) fn as_response(&self) -> Shape {
        if self.function & 0x80 != 0 { shape::exception(self.data) } else { shape::response(self.function, self.data) }
    }
}

/// CRC-16 of Modbus over Serial Line V1.02, 6.2.2: polynomial 0xA001 reflected, start 0xFFFF, low byte first. Over a
/// frame with its CRC it is 0.
fn crc(bytes: &[u8]) -> u16 {
    const TABLE: [u16; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut value, mut bit) = (index as u16, 0);
            while bit < 8 {
                value = if value & 1 == 1 { value >> 1 ^ 0xA001 } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        let index = usize::from((crc as u8) ^ byte);
        crc >> 8 ^ TABLE.get(index).copied().unwrap_or(0)
    })
}

/// Why no frame could be read.
enum NoFrame {
    Needs(usize),
    Not(&'static str),
}

/// The lengths that a frame of this function can have, as far as its first bytes tell: of a request, a response.
/// `None` where more bytes are needed to know; 0 where the function has none.
fn lengths(bytes: &[u8]) -> [Option<usize>; 2] {
    let Some((&function, data)) = bytes.get(1..).and_then(<[u8]>::split_first) else { return [None, None] };
    // Unit, function and CRC are four bytes around the data.
    let whole = |extent| match extent {
        Extent::Bytes(data) if data <= MAX_FRAME => Some(4 + data),
        Extent::NeedsMore => None,
        Extent::Bytes(_) | Extent::Unknown => Some(0),
    };
    match function {
        0x80.. => [Some(0), Some(5)],
        // on serial lines Diagnostics carry one word
        8 => [Some(8), Some(8)],
        _ => [shape::request_extent(function, data), shape::response_extent(function, data)].map(whole),
    }
}

/// Reads the frame at the front: of the possible lengths the one at which the CRC is right.
fn parse(bytes: &[u8], direction: Direction) -> Result<RtuFrame<'_>, NoFrame> {
    let [unit, code, ..] = *bytes else { return Err(NoFrame::Needs(4)) };
    if unit > 247 && unit != 255 {
        return Err(NoFrame::Not("the unit is reserved"));
    }
    let [request, response] = lengths(bytes);
    let mut tries = [request, response];
    if direction.settled() == Kind::Response {
        tries.reverse();
    }
    let mut needs = None;
    for length in tries {
        match length {
            None => needs = Some(bytes.len() + 1),
            Some(length) if !(4..=MAX_FRAME).contains(&length) => {}
            Some(length) => match bytes.get(..length) {
                None => needs = Some(needs.map_or(length, |n: usize| n.min(length))),
                Some(frame) if crc(frame) == 0 => {
                    let data = frame.get(2..length - 2).unwrap_or_default();
                    return Ok(RtuFrame { unit, function: code, data, length });
                }
                Some(_) => {}
            },
        }
    }
    // A function of no known length ends where the bytes end, or the CRC is not its own.
    if tries == [Some(0), Some(0)] && code != 0 && (4..=MAX_FRAME).contains(&bytes.len()) && crc(bytes) == 0 {
        let data = bytes.get(2..bytes.len() - 2).unwrap_or_default();
        return Ok(RtuFrame { unit, function: code, data, length: bytes.len() });
    }
    match needs {
        Some(needed) if needed <= MAX_FRAME => Err(NoFrame::Needs(needed)),
        _ => Err(NoFrame::Not("no CRC is right")),
    }
}

fn decode<'a>(
    packet: &Packet<'a>,
    direction: &mut Direction,
    result: &mut DecodingResult,
) -> Result<usize, DecodeError> {
    let frame = match parse(packet.payload, *direction) {
        Ok(frame) => frame,
        Err(NoFrame::Not(reason)) => return Err(DecodeError::Refused { protocol: NAME, reason }),
        Err(NoFrame::Needs(needed)) => {
            return Err(DecodeError::Incomplete {
                protocol: NAME,
                field: "RTU frame",
                offset: packet.offset,
                needed,
                present: packet.payload.len(),
            });
        }
    };
    let (request, response) = (frame.as_request(), frame.as_response());
    direction.learn(request, response);
    // a line that echoes requests holds both kinds in one flow: what fits one kind alone is that
    let kind = match (request, response) {
        (Shape::Exact, Shape::Misfit) => Kind::Request,
        (Shape::Misfit, Shape::Exact) if frame.function & 0x80 == 0 => Kind::Response,
        _ => direction.kind(frame.function & 0x80 != 0),
    };
    result.packet_type = kind.of(frame.function);
    result.mark(StreamMark { id: StreamId(u128::from(frame.unit)), sequence: None, clock: None });
    if result.wants_fields() {
        fields(frame.unit, frame.function, frame.data, Kind::split(result.packet_type).0, result);
    }
    Ok(frame.length)
}

/// Reads the frame of bytes that were decoded before: the whole slice is one frame.
pub(super) fn whole(bytes: &[u8]) -> Option<RtuFrame<'_>> {
    let [unit, function, data @ .., _, _] = bytes else { return None };
    Some(RtuFrame { unit: *unit, function: *function, data, length: bytes.len() })
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Tcp])
    .with_standards("Modbus over Serial Line V1.02")
    .with_packet_types(PACKET_TYPES)
    .with_finding_prefix("modbus")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for ModbusRtuDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        let mut rest = packet.payload;
        let (mut frames, mut exact) = (0, 0);
        while !rest.is_empty() && frames < 4 {
            let Ok(frame) = parse(rest, Direction::of_flow(packet.flow)) else { break };
            frames += 1;
            exact += u32::from(frame.as_request().max(frame.as_response()) == Shape::Exact);
            rest = rest.get(frame.length..).unwrap_or_default();
        }
        match (frames, exact, rest.is_empty()) {
            (0, _, _) | (1, _, false) => Confidence::NONE,
            (1, 1, true) => Confidence::new(0.48, "a frame of legal shape, and its CRC is right"),
            (1, _, true) => Confidence::new(0.2, "the CRC is right"),
            (_, 2.., _) => Confidence::new(0.95, "several frames of legal shape, and their CRCs are right"),
            _ => Confidence::new(0.6, "several frames, and their CRCs are right"),
        }
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Owned(function::type_name(packet_type))
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("unit {}", id.0)
    }

    /// Two frames in a row, or one up to the end of the bytes.
    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        let direction = Direction::of_flow(packet.flow);
        (0..packet.payload.len().min(2 * MAX_FRAME)).find(|&at| {
            let Some(rest) = packet.payload.get(at..) else { return false };
            let Ok(frame) = parse(rest, direction) else { return false };
            let behind = rest.get(frame.length..).unwrap_or_default();
            frame.as_request().max(frame.as_response()) == Shape::Exact
                && (behind.is_empty() || parse(behind, direction).is_ok())
        })
    }

    fn flow_decoder(&self, flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(RtuFlow { direction: Direction::of_flow(flow), pending: Undecided::default() }))
    }

    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        Some(Box::new(TransactionMonitor::new(Framing::Rtu)))
    }
}

/// One direction of a connection: it learns which direction it is.
struct RtuFlow {
    direction: Direction,
    pending: Undecided,
}

impl FlowDecoder for RtuFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let taken = decode(packet, &mut self.direction, result)?;
        self.pending.note(result.packet_type);
        Ok(taken)
    }

    fn report(&self, report: &mut FlowReport) {
        self.pending.name(self.direction, report);
    }
}

#[cfg(test)]
mod tests {
    use super::crc;

    #[test]
    fn crc_is_that_of_the_specification() {
        assert_eq!(crc(&[0x02, 0x07]), 0x1241, "Modbus over Serial Line V1.02, 6.2.2: example of unit 2, function 7");
        assert_eq!(crc(&[0x02, 0x07, 0x41, 0x12]), 0);
    }
}
