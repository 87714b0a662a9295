//! What the decoder traits promise, shown on an invented protocol.

mod common;

use common::{MILLISECOND, Made, analyse, analyse_with, encoding, pdu, registry, tcp, udp};
use proptest::prelude::*;
use streamlens_decoders::{Carrier, Confidence, DecodeError, DecoderInfo, DecodingResult, PacketType, StreamDecoder};
use streamlens_engine::{DecodeAs, Engine, EngineOptions};
use streamlens_model::{Analysis, Packet, Value};
use streamlens_registry::DecoderRegistry;

fn types(analysis: &Analysis, from: u8) -> Vec<(String, u64, u64)> {
    let types = &encoding(analysis, from).packet_types;
    types.iter().map(|kind| (kind.type_name.to_string(), kind.packet_count, kind.byte_count)).collect()
}

#[test]
fn several_pdus_of_a_datagram_share_its_wire_bytes() {
    let payload = [pdu(b'x', 1, b"12345"), pdu(b'y', 2, b""), pdu(b'y', 3, b"1")].concat();
    let frame = udp(0, 1, 2, 9, &payload);
    let wire = frame.data.len() as u64;
    let analysis = analyse(&[frame]);
    assert_eq!(types(&analysis, 1), [("x".into(), 1, wire - 5 - 6), ("y".into(), 2, 11)]);
    assert_eq!(encoding(&analysis, 1).packet_count, 1);
}

#[test]
fn a_pdu_inside_another_counts_below_it_and_takes_nothing_from_it() {
    let payload = [pdu(b'x', 1, b"1"), pdu(b'b', 2, b"123"), pdu(b'b', 3, b"12345")].concat();
    let frame = udp(0, 1, 2, 9, &payload);
    let wire = frame.data.len() as u64;
    let analysis = analyse(&[frame, udp(7, 1, 2, 9, &pdu(b'b', 4, b"1"))]);
    let last = wire - (6 + 8 + 10) + 6;
    assert_eq!(types(&analysis, 1), [("b".into(), 3, 8 + 10 + last), ("x".into(), 1, wire - 8 - 10)]);
    let boxes = &encoding(&analysis, 1).packet_types[0];
    let [inside] = boxes.packet_types.as_slice() else { panic!("{boxes:?}") };
    assert_eq!((&*inside.type_name, inside.packet_count, inside.byte_count), ("i", 3, 3 + 5 + 1));
    assert_eq!((inside.timing_stats.count, inside.timing_stats.max_ns), (2, Some(7)));
    assert_eq!(inside.payload_characteristics["max_length"], Value::Unsigned(5));
}

#[test]
fn loss_is_computed_from_the_marks_alone() {
    let frames: Vec<Made> =
        [1, 2, 5, 6].iter().map(|&n| udp(i64::from(n) * MILLISECOND, 1, 2, 9, &pdu(b'x', n, b""))).collect();
    let analysis = analyse(&frames);
    let stream = &encoding(&analysis, 1).health.streams[0];
    assert_eq!((stream.expected, stream.lost, stream.longest_gap), (Some(6), Some(2), Some(2)));
    let finding = &analysis.findings[0];
    assert_eq!((finding.code.as_ref(), finding.count, finding.first.frame), ("chatter.loss", 1, 3));
}

#[test]
fn weak_evidence_grows_with_its_neighbours_and_counts_from_the_start() {
    let frames: Vec<Made> = (1..5).map(|n| udp(0, 1, 2, 9, &pdu(b'w', n, b""))).collect();
    let analysis = analyse(&frames[..1]);
    let transport = &analysis.flows[0].transport_protocols[0];
    assert!(transport.application_encodings.is_empty());
    assert_eq!((&*transport.candidates[0].encoding_name, transport.candidates[0].confidence_score), ("Chatter", 0.3));
    let analysis = analyse(&frames);
    let found = encoding(&analysis, 1);
    assert_eq!((found.packet_count, found.counted_from_start, found.health.streams[0].received), (4, true, 4));
    assert_eq!(found.timing_stats, analysis.flows[0].timing_stats);
}

#[test]
fn refusals_take_an_encoding_back() {
    let mut frames = vec![udp(0, 1, 2, 9, &pdu(b'x', 1, b""))];
    frames.extend((1..21).map(|n| udp(2 * n * MILLISECOND, 1, 2, 9, b"something else")));
    let analysis = analyse(&frames);
    let transport = &analysis.flows[0].transport_protocols[0];
    assert!(transport.application_encodings.is_empty(), "{transport:?}");
    assert_eq!(transport.candidates[0].encoding_name, "Chatter");
}

#[test]
fn a_malformed_pdu_counts_as_a_frame_of_its_encoding() {
    let analysis = analyse(&[udp(0, 1, 2, 9, &pdu(b'x', 1, b"")), udp(0, 1, 2, 9, &pdu(b'!', 2, b""))]);
    let found = encoding(&analysis, 1);
    assert_eq!((found.packet_count, found.malformed, found.packet_types[0].packet_count), (2, 1, 1));
}

#[test]
fn flow_decoders_conversations_and_networks_report() {
    let frames = [
        udp(0, 1, 2, 9, &pdu(b'q', 1, b"")),
        udp(1, 2, 1, 9, &pdu(b'a', 1, b"")),
        udp(2, 1, 2, 9, &pdu(b'm', 2, b"")),
        udp(3, 1, 2, 9, &pdu(b'f', 3, b"")),
        udp(4, 3, 4, 9, &pdu(b'n', 1, b"good ")),
        udp(5, 1, 2, 9, &pdu(b'n', 4, b"news")),
    ];
    let analysis = analyse(&frames);
    let facts = &encoding(&analysis, 2).decoder_metadata;
    assert_eq!(
        (&facts["questions"], &facts["answers"], &facts["peers"]),
        (&Value::Unsigned(1), &Value::Unsigned(1), &Value::Unsigned(3))
    );
    assert_eq!(encoding(&analysis, 1).decoder_metadata["remembered"], Value::Unsigned(1));
    assert_eq!(analysis.networks["Chatter"]["news"], Value::from("good news".to_owned()));
    let finding = analysis.findings.iter().find(|finding| finding.code == "chatter.fault").unwrap();
    assert_eq!((finding.first.frame, finding.place.stream.as_deref()), (4, Some("0x7")));
}

/// A decoder of the user's that panics on some thread ends the analysis; nobody waits for ever.
#[test]
fn a_panic_of_a_decoder_comes_out_whatever_the_thread() {
    struct Faulty;
    static INFO: DecoderInfo = DecoderInfo::new("Faulty", &[Carrier::Udp]);
    impl StreamDecoder for Faulty {
        fn info(&self) -> &DecoderInfo {
            &INFO
        }
        fn can_decode(&self, packet: &Packet<'_>) -> Confidence {
            assert!(packet.payload != b"panic", "as it should");
            Confidence::NONE
        }
        fn decode_packet(&self, _: &Packet<'_>, _: &mut DecodingResult) -> Result<usize, DecodeError> {
            Ok(1)
        }
        fn packet_type(&self, _: PacketType) -> std::borrow::Cow<'static, str> {
            "any".into()
        }
    }
    for threads in [1, 2, 4] {
        let panicked = std::panic::catch_unwind(|| {
            let mut registry = DecoderRegistry::new();
            registry.register(Faulty);
            let mut engine = Engine::new(registry, EngineOptions { threads, ..EngineOptions::default() });
            let mut left = 3;
            let _ = engine.run(|batch| {
                batch.clear();
                for host in 0..200 {
                    let payload: &[u8] = if left == 2 && host == 100 { b"panic" } else { b"fine" };
                    assert!(batch.push(&udp(0, host, 201, 9, payload).frame()));
                }
                left -= 1;
                Ok::<_, std::convert::Infallible>(left > 0)
            });
        });
        assert!(panicked.is_err(), "{threads} threads");
    }
}

#[test]
fn inspected_datagrams_reach_the_monitor_and_no_count() {
    // what follows itself within a millisecond is a copy
    let mut frames: Vec<_> = (0..20).map(|n| udp(2 * n * MILLISECOND, 1, 2, 77, b"hm ")).collect();
    frames.push(udp(60 * MILLISECOND, 1, 2, 78, b"not there"));
    frames.push(udp(61 * MILLISECOND, 1, 2, 77, &pdu(b'x', 1, b"")));
    frames.push(tcp(62 * MILLISECOND, 1, 2, 77, 1, b"nor there"));
    let analysis = analyse(&frames);
    assert_eq!(analysis.networks["Chatter"]["news"], Value::from("hm ".repeat(20)));
    assert_eq!(encoding(&analysis, 1).packet_count, 1);
}

#[test]
fn a_refinement_takes_over_the_counts_of_its_base() {
    let analysis = analyse(&[udp(0, 1, 2, 9, &pdu(b'x', 1, b"")), udp(0, 1, 2, 9, &pdu(b'r', 2, b""))]);
    let found = encoding(&analysis, 1);
    assert_eq!((&*found.encoding_name, found.packet_count, found.confidence_score), ("Refined chatter", 2, 0.9));
    assert_eq!(found.decoder_metadata["base_encoding"], Value::from("Chatter".to_owned()));
}

#[test]
fn the_user_can_tell_what_a_flow_is() {
    let rule = DecodeAs {
        selector: std::sync::Arc::new(|flow, _| flow.dst.port == Some(9)),
        encoding_name: "chatter".into(),
        rule: "udp.port==9,chatter".into(),
    };
    let options = EngineOptions { decode_as: vec![rule], ..EngineOptions::default() };
    let analysis = analyse_with(registry(), options, &[udp(0, 1, 2, 9, &pdu(b'w', 1, b""))]);
    let found = encoding(&analysis, 1);
    assert_eq!((found.confidence_score, &*found.reasons[0]), (1.0, "told by the user"));
}

/// A stream of PDUs, their bytes, and where each ends.
fn session() -> Vec<Vec<u8>> {
    (0..40_u16).map(|n| pdu(b"xyz"[usize::from(n) % 3], n, &vec![b'.'; usize::from(n) * 7 % 50])).collect()
}

fn segments(start: u32, cuts: &[usize]) -> Vec<(u32, Vec<u8>)> {
    let bytes = session().concat();
    let mut edges: Vec<usize> = cuts.iter().map(|cut| cut % bytes.len()).chain([0, bytes.len()]).collect();
    edges.sort_unstable();
    edges.dedup();
    edges.windows(2).map(|edge| (start.wrapping_add(edge[0] as u32), bytes[edge[0]..edge[1]].to_vec())).collect()
}

fn counts(analysis: &Analysis) -> Vec<(String, u64)> {
    types(analysis, 1).into_iter().map(|(name, pdus, _)| (name, pdus)).collect()
}

#[test]
fn a_lost_segment_costs_the_pdus_it_carried_and_no_more() {
    let all = session();
    let mut frames = Vec::new();
    let (mut sequence, mut time) = (77_u32, 0);
    for (number, pdu) in all.iter().enumerate() {
        time += MILLISECOND;
        if number != 20 {
            frames.push(tcp(time, 1, 2, 9, sequence, pdu));
        }
        sequence += pdu.len() as u32;
    }
    let analysis = analyse(&frames);
    let sum: u64 = counts(&analysis).iter().map(|(_, pdus)| pdus).sum();
    assert_eq!(sum, all.len() as u64 - 1);
    let stream = &encoding(&analysis, 1).health.streams[0];
    assert_eq!((stream.lost, stream.duplicated), (Some(1), Some(0)));
    assert_eq!(analysis.flows[0].transport_protocols[0].metadata["gaps"], Value::Unsigned(1));
}

proptest! {
    /// The same bytes give the same PDUs however the segments are cut, reordered, repeated and numbered.
    #[test]
    fn segmentation_makes_no_difference(
        start in any::<u32>(),
        cuts in proptest::collection::vec(any::<usize>(), 0..60),
        swaps in proptest::collection::vec((any::<usize>(), 1_usize..5), 0..10),
        repeats in proptest::collection::vec(any::<usize>(), 0..10),
    ) {
        let whole: Vec<Made> = segments(1, &[]).iter().map(|(at, bytes)| tcp(0, 1, 2, 9, *at, bytes)).collect();
        let expected = counts(&analyse(&whole));
        let mut pieces = segments(start, &cuts);
        for (from, by) in swaps {
            // the first segment stays first: without a SYN it is where the stream begins
            let from = 1 + from % pieces.len();
            if from + by < pieces.len() {
                pieces.swap(from, from + by);
            }
        }
        for at in repeats {
            let at = at % pieces.len();
            let again = pieces[at].clone();
            pieces.insert((at + 2).min(pieces.len()), again);
        }
        let frames: Vec<Made> = (1_i64..).zip(&pieces)
            .map(|(time, (at, bytes))| tcp(2 * time * MILLISECOND, 1, 2, 9, *at, bytes)).collect();
        let analysis = analyse(&frames);
        prop_assert_eq!(counts(&analysis), expected);
        let found = encoding(&analysis, 1);
        prop_assert_eq!(found.byte_count, found.packet_types.iter().map(|kind| kind.byte_count).sum::<u64>());
    }
}
