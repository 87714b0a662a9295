//! The server within another program, with a decoder of its own.
//!
//! `cargo run -p streamlens-web --example web_embed -- CAPTURE`

use std::borrow::Cow;

use streamlens::decoders::{Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, PacketType, StreamDecoder};
use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::Packet;
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;
use streamlens_web::{Kind, Server, ServerOptions};

/// Lines that begin with `$GP`.
struct Position;

static INFO: DecoderInfo = DecoderInfo::new("Position", &[Carrier::Udp]);

impl StreamDecoder for Position {
    fn info(&self) -> &DecoderInfo {
        &INFO
    }
    fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
        if packet.payload.starts_with(b"$GP") { Confidence::new(0.9, "it begins with $GP") } else { Confidence::NONE }
    }
    fn decode_packet(&self, packet: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        "Sentence".into()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut registry = DecoderRegistry::with_builtins();
    registry.register(Position);
    let server = Server::new(ServerOptions { registry: registry.clone(), ..ServerOptions::default() })?;
    for path in std::env::args().skip(1) {
        let engine = Engine::new(registry.clone(), EngineOptions::default());
        server.analyse(&path, Kind::Capture, CaptureReader::open(&path)?, engine, &[])?;
    }
    server.run(|address| println!("http://{address}/"))?;
    Ok(())
}
