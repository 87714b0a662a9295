//! Transport streams in plain UDP.

use std::borrow::Cow;

use nom::Parser;
use streamlens_model::{FlowKey, Occurrence, Packet, StreamId};

use super::NAME;
use super::meter::{Continuity, TsMeter};
use super::packet::{Layout, NULL_PID, SYNC_BYTE, TsPacket};
use super::terms;
use crate::wire::{u8, u16};
use crate::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport, PacketType, PduState,
};
use crate::{Sequence, StreamDecoder};

/// Recognises and decodes MPEG-2 transport streams in UDP. Each transport packet is a PDU, its stream the PID.
#[derive(Clone, Copy, Debug, Default)]
pub struct MpegTsDecoder;

impl MpegTsDecoder {
    /// The decoder.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

static INFO: DecoderInfo = DecoderInfo::new(NAME, &[Carrier::Udp])
    .with_standards("ISO/IEC 13818-1")
    .with_ports(&[1234, 5000, 10_000])
    .with_packet_types(&["PID 0x0000", "PID 0x0011", "PID 0x1fff"])
    .with_finding_prefix("mpegts")
    .with_findings(&[terms::FINDINGS])
    .with_facts(&[terms::FACTS])
    .with_packet_type_facts(&[terms::PACKET_TYPE_FACTS])
    .with_fields(&[terms::FIELDS]);

impl StreamDecoder for MpegTsDecoder {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }

    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if Layout::may_begin(packet.payload) { probe(packet) } else { Confidence::NONE }
    }

    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Owned(format!("PID {:#06x}", packet_type.0))
    }

    fn stream_name(&self, id: StreamId) -> String {
        format!("PID {:#06x}", id.0)
    }

    fn flow_decoder(&self, _flow: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::new(MpegTsFlow::default()))
    }
}

#[inline(never)]
fn probe(packet: &Packet<'_>) -> Confidence {
    let length = packet.wire_payload_length();
    let Some(layout) = Layout::of(packet.payload, length).filter(|_| packet.offset == 0) else {
        return Confidence::NONE;
    };
    let mut proof = false;
    for bytes in packet.payload.chunks(layout.stride()) {
        let Some(header) = bytes.get(layout.prefix()..) else { continue };
        if !is_lawful(header) {
            return Confidence::NONE;
        }
        // Stuffing, or a programs' table that begins in this packet.
        proof |= matches!(header.get(1..4), Some([0x1F, 0xFF, _] | [0x40, 0x00, _]));
    }
    let packets = length / layout.stride();
    match packets {
        // A datagram may hold any number, but no sender exceeds an Ethernet frame of 9000 bytes.
        48.. => Confidence::new(0.4, "sync bytes throughout, but far too many for a datagram"),
        4.. => Confidence::new(0.98, "sync bytes at every packet length throughout the datagram"),
        3 => Confidence::new(0.95, "three sync bytes at packet lengths"),
        2 => Confidence::new(0.85, "two sync bytes at a packet's length"),
        _ if proof => Confidence::new(0.8, "one transport packet, of the programs' table or stuffing"),
        _ => Confidence::new(0.4, "one sync byte and a packet's length"),
    }
}

fn stream(pid: u16) -> StreamId {
    StreamId(u128::from(pid))
}

const REFUSED: DecodeError = DecodeError::Refused { protocol: NAME, reason: "not whole transport packets" };

/// Adaptation control 0 and scrambling control 1 are reserved, and an adaptation field ends with the packet or before.
fn is_lawful(header: &[u8]) -> bool {
    let Some(&[_, _, _, control, length]) = header.first_chunk::<5>() else { return true };
    match control >> 4 & 3 {
        0 => false,
        2 => length == 183,
        3 => length <= 182,
        _ => true,
    }
}

/// Takes one transport packet off the front. What the capture cut off is passed over: its type stands in its header.
fn take(
    packet: &Packet<'_>,
    layout: Layout,
    result: &mut DecodingResult,
    whole: impl FnOnce(&TsPacket<'_>, &mut DecodingResult),
) -> Result<usize, DecodeError> {
    let used = layout.stride().min(packet.payload.len());
    let bytes = packet.payload.get(layout.prefix()..used).unwrap_or_default();
    if let Ok(ts) = TsPacket::parse(bytes) {
        result.packet_type = PacketType(u32::from(ts.pid));
        if result.wants_fields() {
            result.field("pid", ts.pid);
            result.field("starts_unit", ts.starts_unit);
            result.field("scrambling", ts.scrambling);
            result.field("continuity", ts.continuity);
            if let Some(pcr) = ts.pcr {
                result.field("pcr", pcr);
            }
        }
        whole(&ts, result);
        return Ok(used);
    }
    match (u8("sync byte"), u16("PID"), u8("continuity counter")).parse(bytes) {
        _ if used == 0 => Err(REFUSED),
        Ok((_, (SYNC_BYTE, flags, _))) => {
            result.packet_type = PacketType(u32::from(flags & NULL_PID));
            result.state = PduState::Cut;
            Ok(used)
        }
        _ => {
            result.state = PduState::Unfinished;
            Ok(used)
        }
    }
}

/// Datagrams that one which comes again is compared with.
const COMPARED: usize = 4;

/// One flow, with its continuity counters, clocks and tables.
#[derive(Debug, Default)]
struct MpegTsFlow {
    layout: Layout,
    meter: TsMeter,
    /// Fingerprints of the latest datagrams, in turn.
    latest: [u64; COMPARED],
    turn: usize,
    /// Whether the datagram at hand came before.
    is_again: bool,
    /// Datagrams by the number of packets in them; 0 stands for more than 7.
    datagrams: [u64; 8],
    known: bool,
}

/// Tells a datagram from those around it by headers and ends of its packets: within a few datagrams no counter comes round. `None`
/// for stuffing, which is all alike, and for a single packet, which a sender may repeat.
fn fingerprint(payload: &[u8], layout: Layout) -> Option<u64> {
    let words = payload.chunks(layout.stride()).filter_map(|bytes| {
        let header = bytes.get(layout.prefix()..)?.first_chunk::<16>()?;
        let [first, second] = [header.first_chunk(), header.last_chunk()].map(|half| half.map_or(0, word));
        let is_stuffing = header[1] & 0x1F == 0x1F && header[2] == 0xFF;
        (!is_stuffing).then_some(first ^ second.rotate_left(21) ^ bytes.last_chunk().map_or(0, word).rotate_left(42))
    });
    let mixed = words.fold(0_u64, |mixed, word| (mixed.rotate_left(5) ^ word).wrapping_mul(0x517C_C1B7_2722_0A95));
    (mixed != 0 && payload.len() > layout.stride()).then_some(mixed)
}

fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_ne_bytes(*bytes)
}

impl MpegTsFlow {
    /// A datagram's layout. Once the stream is known, single packets without sync byte are passed over as errors.
    fn begin(&mut self, packet: &Packet<'_>) -> Result<(), DecodeError> {
        let length = packet.wire_payload_length();
        match Layout::of(packet.payload, length) {
            Some(layout) => self.layout = layout,
            None => {
                let stride = self.layout.stride();
                let chunks = || packet.payload.chunks(stride);
                let synchronised = chunks().filter(|bytes| bytes.get(self.layout.prefix()) == Some(&SYNC_BYTE)).count();
                if !self.known || !length.is_multiple_of(stride) || synchronised * 2 <= chunks().count() {
                    return Err(REFUSED);
                }
            }
        }
        self.known = true;
        let fingerprint = fingerprint(packet.payload, self.layout);
        self.is_again = fingerprint.is_some_and(|own| self.latest.contains(&own));
        if let Some(own) = fingerprint.filter(|_| !self.is_again) {
            self.turn = (self.turn + 1) % COMPARED;
            self.latest[self.turn] = own;
        }
        let packets = length / self.layout.stride();
        if let Some(count) = self.datagrams.get_mut(if packets > 7 { 0 } else { packets }) {
            *count += 1;
        }
        Ok(())
    }
}

impl FlowDecoder for MpegTsFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.offset == 0 {
            self.begin(packet)?;
        }
        let (at, meter) = (Occurrence { frame: packet.frame, time: packet.time }, &mut self.meter);
        let is_again = self.is_again;
        let used = take(packet, self.layout, result, |ts, result| {
            if is_again {
                if let Some(number) = meter.packet_again(ts) {
                    result.sequence(stream(ts.pid), Sequence::new(number.into(), 32));
                }
                return;
            }
            let metered = meter.packet(ts, at);
            if let Some(number) = metered.number {
                let repeats = metered.continuity == Continuity::Repeat;
                result.sequence(stream(ts.pid), Sequence { repeats, ..Sequence::new(number.into(), 32) });
            }
        })?;
        if result.state == PduState::Unfinished && packet.missing == 0 {
            self.meter.sync_error(at);
        }
        Ok(used)
    }

    fn report(&self, report: &mut FlowReport) {
        self.meter.facts(&mut report.metadata);
        report.fact("packet_length", u32::try_from(self.layout.stride()).unwrap_or(0));
        let datagrams = self.datagrams.iter().enumerate().filter(|(_, count)| **count > 0);
        let histogram = datagrams.map(|(packets, &count)| {
            (if packets == 0 { "more".to_owned() } else { packets.to_string() }, streamlens_model::Value::from(count))
        });
        report.fact("ts_packets_per_frame", streamlens_model::Value::map(histogram));
        for (pid, figures) in self.meter.pids() {
            if pid != NULL_PID {
                report.stream(stream(pid)).name = self.meter.pid_name(pid).map(|name| format!("PID {pid:#06x} {name}"));
            }
            report.packet_types.insert(PacketType(u32::from(pid)), figures);
        }
        if !self.meter.is_faultless() {
            report.findings.push(self.meter.findings(true));
        }
    }
}
