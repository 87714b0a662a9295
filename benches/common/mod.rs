//! Frames for the benches: many of each kind of stream, in a mix, with sequence numbers that run on.

#![allow(dead_code, reason = "each bench uses what it needs")]

use std::borrow::Cow;

use streamlens::decoders::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, MediaClock, PacketType, Sequence, StreamDecoder,
    StreamMark,
};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{FrameBatch, Packet, StreamId};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};

/// Flows of the mix: a quarter each of RTP, IENA, iNetX and payloads that are of no protocol.
pub(crate) const FLOWS: u32 = 64;
/// Frames of the mix.
pub(crate) const FRAMES: u32 = 32_768;

/// The mix of `FLOWS` flows, taking turns, 10 us apart, payloads of 200 bytes and a little.
pub(crate) fn mix() -> Vec<Made> {
    let frame = |place: u32| {
        let (flow, number) = (place % FLOWS, place / FLOWS);
        let time = 1_772_442_000_000_000_000 + i64::from(place) * 10_000;
        let (from, to) = (host(1, flow), host(2, flow));
        let payload = match flow % 4 {
            0 => rtp(number, flow),
            1 => iena(number, flow),
            2 => inetx(number, flow, time),
            _ => noise(place),
        };
        Made { time, data: udp((from, 40_000), (to, 5000), &payload) }
    };
    (0..FRAMES).map(frame).collect()
}

/// Frames of flows that are all new: each has eight payloads of no protocol, so that every decoder is asked every time.
pub(crate) fn young(frames: u32) -> Vec<Made> {
    let frame = |place: u32| {
        let flow = place / 8;
        let time = 1_772_442_000_000_000_000 + i64::from(place) * 10_000;
        Made { time, data: udp((host(1, flow), 40_000), (host(2, flow), 5000), &noise(place)) }
    };
    (0..frames).map(frame).collect()
}

fn host(net: u8, number: u32) -> Host {
    Host::new([10, net, (number >> 8) as u8, number as u8])
}

fn rtp(number: u32, flow: u32) -> Vec<u8> {
    let mut bytes = vec![0x80, 97];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend((number * 48).to_be_bytes());
    bytes.extend(flow.to_be_bytes());
    bytes.extend([0x5A; 192]);
    bytes
}

fn iena(number: u32, flow: u32) -> Vec<u8> {
    let mut bytes = (flow as u16).to_be_bytes().to_vec();
    bytes.extend(104_u16.to_be_bytes());
    bytes.extend(&(5_216_400_000_000_u64 + u64::from(number) * 640).to_be_bytes()[2..]);
    bytes.extend([0x80, 0]);
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend([0x5A; 192]);
    bytes.extend([0xDE, 0xAD]);
    bytes
}

fn inetx(number: u32, flow: u32, time: i64) -> Vec<u8> {
    let mut bytes = vec![0x11, 0, 0, 0];
    bytes.extend(flow.to_be_bytes());
    bytes.extend(number.to_be_bytes());
    bytes.extend(220_u32.to_be_bytes());
    bytes.extend(((time / 1_000_000_000) as u32).to_be_bytes());
    bytes.extend(((time % 1_000_000_000) as u32).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend([0x5A; 192]);
    bytes
}

/// Bytes that follow no rule; the first is never one that a decoder looks for.
fn noise(place: u32) -> Vec<u8> {
    let mut state = place.wrapping_mul(2_654_435_761) | 1;
    let mut bytes = vec![0xE3];
    bytes.extend((0..200).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    }));
    bytes
}

/// The frames in batches of 1,024, some 300 KB each: about what a reader gives.
pub(crate) fn batches(frames: &[Made]) -> Vec<FrameBatch> {
    let batch = |frames: &[Made]| {
        let mut batch = FrameBatch { first_number: 1, ..FrameBatch::default() };
        frames.iter().for_each(|made| assert!(batch.push(&made.frame()), "the batch is small"));
        batch
    };
    frames.chunks(1024).map(batch).collect()
}

/// The frames as a pcap file with nanoseconds.
pub(crate) fn pcap(frames: &[Made]) -> Vec<u8> {
    let mut file = 0xA1B2_3C4D_u32.to_le_bytes().to_vec();
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    for made in frames {
        let length = made.data.len() as u32;
        let words = [(made.time / 1_000_000_000) as u32, (made.time % 1_000_000_000) as u32, length, length];
        file.extend(words.into_iter().flat_map(u32::to_le_bytes));
        file.extend(&made.data);
    }
    file
}

/// Analyses batches on one thread.
pub(crate) fn analyse(registry: &DecoderRegistry, batches: &[FrameBatch]) -> Engine {
    let mut engine = Engine::new(registry.clone(), EngineOptions { threads: 1, ..EngineOptions::default() });
    batches.iter().for_each(|batch| engine.push_batch(batch));
    engine
}

/// A protocol that takes every datagram; with or without a sequence number and a clock. The difference is what
/// identification at first sight and health cost.
pub(crate) struct Everything {
    /// Whether it says number and time of a stream.
    pub(crate) with_marks: bool,
}

static EVERYTHING: DecoderInfo = DecoderInfo::new("Everything", &[Carrier::Udp]);

impl StreamDecoder for Everything {
    fn info(&self) -> &DecoderInfo {
        &EVERYTHING
    }
    fn can_decode(&self, _: &Packet<'_>) -> Confidence {
        Confidence::new(1.0, "every datagram")
    }
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if self.with_marks {
            let number = packet.frame.div_ceil(u64::from(FLOWS));
            let clock = MediaClock { ticks: number * 64, bits: 32, rate_hz: 100_000 };
            let sequence = Some(Sequence::new(number & 0xFFFF, 16));
            result.mark(StreamMark { id: StreamId(7), sequence, clock: Some(clock) });
        }
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        "Datagram".into()
    }
}

/// A registry with that protocol alone.
pub(crate) fn everything(with_marks: bool) -> DecoderRegistry {
    let mut registry = DecoderRegistry::new();
    registry.register(Everything { with_marks });
    registry
}

/// A protocol of which nothing comes.
struct Absent(DecoderInfo);

impl StreamDecoder for Absent {
    fn info(&self) -> &DecoderInfo {
        &self.0
    }
    fn can_decode(&self, _: &Packet<'_>) -> Confidence {
        Confidence::NONE
    }
    fn decode_packet(&self, _: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
        Err(DecodeError::Refused { protocol: "Absent", reason: "nothing is of it" })
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        "Nothing".into()
    }
}

/// A registry of so many decoders, of which one takes every datagram.
pub(crate) fn one_of(decoders: usize) -> DecoderRegistry {
    let mut registry = everything(true);
    // names live as long as the program; a bench makes few
    (1..decoders).for_each(|number| {
        let mut info = DecoderInfo::new("Absent", &[Carrier::Udp]);
        info.name = format!("Absent{number}").into();
        registry.register(Absent(info));
    });
    registry
}
