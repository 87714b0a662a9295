use std::borrow::Cow;

use proptest::prelude::*;
use streamlens_decoders::{DecodeError, DecodingResult, PacketType};
use streamlens_model::FlowKey;

use super::*;

struct Sure(&'static str, f32);

impl StreamDecoder for Sure {
    fn encoding_name(&self) -> &'static str {
        self.0
    }
    fn carriers(&self) -> &[Carrier] {
        &[Carrier::Udp]
    }
    fn can_decode(&self, _: &Packet<'_>) -> Confidence {
        Confidence::new(self.1, "told so")
    }
    fn decode_packet(&self, packet: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        Cow::Borrowed("any")
    }
}

fn names(registry: &DecoderRegistry) -> Vec<&'static str> {
    let flow = FlowKey::default();
    let packet = Packet {
        frame: 1,
        time: None,
        flow: &flow,
        transport: Transport::UDP,
        ether_type: None,
        wire_length: 60,
        payload: b"x",
        offset: 0,
        missing: 0,
        is_stream: false,
    };
    registry.find_decoders(&packet).iter().map(|(decoder, _)| decoder.encoding_name()).collect()
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

proptest! {
    #[test]
    fn ranks_by_confidence_then_by_registration(values in proptest::collection::vec(0_u8..4, 1..6)) {
        let mut registry = DecoderRegistry::new();
        for (name, value) in NAMES.iter().zip(&values) {
            registry.register(Sure(name, f32::from(*value) / 4.0));
        }
        let mut expected: Vec<usize> = (0..values.len()).filter(|&i| values[i] > 0).collect();
        expected.sort_by_key(|&i| (std::cmp::Reverse(values[i]), i));
        prop_assert_eq!(names(&registry), expected.iter().map(|&i| NAMES[i]).collect::<Vec<_>>());
    }
}

#[test]
fn a_decoder_of_the_same_name_replaces_in_place() {
    let mut registry = DecoderRegistry::new();
    registry.register(Sure("a", 0.5));
    registry.register(Sure("b", 0.5));
    registry.register(Sure("a", 0.4));
    assert_eq!(names(&registry), ["b", "a"]);
    assert_eq!(registry.len(), 2);
}

#[test]
fn one_registered_first_wins_ties() {
    let mut registry = DecoderRegistry::new();
    registry.register(Sure("a", 0.5));
    registry.register_first(Sure("b", 0.5));
    assert_eq!(names(&registry), ["b", "a"]);
    assert!(registry.remove("b") && !registry.remove("b"));
    assert_eq!(names(&registry), ["a"]);
}
