//! Vectors, truncations, variants, and whatever bytes.

use proptest::prelude::*;
use streamlens_model::{StreamId, Timestamp, Value};

use super::*;
use crate::testing::{Captured, codes, corpus, payloads, udp};
use crate::{DecodeError, DecodingResult, FlowReport, PduState, StreamDecoder};

/// A right packet of key 0x0101 with this key status and payload.
fn bytes(key_status: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x01, 0x01, 0, 0, 0, 0, 0, 0x0F, 0x42, 0x40, key_status, 0x07, 0, 0];
    bytes[12..14].copy_from_slice(&sequence.to_be_bytes());
    bytes.extend(body);
    bytes.extend([0xDE, 0xAD]);
    let words = (bytes.len() / 2) as u16;
    bytes[2..4].copy_from_slice(&words.to_be_bytes());
    bytes
}

fn confidence(payload: &[u8]) -> f32 {
    IenaDecoder::new().can_decode(&udp(payload).packet()).value()
}

/// The type names of the packets, in order, as they stand when all have been seen; and the report, without what it says of the
/// packets' time, which is none of their capture.
fn decode(decoder: &IenaDecoder, packets: &[Vec<u8>]) -> (Vec<String>, FlowReport) {
    let mut flow = decoder.flow_decoder(&udp(&[]).flow).unwrap();
    let types: Vec<_> = packets
        .iter()
        .filter_map(|payload| {
            let mut result = DecodingResult::new(true);
            flow.decode_packet(&udp(payload).packet(), &mut result).ok().map(|_| result.packet_type)
        })
        .collect();
    let mut report = FlowReport::default();
    flow.report(&mut report);
    report.findings.retain(|log| log.iter().all(|(code, ..)| code != "iena.clock-offset"));
    let name = |kind| report.type_names.get(&kind).cloned().unwrap_or_else(|| decoder.packet_type(kind)).into_owned();
    (types.into_iter().map(name).collect(), report)
}

fn measure(report: &FlowReport, name: &'static str) -> Value {
    report.streams[&StreamId(0x0101)].measures[name].clone()
}

const M: [u8; 18] = [0, 1, 0, 0, 0, 3, 9, 9, 9, 0, 0, 2, 0, 5, 0, 2, 8, 8];

#[test]
fn reads_each_field_of_the_header() {
    let header = IenaHeader::parse(&bytes(0x42, 0xFFFE, &[])).unwrap();
    let time = 1_000_000;
    let expected = IenaHeader { key: 0x0101, size: 8, time, key_status: 0x42, n2_status: 7, sequence: 0xFFFE };
    assert_eq!(header, expected);
    assert!(header.is_discarded());
    assert_eq!(header.data_words(), 2);
}

#[test]
fn confidence_follows_size_and_trailer() {
    let right = bytes(0, 1, &[1, 2, 3, 4]);
    assert_eq!(confidence(&right), 0.95);
    let mut in_bytes = right.clone();
    in_bytes[3] = right.len() as u8;
    assert_eq!(confidence(&in_bytes), 0.4);
    let mut other_trailer = right.clone();
    *other_trailer.last_mut().unwrap() = 0;
    assert_eq!(confidence(&other_trailer), 0.15);
    other_trailer[4] = 0xFF;
    assert_eq!(confidence(&other_trailer), 0.0, "no year has so many microseconds");
    let mut other_size = right.clone();
    other_size[3] += 1;
    assert_eq!(confidence(&other_size), 0.1);
    assert_eq!(confidence(&right[..15]), 0.0);
    assert_eq!(confidence(&[0xDE, 0xAD]), 0.0);
}

#[test]
fn a_lone_weak_packet_is_refused_and_a_damaged_one_of_a_known_key_is_not_lost() {
    let good = bytes(0, 1, &[1, 2, 3, 4]);
    let (mut trailer, mut size) = (good.clone(), good.clone());
    *trailer.last_mut().unwrap() = 0;
    size[3] += 1;
    let decoder = IenaDecoder::new();
    let refused = decoder.decode_packet(&udp(&trailer).packet(), &mut DecodingResult::new(false));
    assert!(matches!(refused, Err(DecodeError::Refused { .. })));
    assert!(decode(&decoder, std::slice::from_ref(&trailer)).0.is_empty());
    let (types, report) = decode(&decoder, &[good, trailer, size]);
    assert_eq!(types, ["P-type", "unknown-type", "unknown-type"]);
    assert_eq!(codes(&report), ["iena.size-mismatch", "iena.trailer-mismatch"]);
    assert_eq!(measure(&report, "malformed_packets"), Value::Unsigned(2));
}

/// A sender whose size field is always wrong: what stays right is evidence, and each packet a finding of the same kind.
#[test]
fn a_size_that_is_always_wrong_is_no_veto() {
    let decoder = IenaDecoder::new();
    let wrong: Vec<Vec<u8>> = (0..20_u16)
        .map(|number| {
            let mut packet = bytes(0, number, &[1, 2, 3, 4]);
            packet[3] += 5;
            packet
        })
        .collect();
    let alone = udp(&wrong[0]);
    assert_eq!(decoder.can_decode(&alone.packet()).value(), 0.1, "one packet alone is not believed");
    let (types, report) = decode(&decoder, &wrong);
    assert_eq!(types, ["unknown-type"; 20]);
    let found: Vec<_> = report.findings.iter().flat_map(|log| log.iter().map(|(code, _, f)| (code, f.count))).collect();
    assert_eq!(found, [("iena.size-mismatch", 20)]);
}

#[test]
fn a_packet_cut_by_the_capture_is_shown_as_cut() {
    let whole = bytes(0, 1, &[0; 40]);
    let mut captured = udp(&whole[..30]);
    captured.wire_length = whole.len() as u32 + 42;
    let packet = streamlens_model::Packet { missing: whole.len() - 30, ..captured.packet() };
    let decoder = IenaDecoder::new();
    assert!(decoder.can_decode(&packet).value() < 0.5);
    let mut result = DecodingResult::new(false);
    assert_eq!(decoder.decode_packet(&packet, &mut result), Ok(30));
    assert_eq!(result.state, PduState::Cut);
}

#[test]
fn declared_variants_are_believed_and_contradictions_said() {
    for (status, name) in [(0x80, "P-type"), (0x12, "D-type"), (0x30, "M-type"), (0x20, "Q-type")] {
        let (types, report) = decode(&IenaDecoder::new(), &[bytes(status, 1, &M)]);
        assert_eq!(types, [name]);
        assert_eq!(measure(&report, "type_certainty"), Value::from("declared by key-status bits"));
    }
    let (types, report) = decode(&IenaDecoder::new(), &[bytes(0x80, 1, &M), bytes(0x30, 2, &M), bytes(0, 3, &M)]);
    assert_eq!(types, ["P-type", "M-type", "M-type"]);
    assert_eq!(measure(&report, "type_certainty"), Value::from("declared by key-status bits, which change"));
    let (types, report) = decode(&IenaDecoder::new(), &[bytes(0x30, 1, &[0; 8])]);
    assert_eq!(types, ["M-type"]);
    assert_eq!(codes(&report), ["iena.variant-contradicted"]);
}

#[test]
fn undeclared_variants_need_every_packet_of_the_key() {
    let decoder = IenaDecoder::new();
    let (types, report) = decode(&decoder, &[bytes(0, 1, &M), bytes(0, 2, &M)]);
    assert_eq!(types, ["M-type", "M-type"]);
    assert_eq!(measure(&report, "type_certainty"), Value::from("structure"));
    assert_eq!(measure(&report, "structural_candidates"), Value::list(["M"]));
    let (types, report) = decode(&decoder, &[bytes(0, 1, &M), bytes(0, 2, &[0; 18])]);
    assert_eq!(types, ["P-type", "P-type"]);
    assert_eq!(measure(&report, "type_certainty"), Value::from("assumed (no repeating structure)"));
    // Two data words a parameter: 8 bytes with delay, 6 without.
    let (types, report) = decode(&decoder, &[bytes(2, 1, &[0; 24]), bytes(2, 2, &[0; 24])]);
    assert_eq!(types, ["D-type", "D-type"]);
    assert_eq!(measure(&report, "structural_candidates"), Value::list(["D", "N"]));
    let (types, _) = decode(&decoder, &[bytes(2, 1, &[0; 24]), bytes(2, 2, &[0; 6])]);
    assert_eq!(types, ["N-type", "N-type"]);
}

#[test]
fn a_pinned_variant_goes_before_all_evidence() {
    let decoder = IenaDecoder::new().with_variant(0x0101, IenaVariant::N);
    let (types, report) = decode(&decoder, &[bytes(0x30, 1, &M), bytes(0, 2, &M)]);
    assert_eq!(types, ["N-type", "N-type"]);
    assert_eq!(measure(&report, "type_certainty"), Value::from("pinned by configuration"));
    assert_eq!(codes(&report), ["iena.key-status-changed", "iena.variant-contradicted"]);
}

#[test]
fn parameters_are_cut_out_by_variant() {
    let all: Vec<_> = IenaVariant::M.parameters(&M, 0).collect();
    let first = IenaParameter { id: 1, delay: Some(0), data: &[9, 9, 9] };
    assert_eq!(all, [first, IenaParameter { id: 2, delay: Some(5), data: &[8, 8] }]);
    let q: Vec<_> = IenaVariant::Q.parameters(&[0, 7, 0, 1, 0xAA, 0], 0).collect();
    assert_eq!(q, [IenaParameter { id: 7, delay: None, data: &[0xAA] }]);
    assert_eq!(IenaVariant::D.parameters(&[0, 1, 0, 2, 3, 4, 0, 5, 0, 6, 7, 8], 1).count(), 2);
    assert_eq!(IenaVariant::N.parameters(&[0, 1, 3, 4], 0).count(), 0);
    assert_eq!(IenaVariant::P.parameters(&M, 1).count(), 0);
}

#[test]
fn candidates_contain_what_they_list() {
    let mut candidates = variant::Candidates::ALL;
    candidates.narrow(&M, 2);
    assert_eq!(candidates.iter().collect::<Vec<_>>(), [IenaVariant::M, IenaVariant::N]);
    for variant in IenaVariant::BY_PREFERENCE {
        assert_eq!(candidates.contains(variant), candidates.iter().any(|other| other == variant));
    }
    assert!(candidates.contains(IenaVariant::P));
}

#[test]
fn fields_tell_the_parameters_of_a_known_variant() {
    let mut result = DecodingResult::new(true);
    IenaDecoder::new().decode_packet(&udp(&bytes(0x30, 5, &M)).packet(), &mut result).unwrap();
    let field = |name| result.fields().iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    assert_eq!(field("sequence"), Some(Value::Unsigned(5)));
    assert_eq!(field("variant"), Some(Value::from("M")));
    assert_eq!(field("parameter_ids"), Some(Value::list([1_u16, 2])));
    assert_eq!(field("parameter_delays"), Some(Value::list([0_u16, 5])));
}

#[test]
fn zeros_are_no_chain_of_messages() {
    assert!(!IenaVariant::M.fits(&[0; 12], 0) && !IenaVariant::Q.fits(&[0; 12], 0));
    assert!(!IenaVariant::M.fits(&M[..M.len() - 1], 0));
}

#[test]
fn status_bits_and_their_changes_are_found() {
    let mut second = bytes(0x40, 2, &[]);
    second[11] = 8;
    let (_, report) = decode(&IenaDecoder::new(), &[bytes(0, 1, &[]), second]);
    assert_eq!(codes(&report), ["iena.discard-bit", "iena.key-status-changed", "iena.n2-status-changed"]);
    assert_eq!(measure(&report, "discard_bit_packets"), Value::Unsigned(1));
    assert_eq!(
        measure(&report, "key_status"),
        Value::map([("0x00", Value::Unsigned(1)), ("0x40", Value::Unsigned(1))])
    );
}

#[test]
fn the_clock_runs_on_over_new_year() {
    let new_year = 1_704_067_200_000_000_000; // 2024-01-01T00:00:00Z
    let mut flow = IenaDecoder::new().flow_decoder(&udp(&[]).flow).unwrap();
    let mut ticks = Vec::new();
    let before = 365 * 86_400_000_000_u64 - 1000;
    for (sequence, capture, micros) in [(1, new_year - 1_000_000, before), (2, new_year, 0)] {
        let mut payload = bytes(0, sequence, &[]);
        payload[4..10].copy_from_slice(&micros.to_be_bytes()[2..]);
        let mut captured = udp(&payload);
        captured.time = Some(Timestamp::from_nanos(capture));
        let mut result = DecodingResult::new(false);
        flow.decode_packet(&captured.packet(), &mut result).unwrap();
        ticks.push(result.marks()[0].clock.unwrap().ticks);
    }
    assert_eq!(ticks[1] - ticks[0], 1000);
    let mut report = FlowReport::default();
    flow.report(&mut report);
    assert!(report.findings.is_empty());
    assert_eq!(measure(&report, "time_last"), Value::Time(Timestamp::from_nanos(new_year)));
}

/// Whatever the bytes: no panic, and what is taken is the whole datagram.
fn feed(decoder: &IenaDecoder, packets: &[Captured], missing: usize) {
    let mut flow = decoder.flow_decoder(&packets[0].flow).unwrap();
    let mut result = DecodingResult::new(true);
    for captured in packets {
        let packet = streamlens_model::Packet { missing, ..captured.packet() };
        decoder.can_decode(&packet);
        for taken in [decoder.decode_packet(&packet, &mut result), flow.decode_packet(&packet, &mut result)] {
            assert!(taken.is_err() || taken == Ok(captured.payload.len()));
        }
        result.clear();
    }
    flow.report(&mut FlowReport::default());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6),
        missing in 0_usize..40,
        is_marked in any::<bool>(),
    ) {
        let make = |mut payload: Vec<u8>| {
            // Half of the time as if IENA, or else hardly anything would get past the first test.
            let length = payload.len();
            if is_marked && length >= 16 && length.is_multiple_of(2) {
                payload[2..4].copy_from_slice(&(((length + missing) / 2) as u16).to_be_bytes());
                payload[length - 2..].copy_from_slice(&[0xDE, 0xAD]);
            }
            udp(&payload)
        };
        let packets: Vec<_> = payloads.into_iter().map(make).collect();
        feed(&IenaDecoder::new().with_variant(0, IenaVariant::Q), &packets, missing);
    }

    #[test]
    fn truncated_packets_never_panic(status in any::<u8>(), cut in 0_usize..40, body in prop::collection::vec(any::<u8>(), 0..24)) {
        let whole = bytes(status, 1, &body);
        let short = whole[..cut.min(whole.len())].to_vec();
        feed(&IenaDecoder::new(), &[udp(&whole), udp(&short), udp(&whole)], 0);
    }
}

#[test]
fn mutated_real_packets_never_panic() {
    let Some(corpus) = corpus() else { return };
    let real: Vec<_> = ["ienad", "ienam_multiple", "iena_test", "corrupt_ienad"]
        .iter()
        .flat_map(|name| payloads(&corpus, &format!("flight-test/{name}.pcap")))
        .collect();
    let strategy = (
        any::<prop::sample::Index>(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        0_usize..8,
    );
    proptest!(|((which, changes, cut) in strategy)| {
        let mut packet = which.get(&real).clone();
        for (at, byte) in changes {
            let length = packet.payload.len();
            packet.payload[at.index(length)] = byte;
        }
        packet.payload.truncate(packet.payload.len() - cut);
        feed(&IenaDecoder::new(), &[which.get(&real).clone(), packet, which.get(&real).clone()], 0);
    });
}
