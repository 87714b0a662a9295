//! One direction of a TCP connection: messages, chunks of messages, or the list of sources.

use streamlens_model::{Occurrence, Packet};

use super::decoder::{NAME, REFUSED};
use super::message::{Chunk, DISCOVERY, MessageHeader};
use crate::{Confidence, DecodeError, DecodingResult, FlowDecoder, FlowReport, PacketType, PduState};

/// The list of sources begins with it and ends with a zero byte.
const LIST: &[u8] = b"<ndi";

/// The longest list of sources that is waited for.
const MAX_LIST: usize = 1 << 16;

/// The customary ports of multi-TCP, receiver and sender.
fn is_multi_tcp_port(port: Option<u16>) -> bool {
    port.is_some_and(|port| (6960..7000).contains(&port) || (7960..8000).contains(&port))
}

/// How sure it is that the bytes begin with NDI.
#[inline(never)]
pub(super) fn probe(packet: &Packet<'_>) -> Confidence {
    let bytes = packet.payload;
    if bytes.starts_with(LIST) && matches!(bytes.get(4), Some(b'>' | b' ' | b'_')) {
        return Confidence::new(0.99, "list of NDI sources");
    }
    if let Some(chunk) = Chunk::parse(bytes) {
        if chunk.message(bytes).is_some_and(|header| header.is_familiar()) {
            return Confidence::new(0.97, "NDI chunk and message whose lengths agree");
        }
        let at_port = is_multi_tcp_port(packet.src_port()) || is_multi_tcp_port(packet.dst_port());
        if chunk.kind == 4 && at_port {
            // 48 bits that have one value but for the counter.
            return Confidence::new(0.6, "hello of NDI multi-TCP at its port");
        }
        return Confidence::NONE;
    }
    let Some(header) = MessageHeader::parse(bytes) else { return Confidence::NONE };
    let next = usize::try_from(header.total()).ok().and_then(|total| bytes.get(total..)).unwrap_or_default();
    let goes_on = next.len() < MessageHeader::LENGTH || MessageHeader::parse(next).is_some();
    match (header.is_familiar(), goes_on) {
        (true, true) => Confidence::new(0.97, "NDI message header with the lengths of its kind"),
        (true, false) => Confidence::new(0.4, "NDI message header, but none where the next should be"),
        (false, true) if header.is_obfuscated => Confidence::new(0.3, "fields of an NDI message header are plausible"),
        (false, _) => Confidence::NONE,
    }
}

/// A message that is not whole yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    kind: PacketType,
    total: u64,
    left: u64,
    is_cut: bool,
}

/// Memory of one direction. Messages are taken in pieces as they come, so that a picture of megabytes is never held.
#[derive(Debug, Default)]
pub(super) struct NdiStream {
    pending: Option<Pending>,
    messages: [u64; 4],
    bytes: u64,
    chunks: u64,
    hellos: u64,
    obfuscated: u64,
    versions: [u64; 16],
}

/// What stands at the front of the bytes.
enum Front {
    Message { kind: PacketType, total: u64 },
    Hello,
    List(usize),
}

impl NdiStream {
    fn front(&mut self, packet: &Packet<'_>) -> Result<Front, DecodeError> {
        let bytes = packet.payload;
        let needs = |field, needed| match packet.is_stream {
            true => DecodeError::Incomplete { protocol: NAME, field, offset: 0, needed, present: bytes.len() },
            false => REFUSED,
        };
        if bytes.starts_with(LIST) {
            return match bytes.iter().take(MAX_LIST).position(|&byte| byte == 0) {
                Some(end) => Ok(Front::List(end + 1)),
                None if bytes.len() < MAX_LIST => Err(needs("list of sources", bytes.len() + 1)),
                None => Err(REFUSED),
            };
        }
        if !bytes.is_empty() && LIST.starts_with(bytes) {
            return Err(needs("list of sources", LIST.len() + 1));
        }
        // A message's version is at most 15, its high byte 0 or 0x80, and its type's high byte 0; a chunk has 0 and
        // its kind where a message has its info length.
        if bytes.len() < Chunk::LENGTH {
            let plausible = bytes.iter().skip(3).all(|&byte| byte < 0x80);
            return if plausible && !bytes.is_empty() { Err(needs("header", Chunk::LENGTH)) } else { Err(REFUSED) };
        }
        if let Some(chunk) = Chunk::parse(bytes) {
            if chunk.kind == 4 {
                self.hellos += 1;
                return Ok(Front::Hello);
            }
            if bytes.len() < Chunk::LENGTH + MessageHeader::LENGTH {
                return Err(needs("chunk", Chunk::LENGTH + MessageHeader::LENGTH));
            }
            if let Some(header) = chunk.message(bytes) {
                self.chunks += 1;
                self.count(header);
                return Ok(Front::Message { kind: header.kind.packet_type(), total: u64::from(chunk.length) });
            }
        }
        if bytes.len() < MessageHeader::LENGTH {
            let plausible = matches!(bytes, [1..=15, 0 | 0x80, 0..=2, 0, ..]);
            return if plausible { Err(needs("header", MessageHeader::LENGTH)) } else { Err(REFUSED) };
        }
        let header = MessageHeader::parse(bytes).ok_or(REFUSED)?;
        self.count(header);
        Ok(Front::Message { kind: header.kind.packet_type(), total: header.total() })
    }

    fn count(&mut self, header: MessageHeader) {
        self.obfuscated += u64::from(header.is_obfuscated);
        if let Some(count) = self.versions.get_mut(usize::from(header.version)) {
            *count += 1;
        }
    }

    fn take(&mut self, mut pending: Pending, packet: &Packet<'_>, result: &mut DecodingResult) -> usize {
        let there = packet.payload.len() as u64;
        let taken = pending.left.min(there);
        pending.left -= taken;
        result.packet_type = pending.kind;
        if pending.left > 0 {
            result.state = PduState::Unfinished;
            self.pending = Some(pending);
        } else {
            result.state = if pending.is_cut { PduState::Cut } else { PduState::Whole };
            result.pdu_length = u32::try_from(pending.total).ok().filter(|_| pending.total != taken);
            self.finish(pending.kind, pending.total);
            self.pending = None;
        }
        taken as usize
    }

    fn finish(&mut self, kind: PacketType, total: u64) {
        self.bytes += total;
        if let Some(count) = self.messages.get_mut(kind.0 as usize) {
            *count += 1;
        }
    }
}

impl FlowDecoder for NdiStream {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.payload.is_empty() {
            return Err(REFUSED);
        }
        if let Some(pending) = self.pending.take() {
            return Ok(self.take(pending, packet, result));
        }
        match self.front(packet)? {
            Front::List(length) => {
                result.packet_type = DISCOVERY;
                self.finish(DISCOVERY, length as u64);
                Ok(length)
            }
            Front::Hello => {
                result.packet_type = PacketType(2);
                result.state = PduState::Unfinished;
                Ok(Chunk::LENGTH)
            }
            Front::Message { kind, total } => {
                Ok(self.take(Pending { kind, total, left: total, is_cut: false }, packet, result))
            }
        }
    }

    fn on_gap(&mut self, bytes: Option<u64>, _at: Occurrence) {
        self.pending = self.pending.take().and_then(|mut pending| {
            pending.left = pending.left.checked_sub(bytes?).filter(|&left| left > 0)?;
            pending.is_cut = true;
            Some(pending)
        });
    }

    fn report(&self, report: &mut FlowReport) {
        super::decoder::report_messages(report, &self.messages, self.bytes);
        if self.chunks > 0 || self.hellos > 0 {
            report.fact("framing", "multi-TCP");
            report.fact("chunks", self.chunks);
            report.fact("hellos", self.hellos);
        } else {
            report.fact("framing", "TCP");
        }
        report.fact("obfuscated_messages", self.obfuscated);
        let versions = self.versions.iter().enumerate().filter(|(_, count)| **count > 0);
        let versions = versions.map(|(version, &count)| (version.to_string(), streamlens_model::Value::from(count)));
        report.fact("message_versions", streamlens_model::Value::map(versions));
    }
}
