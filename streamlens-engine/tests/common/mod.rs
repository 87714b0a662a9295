//! Frames made by hand, and an invented protocol that uses everything the decoder traits offer.

#![allow(dead_code, unreachable_pub, reason = "each test file uses what it needs")]

use std::borrow::Cow;

use etherparse::PacketBuilder;
use streamlens_decoders::{
    Carrier, Confidence, ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowDecoder, FlowReport,
    NetworkMonitor, NetworkReport, ObservedPdu, PacketType, PduState, Peer, Refinement, Sequence, StreamDecoder,
    Survey,
};
use streamlens_engine::{Engine, EngineOptions};
use streamlens_model::{Analysis, ApplicationEncoding, FindingLog, FlowKey, Occurrence, Packet, Severity, StreamId};
use streamlens_registry::DecoderRegistry;
pub use streamlens_testing::Made;

pub const MILLISECOND: i64 = 1_000_000;

/// A UDP datagram from 10.0.0.`from` to 10.0.0.`to`, with equal ports.
pub fn udp(time: i64, from: u8, to: u8, port: u16, payload: &[u8]) -> Made {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, from], [2, 0, 0, 0, 0, to])
        .ipv4([10, 0, 0, from], [10, 0, 0, to], 32)
        .udp(port, port);
    let mut data = Vec::new();
    builder.write(&mut data, payload).expect("a vector takes it");
    Made { time, data }
}

/// A TCP segment likewise.
pub fn tcp(time: i64, from: u8, to: u8, port: u16, sequence: u32, payload: &[u8]) -> Made {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, from], [2, 0, 0, 0, 0, to])
        .ipv4([10, 0, 0, from], [10, 0, 0, to], 32)
        .tcp(port, port, sequence, 1000);
    let mut data = Vec::new();
    builder.write(&mut data, payload).expect("a vector takes it");
    Made { time, data }
}

pub fn registry() -> DecoderRegistry {
    let mut registry = DecoderRegistry::new();
    registry.register(Chatter);
    registry
}

pub fn analyse(frames: &[Made]) -> Analysis {
    analyse_with(registry(), EngineOptions::default(), frames)
}

pub fn analyse_with(registry: DecoderRegistry, options: EngineOptions, frames: &[Made]) -> Analysis {
    let mut engine = Engine::new(registry, options);
    frames.iter().for_each(|made| engine.push(&made.frame()));
    engine.finish(Default::default())
}

/// The only encoding of the flow from 10.0.0.`from`.
pub fn encoding(analysis: &Analysis, from: u8) -> &ApplicationEncoding {
    let source = format!("10.0.0.{from}");
    let flow = analysis.flows.iter().find(|flow| flow.key.src.address.to_string() == source).expect("a flow");
    &flow.transport_protocols[0].application_encodings[0]
}

/// An invented protocol. A PDU: `C`, kind, sequence u16, length u8, that many bytes. Kind `w` alone is weak evidence;
/// a flow decoder counts kinds `m`; PDUs of kind `b` are boxes around one of kind `i`, of kind `n` are published, of kind
/// `r` make it a refined encoding.
pub struct Chatter;

pub fn pdu(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    [&[b'C', kind, high, low, body.len() as u8], body].concat()
}

const STREAM: StreamId = StreamId(7);

fn parse(packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
    let protocol = "Chatter";
    let [b'C', kind, high, low, length, body @ ..] = packet.payload else {
        return match packet.payload {
            [b'C', ..] => {
                let present = packet.payload.len();
                Err(DecodeError::Incomplete { protocol, field: "header", offset: 0, needed: 5, present })
            }
            _ => Err(DecodeError::Refused { protocol, reason: "it does not begin with C" }),
        };
    };
    result.packet_type = PacketType(u32::from(*kind));
    result.sequence(STREAM, Sequence::new(u64::from(u16::from_be_bytes([*high, *low])), 16));
    let length = usize::from(*length);
    if body.len() < length {
        if packet.missing > 0 {
            result.state = PduState::Cut;
            return Ok(packet.payload.len());
        }
        return Err(DecodeError::Incomplete {
            protocol,
            field: "body",
            offset: 5,
            needed: length,
            present: body.len(),
        });
    }
    if *kind == b'!' {
        return Err(DecodeError::Malformed { protocol, field: "kind", offset: 1, reason: "there is no such kind" });
    }
    if *kind == b'b' {
        result.nest(PacketType(b'i'.into()), length as u32);
    }
    if *kind == b'n' {
        result.publish(&body[..length]);
    }
    result.field("kind", u64::from(*kind));
    Ok(5 + length)
}

static CHATTER: DecoderInfo = DecoderInfo::new("Chatter", &[Carrier::Udp, Carrier::Tcp])
    .with_finding_prefix("chatter")
    .with_announcement_ports(&[77])
    .publishing();

impl StreamDecoder for Chatter {
    fn info(&self) -> &DecoderInfo {
        &CHATTER
    }
    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        match packet.payload {
            [b'C', b'w', ..] => Confidence::new(0.3, "it begins with C"),
            [b'C', _, _, _, length, body @ ..] if body.len() >= usize::from(*length) => {
                Confidence::new(0.95, "lengths fit")
            }
            _ => Confidence::NONE,
        }
    }
    fn packet_type(&self, packet_type: PacketType) -> Cow<'static, str> {
        Cow::Owned(char::from(packet_type.0 as u8).to_string())
    }
    fn inspect_foreign(&self, packet: &Packet<'_>, result: &mut DecodingResult) {
        result.publish(packet.payload);
    }
    fn resynchronise(&self, packet: &Packet<'_>) -> Option<usize> {
        packet.payload.iter().position(|byte| *byte == b'C')
    }
    fn flow_decoder(&self, _: &FlowKey) -> Option<Box<dyn FlowDecoder>> {
        Some(Box::<ChatterFlow>::default())
    }
    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        Some(Box::<Answers>::default())
    }
    fn network_monitor(&self) -> Option<Box<dyn NetworkMonitor>> {
        Some(Box::<News>::default())
    }
}

#[derive(Default)]
struct ChatterFlow {
    remembered: u64,
    refined: u64,
    gaps: u64,
    findings: FindingLog,
}

impl FlowDecoder for ChatterFlow {
    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let taken = parse(packet, result)?;
        self.remembered += u64::from(result.packet_type.0 == u32::from(b'm'));
        self.refined += u64::from(result.packet_type.0 == u32::from(b'r'));
        if result.packet_type.0 == u32::from(b'f') {
            let at = Occurrence { frame: packet.frame, time: packet.time };
            self.findings.add("chatter.fault", Severity::Warning, Some(STREAM), at, || "a fault".to_owned());
        }
        Ok(taken)
    }
    fn on_gap(&mut self, _: Option<u64>, _: Occurrence) {
        self.gaps += 1;
    }
    fn report(&self, report: &mut FlowReport) {
        report.fact("remembered", self.remembered);
        report.fact("gaps", self.gaps);
        report.findings.push(self.findings.clone());
        if self.refined > 0 {
            report.refinements.push(Refinement {
                encoding_name: "Refined chatter".into(),
                confidence: 0.9,
                reason: "kind r".to_owned(),
            });
        }
    }
}

/// Counts questions `q` and answers `a` of both directions.
#[derive(Default)]
struct Answers {
    questions: u64,
    answers: u64,
}

impl ConversationMonitor for Answers {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        self.questions += u64::from(pdu.packet_type.0 == u32::from(b'q'));
        self.answers += u64::from(pdu.packet_type.0 == u32::from(b'a'));
    }
    fn report(&self, _: &FlowKey, report: &mut FlowReport) {
        report.fact("questions", self.questions);
        report.fact("answers", self.answers);
    }
}

/// Joins what was published, in the order in which it comes.
#[derive(Default)]
struct News {
    text: String,
}

impl NetworkMonitor for News {
    fn observe(&mut self, pdu: &ObservedPdu<'_>) {
        self.text += &String::from_utf8_lossy(pdu.bytes);
    }
    fn survey(&self) -> Box<dyn Survey + '_> {
        Box::new(Readers { news: self, peers: Vec::new() })
    }
}

struct Readers<'n> {
    news: &'n News,
    peers: Vec<u64>,
}

impl Survey for Readers<'_> {
    fn observe(&mut self, number: u64, _: &Peer<'_>) {
        self.peers.push(number);
    }

    fn report(self: Box<Self>, report: &mut NetworkReport) {
        report.facts.insert("news".into(), self.news.text.clone().into());
        for &number in &self.peers {
            report.flows.entry(number).or_default().fact("peers", self.peers.len() as u64);
        }
    }
}
