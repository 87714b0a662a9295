//! Vectors (the standard's; no recording was to be had), streams, damage, and whatever bytes.

use proptest::prelude::*;
use streamlens_model::{Packet, StreamId, Transport, Value};

use super::*;
use crate::testing::{codes, udp};
use crate::{DecodeError, DecodingResult, FlowReport, PduState, StreamDecoder};

/// A package of 3 bytes of data, padded.
const PACKAGE: [u8; 16] = [0, 0, 0, 7, 0, 15, 0, 0, 0, 0, 0, 1, 9, 9, 9, 0];

fn bytes(flags: u16, definition: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let words = [0x1000_0000 | u32::from(flags), definition, sequence, 24 + body.len() as u32, 1_700_000_037, 0];
    words.into_iter().flat_map(u32::to_be_bytes).chain(body.iter().copied()).collect()
}

fn end_marker() -> Vec<u8> {
    [0x1000_0001, 0, 0, 24, 0, 0].into_iter().flat_map(u32::to_be_bytes).collect()
}

fn confidence(payload: &[u8]) -> f32 {
    TmnsDecoder.can_decode(&udp(payload).packet()).value()
}

fn decode(packets: &[Vec<u8>]) -> (Vec<String>, FlowReport) {
    let mut flow = TmnsDecoder.flow_decoder(&udp(&[]).flow).unwrap();
    let types = packets.iter().filter_map(|payload| {
        let mut result = DecodingResult::new(true);
        flow.decode_packet(&udp(payload).packet(), &mut result).ok()?;
        Some(TmnsDecoder.packet_type(result.packet_type).into_owned())
    });
    let types = types.collect();
    let mut report = FlowReport::default();
    flow.report(&mut report);
    (types, report)
}

#[test]
fn reads_header_and_packages() {
    let payload = bytes(0x0080, 0x1234, 9, &[PACKAGE, PACKAGE].concat());
    let header = TmnsHeader::parse(&payload).unwrap();
    assert_eq!((header.definition_id, header.sequence, header.length, header.option_words), (0x1234, 9, 56, 0));
    let mut packages = Packages::of(header, &payload);
    let expected = TmnsPackage { definition_id: 7, status: 0, time_delta: 1, data: &[9, 9, 9] };
    assert_eq!(packages.by_ref().collect::<Vec<_>>(), [expected; 2]);
    assert!(packages.is_at_end());
}

#[test]
fn fields_are_those_of_header_and_first_package() {
    let mut result = DecodingResult::new(true);
    TmnsDecoder.decode_packet(&udp(&bytes(0x0080, 0x1234, 9, &PACKAGE)).packet(), &mut result).unwrap();
    let fields: Vec<_> = result.fields().iter().map(|(name, value)| (*name, value.as_u64().unwrap())).collect();
    assert_eq!(
        fields,
        [
            ("option_words", 0),
            ("message_type", 0),
            ("flags", 0x80),
            ("message_definition_id", 0x1234),
            ("sequence", 9),
            ("length", 40),
            ("seconds", 1_700_000_037),
            ("nanoseconds", 0),
            ("packages", 1),
            ("first_package_definition_id", 7),
        ]
    );
}

#[test]
fn application_fields_stand_before_the_packages() {
    let mut payload = bytes(0x0080, 1, 1, &[&[0x01, 0, 0, 0], &PACKAGE[..]].concat());
    payload[0] = 0x11;
    assert_eq!(confidence(&payload), 0.97);
    payload[0] = 0x1F;
    assert_eq!(confidence(&payload), 0.0, "the application fields would end behind the message");
}

#[test]
fn confidence_follows_header_and_packages() {
    let right = bytes(0x0080, 1, 1, &PACKAGE);
    assert_eq!(confidence(&right), 0.97);
    assert_eq!(confidence(&right[..39]), 0.0, "the length is another");
    assert_eq!(confidence(&bytes(0x0000, 1, 1, &PACKAGE)), 0.7);
    assert_eq!(confidence(&bytes(0x0090, 1, 1, &PACKAGE)), 0.7, "a fragment");
    assert_eq!(confidence(&end_marker()), 0.7);
    assert_eq!(confidence(&bytes(0x0080, 1, 1, &[0; 16])), 0.4);
    for (at, byte) in [(0, 0x20), (1, 0x10), (20, 0xFF)] {
        let mut other = right.clone();
        other[at] = byte;
        assert_eq!(confidence(&other), 0.0);
    }
}

#[test]
fn end_markers_stay_out_of_the_sequence() {
    let mut result = DecodingResult::new(false);
    TmnsDecoder.decode_packet(&udp(&end_marker()).packet(), &mut result).unwrap();
    assert!(result.marks().is_empty());
    let (types, report) = decode(&[bytes(0x0080, 1, 1, &PACKAGE), bytes(0x0010, 1, 2, &PACKAGE), end_marker()]);
    assert_eq!(types, ["TmNSDataMessage", "TmNSDataMessage fragment", "End of data marker"]);
    assert_eq!(report.metadata["end_markers"], Value::Unsigned(1));
    assert_eq!(report.streams.len(), 1);
}

#[test]
fn flags_are_counted_and_found() {
    let (_, report) = decode(&[bytes(0x00CE, 1, 1, &PACKAGE), bytes(0x0081, 1, 2, &PACKAGE)]);
    assert_eq!(codes(&report), ["tmns.health-error", "tmns.playback", "tmns.simulated", "tmns.time-not-locked"]);
    let measures = &report.streams[&StreamId(1)].measures;
    assert_eq!(measures["end_of_data_messages"], Value::Unsigned(1));
    assert_eq!(measures["packages"], Value::Unsigned(2));
    for name in ["health_error_messages", "playback_messages", "simulated_messages", "time_not_locked_messages"] {
        assert_eq!(measures[name], Value::Unsigned(1), "{name}");
    }
    assert_eq!(report.metadata["message_definitions"], Value::Unsigned(1));
}

#[test]
fn packages_that_do_not_end_with_the_message_are_found() {
    let (types, report) = decode(&[bytes(0x0080, 1, 1, &[0; 16])]);
    assert_eq!(types.len(), 1);
    assert_eq!(codes(&report), ["tmns.packages-broken"]);
}

#[test]
fn a_flow_without_packages_to_test_is_believed_less() {
    let limit = |flags, body: &[u8]| decode(&[bytes(flags, 1, 1, body)]).1.confidence_limit;
    assert_eq!(limit(0x0080, &PACKAGE), None);
    assert_eq!(limit(0x0000, &PACKAGE), Some(0.9));
    assert_eq!(limit(0x0080, &[0; 16]), Some(0.5));
}

#[test]
fn over_tcp_messages_are_framed_by_their_length() {
    let (first, second) = (bytes(0x0080, 1, 1, &PACKAGE), bytes(0x0080, 1, 2, &PACKAGE));
    let mut captured = udp(&[&first[..], &second[..30]].concat());
    captured.transport = Transport::TCP;
    let packet = captured.packet();
    assert_eq!(TmnsDecoder.can_decode(&packet).value(), 0.9);
    let mut flow = TmnsDecoder.flow_decoder(&captured.flow).unwrap();
    let mut result = DecodingResult::new(false);
    assert_eq!(flow.decode_packet(&packet, &mut result), Ok(40));
    assert_eq!(result.state, PduState::Whole);
    let rest = Packet { payload: &packet.payload[40..], ..packet };
    let more = flow.decode_packet(&rest, &mut result);
    assert!(matches!(more, Err(DecodeError::Incomplete { needed: 40, present: 30, .. })));
    let other = Packet { payload: b"GET / HTTP/1.1", ..packet };
    assert!(matches!(flow.decode_packet(&other, &mut result), Err(DecodeError::Refused { .. })));
}

proptest! {
    #[test]
    fn whatever_bytes_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        flags in any::<u16>(),
        options in 0_u8..16,
        is_marked in any::<bool>(),
        is_tcp in any::<bool>(),
        missing in 0_usize..20,
    ) {
        let mut flow = TmnsDecoder.flow_decoder(&udp(&[]).flow).unwrap();
        let mut result = DecodingResult::new(true);
        for body in payloads {
            let payload = if is_marked {
                let mut payload = bytes(flags, 1, 1, &body);
                payload[0] |= options;
                payload
            } else {
                body
            };
            let mut captured = udp(&payload);
            if is_tcp {
                captured.transport = Transport::TCP;
            }
            let packet = Packet { missing, ..captured.packet() };
            TmnsDecoder.can_decode(&packet);
            for taken in [TmnsDecoder.decode_packet(&packet, &mut result), flow.decode_packet(&packet, &mut result)] {
                prop_assert!(taken.is_err() || taken.is_ok_and(|n| n > 0 && n <= payload.len()));
            }
            result.clear();
        }
        flow.report(&mut FlowReport::default());
    }

    #[test]
    fn mutated_messages_never_panic(
        changes in prop::collection::vec((0_usize..56, any::<u8>()), 0..8),
        cut in 0_usize..50,
    ) {
        let good = bytes(0x0080, 1, 1, &[PACKAGE, PACKAGE].concat());
        let mut bad = good.clone();
        changes.into_iter().for_each(|(at, byte)| bad[at] = byte);
        bad.truncate(bad.len() - cut);
        decode(&[good.clone(), bad, good]);
    }
}
