//! Vectors, damage, and whatever bytes.

use proptest::prelude::*;
use streamlens_model::{Packet, StreamId, Value};

use super::*;
use crate::testing::{codes, corpus, decode_all, payloads, udp};
use crate::tmns::TmnsDecoder;
use crate::{DecodingResult, FlowReport, PduState, StreamDecoder};

fn bytes(sequence: u32, information: u32, body: &[u8]) -> Vec<u8> {
    let length = 28 + body.len() as u32;
    let words = [0x1100_0000, 0xDC, sequence, length, 1_700_000_037, 5, information];
    words.into_iter().flat_map(u32::to_be_bytes).chain(body.iter().copied()).collect()
}

fn confidence(payload: &[u8]) -> f32 {
    InetxDecoder.can_decode(&udp(payload).packet()).value()
}

#[test]
fn reads_each_field() {
    let header = InetxHeader::parse(&bytes(0x3F3, 0x9C00_0000, &[1, 2])).unwrap();
    assert_eq!((header.stream_id, header.sequence, header.length), (0xDC, 0x3F3, 30));
    assert_eq!(header.nanos(), 1_700_000_037_000_000_005);
    let information = header.payload_information;
    assert!(information.has_error() && information.is_by_timeout());
    assert_eq!(information.lost(), 3);
}

#[test]
fn confidence_follows_control_word_length_and_time() {
    let right = bytes(1, 0, &[0; 8]);
    assert_eq!(confidence(&right), 0.99);
    assert_eq!(confidence(&right[..30]), 0.2);
    let mut late = right.clone();
    late[20] = 0xFF;
    assert_eq!(confidence(&late), 0.2);
    for (at, byte) in [(0, 0x10), (1, 1), (3, 1)] {
        let mut other = right.clone();
        other[at] = byte;
        assert_eq!(confidence(&other), 0.0);
    }
    assert_eq!(confidence(&right[..27]), 0.0);
}

#[test]
fn it_is_never_tmns_although_it_has_that_shape() {
    let right = bytes(1, 0, &[0; 8]);
    assert_eq!(TmnsDecoder.can_decode(&udp(&right).packet()).value(), 0.0);
}

#[test]
fn a_segment_of_chapter_10_that_begins_alike_is_refused_and_a_damaged_packet_of_a_known_stream_is_not_lost() {
    let (good, mut damaged) = (bytes(1, 0, &[0; 8]), bytes(2, 0, &[0; 8]));
    damaged[15] += 4;
    assert_eq!(decode_all(&InetxDecoder, std::slice::from_ref(&damaged)).0, 0);
    let (taken, report) = decode_all(&InetxDecoder, &[good, damaged]);
    assert_eq!(taken, 2);
    assert_eq!(codes(&report), ["inetx.length-mismatch"]);
}

#[test]
fn a_time_of_more_than_a_second_of_nanoseconds_is_found_in_a_known_stream() {
    let (good, mut late) = (bytes(1, 0, &[]), bytes(2, 0, &[]));
    late[20] = 0xFF;
    let (taken, report) = decode_all(&InetxDecoder, &[good, late]);
    assert_eq!((taken, codes(&report)), (2, vec!["inetx.bad-time"]));
    assert_eq!(report.streams[&StreamId(0xDC)].measures["malformed_packets"], Value::Unsigned(1));
}

#[test]
fn payload_information_is_counted_and_found() {
    let (_, report) =
        decode_all(&InetxDecoder, &[bytes(1, 0x8000_0000, &[]), bytes(2, 0x1400_0000, &[]), bytes(3, 0, &[])]);
    assert_eq!(codes(&report), ["inetx.payload-error", "inetx.reported-loss"]);
    let measures = &report.streams[&StreamId(0xDC)].measures;
    assert_eq!(measures["payload_error_packets"], Value::Unsigned(1));
    assert_eq!(measures["reported_lost"], Value::Unsigned(2));
    assert_eq!(measures["timeout_packets"], Value::Unsigned(1));
    assert_eq!(measures["time_scale"], Value::from("like TAI: about 37 s ahead of the capture"));
}

#[test]
fn what_only_the_capture_cut_is_shown_as_cut() {
    let whole = bytes(1, 0, &[0; 100]);
    let captured = udp(&whole[..40]);
    let packet = Packet { missing: 88, ..captured.packet() };
    assert_eq!(InetxDecoder.can_decode(&packet).value(), 0.99);
    let mut result = DecodingResult::new(false);
    assert_eq!(InetxDecoder.decode_packet(&packet, &mut result), Ok(40));
    assert_eq!(result.state, PduState::Cut);
}

fn feed(packets: &[Vec<u8>], missing: usize) {
    let mut flow = InetxDecoder.flow_decoder(&udp(&[]).flow).unwrap();
    let mut result = DecodingResult::new(true);
    for payload in packets {
        let captured = udp(payload);
        let packet = Packet { missing, ..captured.packet() };
        InetxDecoder.can_decode(&packet);
        for taken in [InetxDecoder.decode_packet(&packet, &mut result), flow.decode_packet(&packet, &mut result)] {
            assert!(taken.is_err() || taken == Ok(payload.len()));
        }
        result.clear();
    }
    flow.report(&mut FlowReport::default());
}

proptest! {
    #[test]
    fn whatever_bytes_never_panic(
        tails in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        is_marked in any::<bool>(),
        missing in 0_usize..20,
    ) {
        let make = |tail: Vec<u8>| if is_marked { [&[0x11, 0, 0, 0][..], &tail].concat() } else { tail };
        feed(&tails.into_iter().map(make).collect::<Vec<_>>(), missing);
    }
}

#[test]
fn mutated_real_packets_never_panic() {
    let Some(corpus) = corpus() else { return };
    let real: Vec<_> = ["inetx_test", "valid_paligned", "samdec"]
        .iter()
        .flat_map(|name| payloads(&corpus, &format!("flight-test/{name}.pcap")))
        .map(|captured| captured.payload)
        .collect();
    let changes = prop::collection::vec((0_usize..40, any::<u8>()), 0..8);
    proptest!(|(which in any::<prop::sample::Index>(), changes in changes, cut in 0_usize..60)| {
        let good = which.get(&real).clone();
        let mut bad = good.clone();
        changes.into_iter().for_each(|(at, byte)| bad[at] = byte);
        bad.truncate(bad.len().saturating_sub(cut));
        feed(&[good.clone(), bad, good], 0);
    });
}
