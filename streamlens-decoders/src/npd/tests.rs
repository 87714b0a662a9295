//! Vectors, segments, damage, and whatever bytes.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use streamlens_model::{Packet, StreamId, Value};

use super::*;
use crate::testing::{codes, corpus, decode_all, payloads, udp};
use crate::{DecodingResult, FlowReport, PacketType, StreamDecoder};

/// A packet to where the test's datagrams go, with these bytes behind the header.
fn bytes(data_type: u8, configuration: u8, sequence: u16, segments: &[u8]) -> Vec<u8> {
    let words = ((20 + segments.len()) / 4) as u16;
    let mut bytes = vec![0x35, data_type];
    bytes.extend(words.to_be_bytes());
    bytes.extend([configuration, 0]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0xDD, 239, 0, 0, 1, 0, 0, 0, 5]);
    bytes.extend(segments);
    bytes
}

/// One segment of 3 bytes of data, padded, with an error mark.
const SEGMENT: [u8; 12] = [0, 0, 0, 9, 0, 11, 1, 2, 0xA, 0xB, 0xC, 0];

fn confidence(payload: &[u8]) -> f32 {
    NpdDecoder.can_decode(&udp(payload).packet()).value()
}

#[test]
fn reads_header_and_segments() {
    let payload = bytes(0xD0, 2, 0x1234, &[SEGMENT, SEGMENT].concat());
    let header = NpdHeader::parse(&payload).unwrap();
    assert_eq!((header.data_type, header.configuration_count, header.sequence), (0xD0, 2, 0x1234));
    assert_eq!((header.data_source_id, header.multicast_address), (0xDD, Ipv4Addr::new(239, 0, 0, 1)));
    let mut segments = Segments::of(&payload);
    let expected = NpdSegment { time_delta: 9, error: 1, flags: 2, data: &[0xA, 0xB, 0xC] };
    assert_eq!(segments.by_ref().collect::<Vec<_>>(), [expected; 2]);
    assert_eq!(segments.end(), Some(Walk::Exact));
}

#[test]
fn confidence_follows_length_and_segments() {
    let right = bytes(2, 0, 1, &SEGMENT);
    assert_eq!(confidence(&right), 0.9);
    assert_eq!(confidence(&bytes(2, 0, 1, &[&SEGMENT[..], &[0; 4]].concat())), 0.7);
    assert_eq!(confidence(&bytes(2, 0, 1, &[])), 0.7);
    assert_eq!(confidence(&bytes(2, 0, 1, &[0; 12])), 0.0, "a segment of length 0 ends nothing");
    assert_eq!(confidence(&right[..28]), 0.0);
    let mut other = right;
    other[0] = 0x45;
    assert_eq!(confidence(&other), 0.0);
}

#[test]
fn an_unknown_data_type_is_named_by_its_number() {
    assert_eq!(NpdDecoder.packet_type(PacketType(0x03)), "data type 0x03");
    let (_, report) = decode_all(&NpdDecoder, &[bytes(0x03, 0, 1, &SEGMENT), bytes(0x38, 0, 2, &SEGMENT)]);
    let meanings: Vec<_> = report.packet_types.iter().map(|(kind, facts)| (kind.0, facts["meaning"].clone())).collect();
    assert_eq!(meanings, [(0x38, Value::from("ARINC-429"))]);
}

#[test]
fn errors_configuration_and_address_are_found() {
    let mut elsewhere = bytes(2, 1, 2, &SEGMENT);
    elsewhere[12] = 238;
    let (_, report) = decode_all(&NpdDecoder, &[bytes(2, 0, 1, &SEGMENT), elsewhere]);
    assert_eq!(codes(&report), ["npd.address-mismatch", "npd.configuration-changed", "npd.segment-error"]);
    let measures = &report.streams[&StreamId(0xDD)].measures;
    assert_eq!(measures["segment_errors"], Value::Unsigned(2));
}

#[test]
fn broken_segments_are_refused_alone_and_not_lost_of_a_known_source() {
    let (good, broken) = (bytes(2, 0, 1, &SEGMENT), bytes(2, 0, 2, &[0xFF; 12]));
    assert_eq!(decode_all(&NpdDecoder, std::slice::from_ref(&broken)).0, 0);
    let (taken, report) = decode_all(&NpdDecoder, &[good, broken]);
    assert_eq!(taken, 2);
    assert_eq!(codes(&report), ["npd.segment-error", "npd.segments-broken"]);
}

#[test]
fn a_clock_that_runs_free_is_found() {
    let mut payload = bytes(2, 0, 1, &[]);
    payload[5] = 0x01;
    let (_, report) = decode_all(&NpdDecoder, &[payload]);
    assert_eq!(codes(&report), ["npd.clock-free-running"]);
    assert_eq!(report.streams[&StreamId(0xDD)].measures["free_running_packets"], Value::Unsigned(1));
}

fn feed(packets: &[Vec<u8>], missing: usize) {
    let mut flow = NpdDecoder.flow_decoder(&udp(&[]).flow).unwrap();
    let mut result = DecodingResult::new(true);
    for payload in packets {
        let captured = udp(payload);
        let packet = Packet { missing, ..captured.packet() };
        NpdDecoder.can_decode(&packet);
        for taken in [NpdDecoder.decode_packet(&packet, &mut result), flow.decode_packet(&packet, &mut result)] {
            assert!(taken.is_err() || taken == Ok(payload.len()));
        }
        result.clear();
    }
    flow.report(&mut FlowReport::default());
}

proptest! {
    #[test]
    fn whatever_bytes_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        is_marked in any::<bool>(),
        missing in 0_usize..20,
    ) {
        let make = |body: Vec<u8>| {
            let whole = body.len() / 4 * 4;
            if is_marked { bytes(body.len() as u8, 0, 1, &body[..whole]) } else { body }
        };
        feed(&payloads.into_iter().map(make).collect::<Vec<_>>(), missing / 4 * 4);
    }
}

#[test]
fn mutated_real_packets_never_panic() {
    let Some(corpus) = corpus() else { return };
    let real: Vec<_> = ["npd_ref", "wrapped_ethernet"]
        .iter()
        .flat_map(|name| payloads(&corpus, &format!("flight-test/{name}.pcap")))
        .map(|captured| captured.payload)
        .collect();
    let changes = prop::collection::vec((0_usize..32, any::<u8>()), 0..8);
    proptest!(|(which in any::<prop::sample::Index>(), changes in changes, cut in 0_usize..40)| {
        let good = which.get(&real).clone();
        let mut bad = good.clone();
        changes.into_iter().for_each(|(at, byte)| bad[at] = byte);
        bad.truncate(bad.len().saturating_sub(cut));
        feed(&[good.clone(), bad, good], 0);
    });
}
