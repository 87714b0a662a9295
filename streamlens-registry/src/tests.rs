use std::borrow::Cow;

use proptest::prelude::*;
use streamlens_decoders::{
    ConversationMonitor, DecodeError, DecoderInfo, DecodingResult, FlowReport, ObservedPdu, PacketType,
};
use streamlens_model::FlowKey;

use super::*;

struct Sure {
    info: DecoderInfo,
    value: f32,
    converses: bool,
}

fn sure(name: &'static str, value: f32) -> Sure {
    Sure { info: DecoderInfo::new(name, &[Carrier::Udp]), value, converses: false }
}

impl StreamDecoder for Sure {
    fn info(&self) -> &DecoderInfo {
        &self.info
    }
    fn can_decode(&self, _: &Packet<'_>) -> Confidence {
        Confidence::new(self.value, "told so")
    }
    fn decode_packet(&self, packet: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(packet.payload.len())
    }
    fn packet_type(&self, _: PacketType) -> Cow<'static, str> {
        Cow::Borrowed("any")
    }
    fn conversation_monitor(&self) -> Option<Box<dyn ConversationMonitor>> {
        self.converses.then(|| Box::new(Talk) as Box<dyn ConversationMonitor>)
    }
}

struct Talk;

impl ConversationMonitor for Talk {
    fn observe(&mut self, _: &ObservedPdu<'_>) {}
    fn report(&self, _: &FlowKey, _: &mut FlowReport) {}
}

fn udp<T>(f: impl FnOnce(&Packet<'_>) -> T) -> T {
    let flow = FlowKey::default();
    f(&Packet {
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
    })
}

fn names(registry: &DecoderRegistry) -> Vec<String> {
    let name = |(decoder, _): &(&dyn StreamDecoder, Confidence)| decoder.info().name.to_string();
    udp(|packet| registry.find_decoders(packet).iter().map(name).collect())
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

proptest! {
    #[test]
    fn ranks_by_confidence_then_by_registration(values in proptest::collection::vec(0_u8..4, 1..6)) {
        let mut registry = DecoderRegistry::new();
        for (name, value) in NAMES.iter().zip(&values) {
            registry.register(sure(name, f32::from(*value) / 4.0));
        }
        let mut expected: Vec<usize> = (0..values.len()).filter(|&i| values[i] > 0).collect();
        expected.sort_by_key(|&i| (std::cmp::Reverse(values[i]), i));
        prop_assert_eq!(names(&registry), expected.iter().map(|&i| NAMES[i]).collect::<Vec<_>>());
    }
}

#[test]
fn a_decoder_of_the_same_name_replaces_in_place() {
    let mut registry = DecoderRegistry::new();
    registry.register(sure("a", 0.5));
    registry.register(sure("b", 0.5));
    registry.register(sure("a", 0.4));
    assert_eq!(names(&registry), ["b", "a"]);
    assert_eq!(registry.len(), 2);
}

#[test]
fn one_registered_first_wins_ties() {
    let mut registry = DecoderRegistry::new();
    registry.register(sure("a", 0.5));
    registry.register_first(sure("b", 0.5));
    assert_eq!(names(&registry), ["b", "a"]);
    assert!(registry.remove("B") && !registry.remove("b"));
    assert_eq!(names(&registry), ["a"]);
}

#[test]
fn letter_case_makes_no_other_name() {
    let mut registry = DecoderRegistry::new();
    registry.register(sure("Baro", 0.5));
    registry.register(sure("BARO", 0.5));
    assert_eq!(names(&registry), ["BARO"]);
    assert!(registry.get("baro").is_some() && registry.remove("baro") && registry.is_empty());
}

#[test]
fn flows_wait_only_where_nothing_depends_on_their_order() {
    let of = |publishes, converses, value| {
        let mut registry = DecoderRegistry::new();
        let mut decoder = Sure { converses, ..sure("a", value) };
        decoder.info.publishes = publishes;
        registry.register(decoder);
        let index = DecoderIndex(0);
        assert_eq!(registry.publishes(index), publishes);
        (registry.is_deferrable(index), udp(|packet| registry.may_wait(packet)))
    };
    assert_eq!(of(false, false, 0.5), (true, true));
    assert_eq!(of(true, false, 0.5), (false, false));
    assert_eq!(of(false, true, 0.5), (false, false));
    assert_eq!(of(true, true, 0.0), (false, true), "it has no claim to the packet");
}
