//! A protocol of its own invention, registered before the built-in decoders.
//!
//! The barometer sends packets that begin just as RTP does, so the built-in decoder takes them for RTP. The decoder
//! below knows the four letters behind that header, is surer of itself, and wins. It states a sequence number and a
//! clock; loss, jitter and drift are computed from them by the engine.
//!
//! `cargo run --example custom_decoder`

use std::borrow::Cow;

use streamlens::decoders::{
    Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, FindingInfo, MediaClock, PacketType, Sequence,
    StreamDecoder, StreamMark, Term, ValueType,
};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Analysis, Frame, LinkType, Packet, Severity, StreamId, Timestamp};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Host, Made, udp};

/// `80 60`, sequence u16, milliseconds u32, sensor u32, `BARO`, pressure in pascals u32; big-endian.
struct Barometer;

/// What it finds: code, gravest severity, meaning. Loss and the like are the engine's, under the prefix below.
const FINDINGS: &[FindingInfo] =
    &[FindingInfo::new(OUT_OF_RANGE, Severity::Warning, "A reading is no pressure that air has at the ground.")];
/// What it reads: name, type, unit, meaning. Facts and measures of decoders with memory are declared alike.
const FIELDS: &[Term] = &[Term::new("pressure_pa", ValueType::Integer, "Pa", "The pressure that was read.")];
const OUT_OF_RANGE: &str = "barometer.out-of-range";

static INFO: DecoderInfo = DecoderInfo::new("Barometer", &[Carrier::Udp])
    .with_finding_prefix("barometer")
    .with_findings(&[FINDINGS])
    .with_fields(&[FIELDS]);

impl StreamDecoder for Barometer {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }
    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        let is_ours = packet.payload.len() == 20 && packet.payload.get(12..16) == Some(b"BARO");
        if is_ours { Confidence::new(0.95, "the letters BARO and the length") } else { Confidence::NONE }
    }
    fn decode_packet(&self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        let refused = DecodeError::Refused { protocol: "Barometer", reason: "no BARO at byte 12" };
        let &[_, _, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3, b'B', b'A', b'R', b'O', p0, p1, p2, p3] = packet.payload
        else {
            return Err(refused);
        };
        let sequence = Sequence::new(u16::from_be_bytes([s0, s1]).into(), 16);
        let clock = MediaClock { ticks: u32::from_be_bytes([t0, t1, t2, t3]).into(), bits: 32, rate_hz: 1000 };
        let id = StreamId(u32::from_be_bytes([i0, i1, i2, i3]).into());
        result.mark(StreamMark { id, sequence: Some(sequence), clock: Some(clock) });
        let pressure = u32::from_be_bytes([p0, p1, p2, p3]);
        result.field("pressure_pa", pressure);
        if !(80_000..=110_000).contains(&pressure) {
            result.flag(OUT_OF_RANGE, Severity::Warning, Some(id), "the pressure is none of air at the ground");
        }
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        "Reading".into()
    }
}

/// Ten readings a second for ten seconds. Numbers 40 and 41 are missing, number 60 reads 0, and every other packet is 2 ms late.
fn readings() -> Vec<Made> {
    let reading = |number: u16| {
        let sent = u32::from(number) * 100;
        let mut payload = vec![0x80, 96];
        payload.extend(number.to_be_bytes());
        payload.extend(sent.to_be_bytes());
        payload.extend(7_u32.to_be_bytes());
        payload.extend(b"BARO");
        payload.extend(if number == 60 { 0 } else { 101_325 + u32::from(number % 10) }.to_be_bytes());
        let late = if number % 2 == 1 { 2_000_000 } else { 0 };
        let (sensor, logger) = (Host::new([10, 0, 0, 7]), Host::new([10, 0, 0, 1]));
        let time = 1_772_442_000_000_000_000 + i64::from(sent) * 1_000_000 + late;
        Made { time, data: udp((sensor, 7001), (logger, 7001), &payload) }
    };
    (0..100).filter(|number| ![40, 41].contains(number)).map(reading).collect()
}

fn analyse(registry: DecoderRegistry) -> Analysis {
    let mut engine = Engine::new(registry, EngineOptions::default());
    for made in readings() {
        engine.push(&Frame {
            number: 0, // the engine counts for itself
            time: Some(Timestamp::from_nanos(made.time)),
            link_type: LinkType::ETHERNET,
            interface: 0,
            original_length: made.data.len() as u32,
            data: &made.data,
        });
    }
    engine.finish(Default::default())
}

fn print(analysis: &Analysis) {
    for encoding in &analysis.flows[0].transport_protocols[0].application_encodings {
        println!("{} at {}: {}", encoding.encoding_name, encoding.confidence_score, encoding.reasons.join("; "));
        for kind in &encoding.packet_types {
            println!("  {}: {}", kind.type_name, kind.packet_count);
        }
        for stream in &encoding.health.streams {
            let (lost, expected) = (stream.lost.unwrap_or(0), stream.expected.unwrap_or(0));
            let jitter = stream.jitter_ns.map_or("not known".into(), |jitter| format!("{:.3} ms", jitter / 1e6));
            println!("  stream {}: {lost} of {expected} lost, jitter {jitter}", stream.id);
        }
    }
    for finding in &analysis.findings {
        println!("  {}: {}", finding.code, finding.text);
    }
}

fn main() {
    println!("With the built-in decoders:");
    print(&analyse(DecoderRegistry::with_builtins()));

    let mut registry = DecoderRegistry::with_builtins();
    registry.register_first(Barometer);
    println!("\nWith the barometer's own:");
    print(&analyse(registry));
}

#[test]
fn the_custom_decoder_out_ranks_rtp_and_has_health() {
    let mut registry = DecoderRegistry::with_builtins();
    registry.register_first(Barometer);
    let analysis = analyse(registry);
    let encoding = &analysis.flows[0].transport_protocols[0].application_encodings[0];
    assert_eq!((&*encoding.encoding_name, encoding.packet_count), ("Barometer", 98));
    let stream = &encoding.health.streams[0];
    assert_eq!((stream.expected, stream.lost, stream.longest_gap), (Some(100), Some(2), Some(2)));
    // transit time swings by 2 ms from packet to packet, so RFC 3550's filter goes towards 2 ms
    let jitter = stream.jitter_ns.unwrap_or(0.0);
    assert!((1_900_000.0..2_000_000.0).contains(&jitter), "{jitter}");
    assert_eq!(analysis.findings[0].code, "barometer.loss");
    assert_eq!((&*analysis.findings[1].code, analysis.findings[1].first.frame), (OUT_OF_RANGE, 59));

    let builtin = analyse(DecoderRegistry::with_builtins());
    assert_eq!(builtin.flows[0].transport_protocols[0].application_encodings[0].encoding_name, "RTP");
}
