use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens_model::{FlowKey, StreamId, Value};

use super::*;
use crate::testing::{Captured, captures_without_media, corpus, payloads, udp};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, StreamDecoder};

/// A packet of one stream, 12 bytes of header and some payload.
fn rtp(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Captured {
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(timestamp.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0x55; 20]);
    udp(&bytes)
}

fn decode(flow: &mut dyn FlowDecoder, captured: &Captured) -> Result<usize, DecodeError> {
    flow.decode_packet(&captured.packet(), &mut DecodingResult::default())
}

fn float(value: Option<&Value>) -> f64 {
    match value {
        Some(Value::Float(value)) => *value,
        Some(Value::Unsigned(value)) => *value as f64,
        Some(Value::Signed(value)) => *value as f64,
        other => panic!("{other:?} is not a number"),
    }
}

#[test]
fn every_part_of_the_header_is_read() {
    let bytes = [
        0xB2, 0xE0, 0x00, 0x07, 0x00, 0x00, 0x03, 0xE8, 0x12, 0x34, 0xAB, 0xCD, // P, X, CC 2, M, PT 96
        0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, // CSRC 1 and 2
        0xBE, 0xDE, 0x00, 0x02, 0x31, 0xAA, 0xBB, 0x00, 0x00, 0x10, 0xCC, 0x00, // elements 3 and 1
        0x01, 0x02, 0x03, 0x00, 0x02, // payload and 2 bytes of padding
    ];
    let packet = RtpPacket::parse(&bytes).unwrap();
    assert_eq!((packet.marker, packet.payload_type, packet.sequence), (true, 96, 7));
    assert_eq!((packet.timestamp, packet.ssrc), (1000, 0x1234_ABCD));
    assert_eq!(packet.contributing_sources().collect::<Vec<_>>(), [1, 2]);
    let elements: Vec<_> = packet.extension_elements().collect();
    assert_eq!(elements, [ExtensionElement { id: 3, data: &[0xAA, 0xBB] }, ExtensionElement { id: 1, data: &[0xCC] }]);
    assert_eq!((packet.payload, packet.padding), (&[1_u8, 2, 3][..], 2));
}

#[test]
fn two_byte_elements_may_be_empty_and_end_where_they_do_not_fit() {
    let bytes = [
        0x90, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x10, 0x00, 0x00, 0x02, 0x05, 0x00, 0x21, 0x01, 0xEE, 0x00, 0x09,
        0x09,
    ];
    let packet = RtpPacket::parse(&bytes).unwrap();
    let elements: Vec<_> = packet.extension_elements().collect();
    assert_eq!(elements, [ExtensionElement { id: 5, data: &[] }, ExtensionElement { id: 0x21, data: &[0xEE] }]);
}

#[test]
fn every_truncation_is_refused_or_shorter() {
    let bytes = [0xB1, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0, 1, 2, 3, 0, 2];
    assert!(RtpPacket::parse(&bytes).is_ok());
    for length in 0..bytes.len() {
        let cut = RtpPacket::parse(&bytes[..length]);
        if length < 24 {
            assert!(cut.is_err(), "{length} bytes: {cut:?}");
        }
        // The capture cut it: what is missing is taken on trust.
        let missing = bytes.len() - length;
        assert_eq!(RtpPacket::parse_cut(&bytes[..length], missing).is_ok(), length >= 12, "{length} bytes");
    }
    let wrong = |bytes: &[u8]| RtpPacket::parse(bytes).unwrap_err().to_string();
    let rtcp = wrong(&[0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    assert_eq!(rtcp, "RTP: payload type at byte 1: it is that of RTCP");
    assert_eq!(wrong(&[0x40, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]), "RTP: version at byte 0: it is not 2");
    assert_eq!(wrong(&bytes[..10]), "RTP: SSRC at byte 8 needs 4 bytes, 2 present");
    assert_eq!(wrong(&bytes[..14]), "RTP: CSRC at byte 12 needs 4 bytes, 2 present");
    assert_eq!(wrong(&bytes[..22]), "RTP: extension at byte 20 needs 4 bytes, 2 present");
}

#[test]
fn a_padding_count_that_cannot_be_leaves_all_bytes_to_the_payload() {
    for (bytes, count) in [(&[0_u8] as &[u8], 0), (&[2], 2), (&[9, 9, 0], 0), (&[9, 9, 4], 4), (&[], 0)] {
        let mut datagram = vec![0xA0, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        datagram.extend(bytes);
        let packet = RtpPacket::parse(&datagram).unwrap();
        assert_eq!((packet.payload, packet.padding, packet.wrong_padding), (bytes, 0, Some(count)));
    }
    // padding alone is lawful
    let packet = RtpPacket::parse(&[0xA0, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2]).unwrap();
    assert_eq!((packet.payload, packet.padding, packet.wrong_padding), (&[][..], 2, None));
}

#[test]
fn sources_that_change_with_every_packet_are_refused() {
    let mut flow = RtpFlow::new();
    let accepted =
        (0..100_u16).filter(|&n| decode(&mut flow, &rtp(96, n, 0, 0x1000 + u32::from(n) * 7)).is_ok()).count();
    assert_eq!(accepted, 3);
}

#[test]
fn a_constant_where_the_sequence_should_be_is_refused() {
    let mut flow = RtpFlow::new();
    let accepted = (0..100).filter(|&n| decode(&mut flow, &rtp(96, 7, n, 1)).is_ok()).count();
    assert_eq!(accepted, 3);
}

#[test]
fn streams_of_several_sources_count_from_their_first_packet_in_spite_of_loss_and_duplicates() {
    let mut flow = RtpFlow::new();
    for n in [1_u16, 5, 4, 6, 6, 9, 8] {
        for (ssrc, payload_type) in [(1, 111), (2, 96), (3, 97)] {
            assert!(decode(&mut flow, &rtp(payload_type, n, u32::from(n) * 160, ssrc)).is_ok(), "{n} of {ssrc}");
        }
    }
    assert_eq!(flow.counts().packets, 21);
}

#[test]
fn a_new_source_in_a_running_flow_counts_and_garbage_between_does_not_for_long() {
    let mut flow = RtpFlow::new();
    for n in 0..200_u16 {
        assert!(decode(&mut flow, &rtp(96, n, u32::from(n), 1)).is_ok());
    }
    let garbage =
        (0..100_u16).filter(|&n| decode(&mut flow, &rtp(97, n.wrapping_mul(777), 0, 99 + u32::from(n) * 3)).is_ok());
    assert!(garbage.count() <= 8);
    for n in 200..264_u16 {
        assert!(decode(&mut flow, &rtp(96, n, u32::from(n), 1)).is_ok());
    }
    for n in 0..10_u16 {
        assert!(decode(&mut flow, &rtp(96, n + 5000, u32::from(n), 2)).is_ok());
    }
}

#[test]
fn a_changed_payload_type_is_a_finding() {
    let mut flow = RtpFlow::new();
    for n in 0..10_u16 {
        decode(&mut flow, &rtp(if n == 5 { 101 } else { 0 }, n, u32::from(n) * 160, 1)).unwrap();
    }
    let mut report = FlowReport::default();
    flow.report(&mut report);
    let found: Vec<_> = report.findings[0].iter().map(|(code, stream, of)| (code, stream, of.text.as_str())).collect();
    let change = |text| ("rtp.payload-type-changed", Some(StreamId(1)), text);
    let texts =
        ["from 0 to 101", "from 101 to 0"].map(|way| format!("the payload type changed {way} within the stream"));
    assert_eq!(found, texts.each_ref().map(|text| change(text.as_str())));
    assert_eq!(report.streams[&StreamId(1)].measures["clock_rate_hz"], Value::Unsigned(8000));
}

#[test]
fn the_clock_rate_is_inferred_and_jitter_is_that_of_the_filter_at_this_rate() {
    let mut flow = RtpFlow::new();
    for n in 0..400_u16 {
        let mut packet = rtp(111, n, u32::from(n) * 960, 1);
        // 20 ms, every second packet 1 ms late: |D| is 1 ms throughout, so J tends to 1 ms.
        let nanos = 1_700_000_000_000_000_000 + i64::from(n) * 20_000_000 + i64::from(n % 2) * 1_000_000;
        packet.time = Some(streamlens_model::Timestamp::from_nanos(nanos));
        decode(&mut flow, &packet).unwrap();
    }
    let mut report = FlowReport::default();
    flow.report(&mut report);
    let stream = &report.streams[&StreamId(1)];
    assert_eq!(stream.measures["clock_rate_hz"], Value::Unsigned(48_000));
    assert_eq!(stream.measures["clock_rate_source"], Value::text("inferred from timestamps against arrival"));
    assert!((stream.jitter_ns.unwrap() - 1e6).abs() < 1.0);
    assert_eq!(stream.measures["timestamp_step"], Value::Unsigned(960));
}

type Flows = BTreeMap<FlowKey, (RtpFlow, BTreeMap<u32, u64>)>;

/// Drives every flow of a capture through a flow decoder, as if each had been identified.
fn run(capture: &str) -> Option<Flows> {
    let mut flows = BTreeMap::new();
    let mut result = DecodingResult::default();
    for captured in payloads(&corpus()?, capture) {
        if captured.transport != streamlens_model::Transport::UDP {
            continue;
        }
        let (flow, types) = flows.entry(captured.flow).or_insert_with(|| (RtpFlow::new(), BTreeMap::new()));
        result.clear();
        if flow.decode_packet(&captured.packet(), &mut result).is_ok() {
            *types.entry(result.packet_type.0).or_default() += 1;
        }
    }
    Some(flows)
}

/// Figures of an independent tool: capture, destination port, SSRC, payload type, packets, markers, packets with an
/// extension, clock in Hz, jitter of all packets in ms (mean, largest, last).
type Expected = (&'static str, u16, u32, u32, u64, u64, u64, u64, f64, f64, f64);

#[rustfmt::skip]
const EXPECTED: [Expected; 15] = [
    ("aes67-l24-2ch-1ms", 5004, 0x46775d63, 97, 3000, 1, 0, 48_000, 0.307166, 1.300828, 0.057081),
    ("mpegts-rtp-fec2022-1", 5006, 0x38cf91bb, 33, 627, 0, 0, 90_000, 5.865175, 12.352565, 7.448971),
    ("mpegts-rtp-fec2022-1", 5010, 0, 96, 125, 0, 0, 90_000, 24.287336, 34.999123, 33.328034),
    ("mpegts-rtp-fec2022-1", 5008, 0, 96, 152, 0, 0, 90_000, 38.982204, 56.34103, 53.105285),
    ("rtp-h264-rtcp-mux-ffmpeg", 6004, 0x30036d68, 96, 518, 232, 0, 90_000, 41.189842, 60.651709, 42.75145),
    ("rtp-l16-44100-pt10-static", 5404, 0xb58b91a1, 10, 700, 1, 0, 44_100, 0.251313, 1.2971, 0.283154),
    ("rtp-opus-loss-reorder-dup", 5304, 0xf629ce73, 111, 1175, 1, 0, 48_000, 8.029716, 22.695632, 5.539408),
    ("rtp-pcma-rtcp-sr-rr-sdes-bye", 5104, 0xa8d5fcb0, 8, 1000, 1, 0, 8_000, 0.671994, 3.213305, 1.142192),
    ("rtp-vp8-hdrext-ntp64", 5504, 0x0d788e84, 100, 197, 120, 120, 90_000, 1.819213, 5.656025, 1.807889),
    ("sap-sdp-l16-ffmpeg", 5010, 0x0277db3d, 96, 1031, 0, 0, 48_000, 14.979277, 15.791945, 15.230233),
    ("st2022-7-pair-l24", 5004, 0x9c582574, 97, 1494, 1, 0, 48_000, 0.031406, 0.424022, 0.014806),
    ("st2022-7-pair-l24", 5004, 0x9c582574, 97, 1485, 1, 0, 48_000, 0.097147, 0.667883, 0.310383),
    ("st2110-20-uyvp10-320x180p25", 5004, 0xcbf639cb, 96, 1144, 11, 0, 90_000, 0.480656, 1.906725, 1.001549),
    ("st2110-30-l24-8ch-125us", 5004, 0xbd42684a, 98, 6000, 1, 0, 48_000, 0.080241, 0.792031, 0.004052),
    ("st2110-40-anc-25p", 5040, 0x2af8d45a, 100, 225, 225, 0, 90_000, 0.118619, 0.216902, 0.133098),
];

#[test]
fn packets_markers_extensions_and_jitter_are_those_of_an_independent_tool() {
    for (capture, port, ssrc, payload_type, packets, markers, extensions, rate, mean, largest, last) in EXPECTED {
        let Some(flows) = run(&format!("broadcast/{capture}.pcap")) else { return };
        let found =
            flows.iter().find(|(key, (flow, _))| key.dst.port == Some(port) && flow.counts().packets == packets);
        let Some((_, (flow, types))) = found else { panic!("{capture}: no flow of {packets} packets to {port}") };
        assert_eq!(types, &BTreeMap::from([(payload_type, packets)]), "{capture}");
        assert_eq!((flow.counts().markers, flow.counts().extensions), (markers, extensions), "{capture}");
        let mut report = FlowReport::default();
        flow.report(&mut report);
        let stream = &report.streams[&StreamId(u128::from(ssrc))];
        let measure = |name: &str| float(stream.measures.get(name));
        assert_eq!(measure("clock_rate_hz"), rate as f64, "{capture}: {:?}", stream.measures);
        for (name, value, expected) in [
            ("mean", measure("jitter_mean_ns"), mean),
            ("max", measure("jitter_max_ns"), largest),
            ("last", stream.jitter_ns.unwrap(), last),
        ] {
            let off = (value / 1e6 - expected).abs() / expected;
            assert!(off < 1e-4, "{capture}: {name} {value} ns, expected {expected} ms");
        }
    }
}

/// The flows of a capture that an engine would call RTP: the rule is that of the crate's documentation, with all of a
/// flow's payloads instead of its first.
fn identified(corpus: &std::path::Path, capture: &str) -> BTreeMap<FlowKey, u64> {
    let (decoder, mut flows) = (RtpDecoder::new(), BTreeMap::new());
    let mut result = DecodingResult::default();
    for captured in payloads(corpus, capture) {
        if captured.transport != streamlens_model::Transport::UDP {
            continue;
        }
        let entry = flows.entry(captured.flow).or_insert_with(|| (RtpFlow::new(), 1.0, BTreeMap::new(), 0_u64));
        let (flow, doubt, last, packets) = entry;
        let confidence = decoder.can_decode(&captured.packet());
        if !confidence.is_some() {
            continue;
        }
        result.clear();
        if flow.decode_packet(&captured.packet(), &mut result).is_err() {
            *doubt = f32::min(1.0, *doubt / 0.85);
            continue;
        }
        *packets += 1;
        let mark = result.marks()[0];
        let number = mark.sequence.unwrap().number;
        *doubt *= if *packets == 1 { 1.0 - confidence.value() } else { 0.85 };
        if last.insert(mark.id, number).is_some_and(|last| number == (last + 1) & 0xFFFF) {
            *doubt *= 0.5;
        }
    }
    flows.into_iter().filter(|(_, (_, doubt, ..))| *doubt <= 0.5).map(|(key, (.., packets))| (key, packets)).collect()
}

/// Captures of ordinary traffic in which there is RTP, as the oracle or its heuristic says.
const WITH_RTP: [&str; 17] = [
    "KakaoTalk_talk",
    "discord",
    "false_positives",
    "geforcenow",
    "line",
    "rtp",
    "sip",
    "skinny",
    "skype-conference-call",
    "stun",
    "stun_classic",
    "stun_dtls_rtp",
    "stun_google_meet",
    "stun_signal",
    "stun_wa_call",
    "wa_voice",
    "whatsapp_login_call",
];

#[test]
fn no_other_traffic_is_taken_for_rtp() {
    let Some(corpus) = corpus() else { return };
    let mut found = Vec::new();
    for capture in captures_without_media(&corpus, &WITH_RTP) {
        let flows = identified(&corpus, &capture);
        found.extend(flows.iter().map(|(flow, packets)| format!("{capture}: {flow}: {packets} packets")));
    }
    assert!(found.is_empty(), "{found:#?}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..40)) {
        let mut flow = RtpFlow::new();
        let mut result = DecodingResult::new(true);
        for mut payload in payloads {
            for _ in 0..2 {
                let captured = udp(&payload);
                let _ = RtpDecoder::new().can_decode(&captured.packet());
                result.clear();
                let _ = RtpDecoder::new().decode_packet(&captured.packet(), &mut result);
                result.clear();
                let _ = flow.decode_packet(&captured.packet(), &mut result);
                if let Some(first) = payload.first_mut() {
                    *first = *first & 0x3F | 0x80;
                }
            }
        }
        flow.report(&mut FlowReport::default());
    }

    #[test]
    fn any_order_of_numbers_and_times_never_panics(
        packets in prop::collection::vec((0_u8..3, any::<u16>(), any::<u32>(), any::<i64>(), 96_u8..100), 0..300),
    ) {
        let mut flow = RtpFlow::new();
        for (ssrc, sequence, timestamp, nanos, payload_type) in packets {
            let mut captured = rtp(payload_type, sequence, timestamp, u32::from(ssrc));
            captured.time = Some(streamlens_model::Timestamp::from_nanos(nanos));
            let _ = decode(&mut flow, &captured);
        }
        flow.report(&mut FlowReport::default());
    }
}

/// A path that received these numbers, 1 ms apart and `skew` ns late.
fn path(numbers: impl Iterator<Item = u16>, skew: i64) -> super::path::Path {
    let mut path: Option<super::path::Path> = None;
    let mut first = None;
    for number in numbers {
        let elapsed = number.wrapping_sub(*first.get_or_insert(64_000_u16));
        let time = streamlens_model::Timestamp::from_nanos(i64::from(elapsed) * 1_000_000 + skew);
        let at = streamlens_model::Occurrence { frame: u64::from(elapsed) + 1, time: Some(time) };
        path.get_or_insert_with(|| super::path::Path::new(number)).observe(number, u32::from(elapsed) * 48, at);
    }
    path.unwrap()
}

#[test]
fn two_paths_lose_together_what_both_lost_even_across_the_wrap_of_numbers() {
    let all = || (0..4000_u16).map(|n| n.wrapping_add(64_000));
    let lost =
        |n: u16, ranges: &[std::ops::Range<u16>]| ranges.iter().any(|range| range.contains(&n.wrapping_sub(64_000)));
    let a = path(all().filter(|&n| !lost(n, &[100..110, 1500..1600, 3000..3001])), 0);
    // The second one began after the numbers had wrapped, and one of its packets came late.
    let mut numbers: Vec<u16> = all().skip(1550).filter(|&n| !lost(n, &[1580..1650, 3000..3002])).collect();
    numbers.swap(20, 21);
    let b = path(numbers.into_iter(), 2_000_000);
    let comparison = super::redundancy::compare(&a, &b).unwrap();
    assert_eq!(comparison.overlap, 2450);
    assert_eq!(comparison.lost, [51, 72, 21]);
    assert_eq!(comparison.skew, [2e6, 2e6, 2e6]);
    assert_eq!(comparison.losses.unwrap().first.frame, 1651);
}

#[test]
fn paths_with_other_content_are_no_pair() {
    let a = path((0..1000_u16).map(|n| n + 64_000), 0);
    let mut b = super::path::Path::new(64_000);
    for n in 0..1000_u16 {
        let time = Some(streamlens_model::Timestamp::from_nanos(i64::from(n) * 1_000_000));
        b.observe(n + 64_000, u32::from(n) * 48 + 1, streamlens_model::Occurrence { frame: 1, time });
    }
    assert!(super::redundancy::compare(&a, &b).is_none());
}

#[test]
fn the_paths_of_a_real_pair_are_found_and_compared() {
    let Some(flows) = run("broadcast/st2022-7-pair-l24.pcap") else { return };
    let peers: Vec<_> = flows
        .iter()
        .map(|(flow, (decoder, _))| crate::Peer {
            flow,
            decoder: Some(decoder as &dyn FlowDecoder),
            encoding: "RTP",
            interface: None,
        })
        .collect();
    let mut report = crate::NetworkReport::default();
    RtpDecoder::new().network_monitor().unwrap().report(&peers, &mut report);
    let Value::List(pairs) = &report.facts["st2022_7_pairs"] else { panic!("a list") };
    let Value::Map(pair) = &pairs[0] else { panic!("a map") };
    let Value::Map(comparison) = &pair["comparison"] else { panic!("a map") };
    assert_eq!(pairs.len(), 1);
    assert_eq!(comparison["overlap_packets"], Value::Unsigned(1500));
    assert_eq!(comparison["lost_on_this_path"], Value::Unsigned(6));
    assert_eq!(pair["lost_on_other_path"], Value::Unsigned(15));
    assert_eq!(comparison["lost_after_merge"], Value::Unsigned(0));
    if std::env::var_os("SHOW").is_some() {
        eprintln!("{pair:#?}");
    }
    assert!(float(comparison.get("skew_max_ns")).abs() < 10e6);
}

/// Two ways to one receiver that are further apart than its class takes are told; what comes back to the sender is no second way.
#[test]
fn ways_far_apart_are_told_and_an_echo_is_no_way() {
    let end = |last: u8, port| streamlens_model::Endpoint {
        address: streamlens_model::Address::V4([192, 0, 2, last].into()),
        port: Some(port),
    };
    let flow_of = |src, dst| streamlens_model::FlowKey { src, dst, ..Default::default() };
    let decoded = |late: i64| {
        let mut flow = RtpFlow::new();
        for n in 0..1000_u16 {
            let mut packet = rtp(96, n, u32::from(n) * 48, 7);
            let nanos = 1_700_000_000_000_000_000 + i64::from(n) * 1_000_000 + late;
            packet.time = Some(streamlens_model::Timestamp::from_nanos(nanos));
            decode(&mut flow, &packet).unwrap();
        }
        flow
    };
    let (one, other) = (decoded(0), decoded(500_000_000));
    for (back, found) in [(flow_of(end(3, 5004), end(2, 5006)), 1), (flow_of(end(2, 5004), end(1, 5004)), 0)] {
        let flows = [(flow_of(end(1, 5004), end(2, 5004)), &one), (back, &other)];
        let peer = |(flow, decoder)| crate::Peer { flow, decoder: Some(decoder), encoding: "RTP", interface: None };
        let peers: Vec<_> = flows.iter().map(|(flow, decoder)| peer((flow, *decoder as &dyn FlowDecoder))).collect();
        let mut report = crate::NetworkReport::default();
        RtpDecoder::new().network_monitor().unwrap().report(&peers, &mut report);
        let codes: Vec<_> = report.findings.iter().flat_map(|log| log.iter()).map(|(code, ..)| code).collect();
        assert_eq!(codes, vec!["st2022-7.skew"; found]);
    }
}

#[test]
fn fields_are_those_of_every_part_of_the_header() {
    let header = [0xB1, 96, 0, 7, 0, 0, 0, 9, 0, 0, 0xCA, 0xFE, 0, 0, 0, 5];
    let extension = [0xBE, 0xDE, 0, 1, 0x10, 0xAA, 0, 0];
    for (padding, last) in [(4, ("padding", Value::from(4_u8))), (200, ("wrong_padding", Value::from(200_u8)))] {
        let mut result = DecodingResult::new(true);
        let bytes = [&header[..], &extension, &[1; 20], &[0, 0, 0, padding]].concat();
        let mut flow = RtpFlow::new();
        flow.accept_all();
        flow.decode_packet(&udp(&bytes).packet(), &mut result).unwrap();
        let names: Vec<_> = result.fields().iter().map(|(name, _)| *name).collect();
        let expected = ["payload_type", "marker", "sequence", "timestamp", "ssrc", "csrc", "extension_profile"];
        assert_eq!(names[..7], expected);
        assert_eq!(names[7..10], ["extension_length", "extension_elements", "payload_length"]);
        assert_eq!(result.fields()[10..], [last]);
    }
}
