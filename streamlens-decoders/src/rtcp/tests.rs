use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens_model::{FlowKey, StreamId, Value};

use super::*;
use crate::testing::{Captured, captures_without_media, corpus, payloads, truncations, udp};
use crate::{DecodingResult, FlowDecoder, FlowReport, ObservedPdu, PacketType, StreamDecoder};

/// Takes a datagram apart as the engine does; `None` where it was refused.
fn take(flow: &mut dyn FlowDecoder, captured: &Captured) -> Option<Vec<u32>> {
    let (mut types, mut offset, mut result) = (Vec::new(), 0, DecodingResult::new(true));
    while offset < captured.payload.len() {
        let mut packet = captured.packet();
        (packet.payload, packet.offset) = (&captured.payload[offset..], offset);
        result.clear();
        offset += flow.decode_packet(&packet, &mut result).ok()?;
        types.push(result.packet_type.0);
    }
    Some(types)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A receiver report of one block, a CNAME `ab`, and a goodbye for the reason `bye`.
fn compound_of_three() -> Vec<u8> {
    words(&[
        0x81C9_0007,
        0xAAAA_0001,
        0xBBBB_0002,
        0x40FF_FFFE,
        0x0001_0203,
        7,
        0x1234_5678,
        0x0001_0000, // RR
        0x81CA_0003,
        0xAAAA_0001,
        0x0102_6162,
        0, // SDES
        0x81CB_0002,
        0xAAAA_0001,
        0x0362_7965, // BYE
    ])
}

#[test]
fn every_packet_of_a_compound_is_read() {
    let bytes = compound_of_three();
    let rr = RtcpPacket::parse(&bytes, 0).unwrap();
    let block = rr.reports().next().unwrap();
    assert_eq!((rr.ssrc(), block.ssrc, block.fraction_lost), (Some(0xAAAA_0001), 0xBBBB_0002, 0x40));
    assert_eq!((block.cumulative_lost, block.highest_sequence, block.jitter), (-2, 0x0001_0203, 7));
    assert_eq!((block.last_sender_report, block.delay), (0x1234_5678, 0x0001_0000));
    let sdes = RtcpPacket::parse(&bytes[32..], 0).unwrap();
    assert_eq!(sdes.descriptions().collect::<Vec<_>>(), [(0xAAAA_0001, CNAME, &b"ab"[..])]);
    let bye = RtcpPacket::parse(&bytes[48..], 0).unwrap();
    assert_eq!(bye.bye_reason(), Some(&b"bye"[..]));
    let mut flow = RtcpFlow::default();
    assert_eq!(take(&mut flow, &udp(&bytes)), Some(vec![201, 202, 203]));
    let mut report = FlowReport::default();
    flow.report(&mut report);
    assert_eq!(report.streams[&StreamId(0xAAAA_0001)].name.as_deref(), Some("ab"));
    let codes: Vec<_> = report.findings[0].iter().map(|(code, ..)| code).collect();
    assert_eq!(codes, ["rtcp.bye", "rtcp.loss-at-receiver"]);
}

#[test]
fn a_cut_packet_is_refused_with_the_field() {
    truncations("RTCP", &compound_of_three()[..32], |bytes| RtcpPacket::parse(bytes, 0));
    let says = |bytes: &[u8]| RtcpPacket::parse(bytes, 0).unwrap_err().to_string();
    assert_eq!(says(&[0x81, 201, 0]), "RTCP: length at byte 2 needs 2 bytes, 1 present");
    assert_eq!(says(&[0x81, 201, 0, 7, 1]), "RTCP: packet at byte 0 needs 32 bytes, 5 present");
    assert_eq!(says(&[0x41, 201]), "RTCP: version at byte 0: it is not 2");
    assert_eq!(says(&[0x81, 96]), "RTCP: packet type at byte 1: it is none of RTCP");
}

#[test]
fn a_sender_report_is_read_from_its_table() {
    let report = words(&[0x80C8_0006, 0xAAAA_0001, 0x8000_0001, 0x4000_0000, 90_000, 7, 700]);
    let sender = RtcpPacket::parse(&report, 0).unwrap().sender().unwrap();
    assert_eq!((sender.ntp, sender.rtp_timestamp), (0x8000_0001_4000_0000, 90_000));
    assert_eq!((sender.packets, sender.octets), (7, 700));
}

#[test]
fn a_compound_whose_lengths_do_not_add_up_is_refused() {
    let bytes = compound_of_three();
    for length in 0..bytes.len() {
        let cut = udp(&bytes[..length]);
        let whole = matches!(length, 0 | 32 | 48);
        let confidence = RtcpDecoder::new().can_decode(&cut.packet()).value();
        // A report with more words behind it, which are no packet, may be encrypted.
        let encrypted = length > 32 && length.is_multiple_of(4);
        if !whole {
            assert!(confidence <= if encrypted { 0.93 } else { 0.0 }, "{length} bytes: {confidence}");
        }
        // With what the capture cut known to be missing it is the same compound, as long as some header is there.
        let mut packet = cut.packet();
        packet.missing = bytes.len() - length;
        let whole_headers = (4..=32).contains(&length) || (36..=48).contains(&length) || length >= 52;
        assert_eq!(RtcpDecoder::new().can_decode(&packet).value() > 0.5, whole_headers, "{length} bytes");
    }
}

#[test]
fn a_wall_clock_is_an_instant_of_its_era() {
    let sender = |ntp| SenderInfo { ntp, rtp_timestamp: 0, packets: 0, octets: 0 };
    assert_eq!(sender(0xE8_D6_A8_00 << 32 | 0x8000_0000).wall_clock().to_string(), "2023-10-15T18:03:44.500000000Z");
    assert_eq!(sender(0).wall_clock().to_string(), "2036-02-07T06:28:16.000000000Z");
}

#[test]
fn a_round_trip_is_what_the_receiver_did_not_keep() {
    let mut monitor = RtcpDecoder::new().conversation_monitor().unwrap();
    let sr = udp(&words(&[0x80C8_0006, 1, 0xE8D6_1234, 0x5678_0000, 100, 5, 500]));
    // Kept for half a second, back after 0.62 s.
    let rr = words(&[0x81C9_0007, 2, 1, 0, 9, 0, 0x1234_5678, 0x8000]);
    let (there, mut back) = (sr.flow, FlowKey::default());
    (back.src, back.dst) = (there.dst, there.src);
    let at = |nanos: i64| streamlens_model::Occurrence {
        frame: 1,
        time: Some(streamlens_model::Timestamp::from_nanos(1_700_000_000_000_000_000 + nanos)),
    };
    let pdu = |packet_type, at, flow, bytes| ObservedPdu { at, flow, packet_type: PacketType(packet_type), bytes };
    monitor.observe(&pdu(200, at(0), &there, &sr.payload));
    monitor.observe(&pdu(201, at(620_000_000), &back, &rr));
    let mut report = FlowReport::default();
    monitor.report(&there, &mut report);
    assert_eq!(report.metadata["round_trip_mean_ns"], Value::Float(120_000_000.0));
}

/// What the flows of a capture hold: packet types and how often, for flows that have at least one datagram that an
/// engine would identify.
fn flows(corpus: &std::path::Path, capture: &str) -> BTreeMap<FlowKey, (u64, BTreeMap<u32, u64>)> {
    let decoder = RtcpDecoder::new();
    let mut flows: BTreeMap<FlowKey, (RtcpFlow, u64, BTreeMap<u32, u64>)> = BTreeMap::new();
    for captured in payloads(corpus, capture) {
        if captured.transport != streamlens_model::Transport::UDP {
            continue;
        }
        let sure = decoder.can_decode(&captured.packet()).value() >= 0.5;
        if !sure && !flows.contains_key(&captured.flow) {
            continue;
        }
        let (flow, datagrams, types) = flows.entry(captured.flow).or_default();
        if let Some(taken) = take(flow, &captured) {
            *datagrams += 1;
            taken.iter().for_each(|&kind| *types.entry(kind).or_default() += 1);
        }
    }
    flows.into_iter().map(|(key, (_, datagrams, types))| (key, (datagrams, types))).collect()
}

/// Capture, source port, datagrams, packets by type: figures of an independent tool.
type Expected = (&'static str, u16, u64, &'static [(u32, u64)]);

#[rustfmt::skip]
const EXPECTED: [Expected; 12] = [
    ("broadcast/mpegts-rtp-fec2022-1.pcap", 58147, 1, &[(200, 1)]),
    ("broadcast/rtp-h264-rtcp-mux-ffmpeg.pcap", 37969, 2, &[(200, 2)]),
    ("broadcast/rtp-pcma-rtcp-sr-rr-sdes-bye.pcap", 5205, 6, &[(200, 6), (202, 6), (203, 1)]),
    ("broadcast/rtp-pcma-rtcp-sr-rr-sdes-bye.pcap", 5105, 4, &[(201, 4), (202, 4)]),
    ("broadcast/sap-sdp-l16-ffmpeg.pcap", 33605, 3, &[(200, 3)]),
    ("negative/sip.pcap", 30001, 1, &[(200, 1), (202, 1), (203, 1)]),
    ("negative/stun_signal.pcapng", 61156, 27, &[(201, 27)]),
    ("negative/stun_signal.pcapng", 47767, 7, &[(201, 7)]),
    // the tool leaves out two padded transport-wide feedbacks (205, format 15), whose SRTCP indices 26 and 27 follow those of
    // the reports
    ("negative/stun_signal.pcapng", 43068, 31, &[(201, 29), (205, 2)]),
    ("negative/discord.pcap", 64837, 2, &[(201, 2)]),
    ("negative/discord.pcap", 54950, 1, &[(200, 1)]),
    ("negative/line.pcap", 29070, 3, &[(205, 3)]),
];

#[test]
fn packets_of_compounds_are_those_of_an_independent_tool() {
    let Some(corpus) = corpus() else { return };
    for (capture, port, datagrams, types) in EXPECTED {
        let flows = flows(&corpus, capture);
        let found = flows.iter().filter(|(key, _)| key.src.port == Some(port)).map(|(_, found)| found);
        let expected = (datagrams, types.iter().copied().collect());
        assert!(
            found.clone().any(|found| *found == expected),
            "{capture} from {port}: {:?}",
            found.collect::<Vec<_>>()
        );
    }
}

/// Captures of ordinary traffic in which there is RTCP, as the oracle or its heuristic says.
const WITH_RTCP: [&str; 9] = [
    "discord",
    "line",
    "sip",
    "stun",
    "stun_dtls_rtp",
    "stun_google_meet",
    "stun_signal",
    "wa_voice",
    "whatsapp_login_call",
];

#[test]
fn no_other_traffic_is_taken_for_rtcp() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for capture in captures_without_media(&corpus, &WITH_RTCP) {
        wrong.extend(flows(&corpus, &capture).iter().map(|(flow, found)| format!("{capture}: {flow}: {found:?}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 190_u8..220, length in 0_u8..30) {
        let mut flow = RtcpFlow::default();
        for _ in 0..2 {
            let _ = RtcpDecoder::new().can_decode(&udp(&bytes).packet());
            let _ = take(&mut flow, &udp(&bytes));
            if let [a, b, c, d, ..] = bytes.as_mut_slice() {
                (*a, *b, *c, *d) = (*a & 0x1F | 0x80, kind, 0, length);
            }
        }
        flow.report(&mut FlowReport::default());
    }
}

#[test]
fn fields_tell_names_and_subtypes() {
    // SDES: NAME `ab`; APP of subtype 5
    for (packet, name, value) in [
        (words(&[0x81CA_0003, 0xAAAA_0001, 0x0202_6162, 0]), "name", Value::text("ab")),
        (words(&[0x85CC_0002, 0xAAAA_0001, 0x7465_7374]), "subtype", Value::from(5_u8)),
    ] {
        let mut result = DecodingResult::new(true);
        // behind a receiver report without blocks, as compounds begin
        let compound = [words(&[0x80C9_0001, 0xAAAA_0001]), packet].concat();
        let captured = udp(&compound);
        let mut flow = RtcpDecoder.flow_decoder(&captured.flow).unwrap();
        let taken = flow.decode_packet(&captured.packet(), &mut result).unwrap();
        let mut rest = captured.packet();
        (rest.payload, rest.offset) = (&compound[taken..], taken);
        result.clear();
        flow.decode_packet(&rest, &mut result).unwrap();
        assert!(result.fields().contains(&(name, value)), "{name}: {:?}", result.fields());
    }
}
