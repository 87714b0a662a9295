use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens_model::{FlowKey, StreamId, Timestamp, Transport, Value};

use super::*;
use crate::ptp::PtpDecoder;
use crate::rtp::RtpDecoder;
use crate::testing::{Captured, corpus, payloads, truncations, udp};
use crate::{
    Confidence, DecodingResult, FlowDecoder, NetworkMonitor, NetworkReport, ObservedPdu, PacketType, Peer,
    StreamDecoder,
};

/// An audio stream as AES67 gear announces it, with lines that tests replace.
const STAGE: &str = "v=0\r\no=- 77 3 IN IP4 10.0.0.1\r\ns=Stage box\r\nt=0 0\r\na=recvonly\r\n\
    m=audio 40001 RTP/AVP 97\r\ni=Channels 1-2\r\nc=IN IP4 239.0.0.1/32\r\n\
    a=source-filter: incl IN IP4 239.0.0.1 10.0.0.1\r\na=rtpmap:97 L24/48000/2\r\n\
    a=fmtp:97 channel-order=SMPTE2110.(ST)\r\na=ptime:1\r\n\
    a=ts-refclk:ptp=IEEE1588-2008:39-A7-94-FF-FE-07-CB-D0:127\r\na=mediaclk:direct=0\r\n";

fn announcement(deletion: bool, text: &str) -> Captured {
    let mut bytes = vec![if deletion { 0x24 } else { 0x20 }, 0, 0x12, 0x34, 10, 0, 0, 1];
    bytes.extend(b"application/sdp\0");
    bytes.extend(text.as_bytes());
    let mut captured = udp(&bytes);
    captured.flow.dst.port = Some(9875);
    captured
}

/// A flow of L24 stereo, 48 samples in a packet, from 10.0.0.1 to 239.0.0.1:40001.
fn audio(payload_type: u8, bytes: usize) -> (FlowKey, Box<dyn FlowDecoder>) {
    let key = udp(&[]).flow;
    let mut flow = RtpDecoder::new().flow_decoder(&key).unwrap();
    for n in 0..400_u16 {
        let mut packet = vec![0x80, payload_type];
        packet.extend(n.to_be_bytes());
        packet.extend((u32::from(n) * 48).to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(vec![0; bytes]);
        let mut captured = udp(&packet);
        captured.time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000 + i64::from(n) * 1_000_000));
        flow.decode_packet(&captured.packet(), &mut DecodingResult::default()).unwrap();
    }
    (key, flow)
}

fn observe(monitor: &mut dyn NetworkMonitor, captured: &Captured) -> PacketType {
    let mut result = DecodingResult::default();
    SapDecoder::new().decode_packet(&captured.packet(), &mut result).unwrap();
    let at = streamlens_model::Occurrence { frame: captured.frame, time: captured.time };
    let (flow, packet_type) = (&captured.flow, result.packet_type);
    monitor.observe(&ObservedPdu { at, flow, packet_type, bytes: result.published().unwrap() });
    packet_type
}

fn report(monitor: &dyn NetworkMonitor, flows: &[(FlowKey, Box<dyn FlowDecoder>)]) -> NetworkReport {
    let peers: Vec<_> = flows
        .iter()
        .map(|(flow, decoder)| Peer { flow, decoder: Some(decoder.as_ref()), encoding: "RTP", interface: None })
        .collect();
    let mut report = NetworkReport::default();
    monitor.report(&peers, &mut report);
    report
}

fn codes(report: &NetworkReport) -> Vec<&'static str> {
    let of_flows = report.flows.values().flat_map(|flow| &flow.findings);
    report.findings.iter().chain(of_flows).flat_map(|log| log.iter().map(|(code, ..)| code)).collect()
}

#[test]
fn a_stream_sent_as_announced_gets_its_name_clock_and_standard() {
    let mut monitor = SapDecoder::new().network_monitor().unwrap();
    observe(monitor.as_mut(), &announcement(false, STAGE));
    let report = report(monitor.as_ref(), &[audio(97, 288)]);
    assert_eq!(codes(&report), [] as [&str; 0]);
    let flow = &report.flows[&0];
    assert_eq!((flow.refinements[0].encoding_name.as_ref(), flow.refinements[0].confidence), ("ST2110-30", 0.99));
    let stream = &flow.streams[&StreamId(9)];
    assert_eq!(stream.name.as_deref(), Some("Stage box (Channels 1-2)"));
    assert_eq!(stream.measures["clock_rate_source"], Value::text("SDP"));
    assert_eq!(stream.measures["sdp_parameters"], Value::text("channel-order=SMPTE2110.(ST)"));
    assert_eq!(stream.jitter_ns, Some(0.0));
    let Value::List(sessions) = &report.facts["sdp_sessions"] else { panic!("a list") };
    let Value::Map(session) = &sessions[0] else { panic!("a map") };
    let Value::List(media) = &session["media"] else { panic!("a list") };
    let Value::Map(media) = &media[0] else { panic!("a map") };
    assert_eq!(media["ptp_grandmaster"], Value::text("39-A7-94-FF-FE-07-CB-D0"));
    assert_eq!(media["ptp_domain"], Value::Unsigned(127));
}

#[test]
fn aes67_and_plain_audio_are_told_apart_by_their_clocks() {
    let aes67 = STAGE.replace("a=fmtp:97 channel-order=SMPTE2110.(ST)\r\n", "");
    let plain = aes67.replace("a=ts-refclk", "a=x");
    for (text, expected) in [(aes67, Some("AES67")), (plain, None)] {
        let monitor = SapDecoder::new().with_sdp(&text).unwrap().network_monitor().unwrap();
        let report = report(monitor.as_ref(), &[audio(97, 288)]);
        assert_eq!(report.flows[&0].refinements.first().map(|r| r.encoding_name.as_ref()), expected);
    }
}

#[test]
fn every_difference_between_announced_and_sent_is_a_finding() {
    for (from, to, code) in [
        ("97", "98", "sdp.payload-type"),
        ("a=ptime:1\r\n", "a=ptime:0.125\r\n", "sdp.packet-time"),
        ("48000/2", "48000/8", "sdp.payload-size"),
        ("L24/48000", "L24/96000", "sdp.clock-rate"),
        ("239.0.0.1 10.0.0.1", "239.0.0.1 10.9.9.9", "sdp.source"),
        ("239.0.0.1/32", "239.0.0.2/32", "sdp.not-sent"),
        ("audio 40001", "audio 40003", "sdp.not-sent"),
        ("L24/48000/2", "smpte291/48000", "sdp.format"),
    ] {
        let text = STAGE.replace(from, to);
        let monitor = SapDecoder::new().with_sdp(&text).unwrap().network_monitor().unwrap();
        let report = report(monitor.as_ref(), &[audio(97, 288)]);
        assert!(codes(&report).contains(&code), "{from} -> {to}: {:?}", codes(&report));
        let surest = report.flows.get(&0).and_then(|flow| flow.refinements.first()).map(|r| r.confidence);
        assert!(code == "sdp.source" || surest.is_none_or(|surest| surest <= 0.5), "{code}: {surest:?}");
    }
}

#[test]
fn a_rounded_packet_time_is_no_difference() {
    let text = STAGE.replace("a=ptime:1\r\n", "a=ptime:1.02\r\n");
    let monitor = SapDecoder::new().with_sdp(&text).unwrap().network_monitor().unwrap();
    assert_eq!(codes(&report(monitor.as_ref(), &[audio(97, 288)])), [] as [&str; 0]);
}

#[test]
fn a_session_withdrawn_by_its_origin_alone_need_not_be_sent_and_a_new_version_replaces_the_old() {
    let mut monitor = SapDecoder::new().network_monitor().unwrap();
    assert_eq!(observe(monitor.as_mut(), &announcement(false, STAGE)), PacketType(0));
    assert_eq!(codes(&report(monitor.as_ref(), &[])), ["sdp.not-sent"]);
    observe(monitor.as_mut(), &announcement(false, &STAGE.replace("77 3", "77 4").replace("40001", "40005")));
    assert_eq!(codes(&report(monitor.as_ref(), &[audio(97, 288)])), ["sdp.not-sent"]);
    assert_eq!(observe(monitor.as_mut(), &announcement(true, "o=- 77 4 IN IP4 10.0.0.1\r\n")), PacketType(1));
    assert_eq!(codes(&report(monitor.as_ref(), &[])), [] as [&str; 0]);
}

#[test]
fn a_session_that_was_announced_for_long_and_never_sent_is_found_though_it_was_withdrawn() {
    let told = |seconds: &[i64]| {
        let mut monitor = SapDecoder::new().network_monitor().unwrap();
        for (place, second) in seconds.iter().enumerate() {
            let mut captured = announcement(place + 1 == seconds.len(), STAGE);
            captured.time = Some(Timestamp::from_nanos(1_700_000_000_000_000_000 + second * 1_000_000_000));
            captured.frame = place as u64 + 1;
            observe(monitor.as_mut(), &captured);
        }
        let unsent = report(monitor.as_ref(), &[]);
        assert_eq!(codes(&report(monitor.as_ref(), &[audio(97, 288)])), [] as [&str; 0]);
        let texts = unsent.findings.iter().flat_map(|log| log.iter().map(|(_, _, found)| found.text.clone()));
        texts.collect::<Vec<_>>()
    };
    let says = "Stage box (Channels 1-2) was announced to 239.0.0.1 port 40001 for 11.0 s, until frame 3, and no RTP went there";
    assert_eq!(told(&[0, 5, 11]), [says]);
    // of one announcement, and of a short time, nothing is known
    assert!(told(&[0, 11]).is_empty() && told(&[0, 3, 6]).is_empty());
}

/// An Announce of a grandmaster in domain 127 (IEEE 1588-2019 13.5).
fn announce(grandmaster: [u8; 8]) -> Captured {
    let mut bytes = vec![0x0B, 0x02, 0, 64, 127, 0, 0, 0];
    bytes.resize(20, 0);
    bytes.extend(grandmaster);
    bytes.extend([0, 1, 0, 1, 5, 0]);
    bytes.resize(44, 0);
    bytes.extend([0, 37, 0, 128, 6, 0x21, 0x4E, 0x5D, 128]);
    bytes.extend(grandmaster);
    bytes.extend([0, 0, 0x20]);
    let mut captured = udp(&bytes);
    captured.flow.dst.port = Some(320);
    captured
}

#[test]
fn the_announced_reference_clock_is_held_against_the_grandmasters_of_the_capture() {
    let monitor = SapDecoder::new().with_sdp(STAGE).unwrap().network_monitor().unwrap();
    let own = [0x39, 0xA7, 0x94, 0xFF, 0xFE, 0x07, 0xCB, 0xD0];
    for (grandmasters, verdict, expected) in [
        ([].as_slice(), "no grandmaster of this domain in the capture", [].as_slice()),
        (&[own], "in the capture", &[]),
        (&[[1; 8]], "another grandmaster in the capture", &["sdp.reference-clock"]),
    ] {
        let (ptp, mut clock) = (PtpDecoder::new(), PtpDecoder::new().network_monitor().unwrap());
        // A master is believed by its second Announce.
        for (grandmaster, second) in grandmasters.iter().flat_map(|grandmaster| [(grandmaster, 0), (grandmaster, 1)]) {
            let (mut captured, mut result) = (announce(*grandmaster), DecodingResult::default());
            captured.time = captured.time.map(|time| Timestamp::from_nanos(time.as_nanos() + second * 1_000_000_000));
            ptp.decode_packet(&captured.packet(), &mut result).unwrap();
            let at = streamlens_model::Occurrence { frame: 1, time: captured.time };
            let (flow, packet_type) = (&captured.flow, result.packet_type);
            clock.observe(&ObservedPdu { at, flow, packet_type, bytes: result.published().unwrap() });
        }
        let mut report = NetworkReport::default();
        monitor.report_beside(clock.as_ref(), &mut report);
        assert_eq!(codes(&report), expected);
        let Value::List(clocks) = &report.facts["sdp_reference_clocks"] else { panic!("a list") };
        let Value::Map(clock) = &clocks[0] else { panic!("a map") };
        assert_eq!(clock["is"], Value::text(verdict));
    }
}

#[test]
fn what_is_no_description_is_said_so() {
    let mut monitor = SapDecoder::new().network_monitor().unwrap();
    observe(monitor.as_mut(), &announcement(false, "v=0\r\nnonsense\r\n"));
    assert_eq!(codes(&report(monitor.as_ref(), &[])), ["sap.malformed-sdp"]);
}

#[test]
fn every_truncation_of_the_header_is_refused() {
    let whole = announcement(false, STAGE);
    for length in 0..8 {
        assert_eq!(SapDecoder::new().can_decode(&udp(&whole.payload[..length]).packet()), Confidence::NONE);
    }
    truncations("SAP", &[0x20, 1, 0, 1, 10, 0, 0, 1, 9, 9, 9, 9], SapPacket::parse);
    let cut = SapPacket::parse(&[0x30, 1, 0, 1, 0xFE, 0x80]).unwrap_err();
    assert_eq!(cut.to_string(), "SAP: originating source at byte 4 needs 16 bytes, 2 present");
    let other = SapPacket::parse(&[0x28, 0, 0, 1]).unwrap_err();
    assert_eq!(other.to_string(), "SAP: flags at byte 0: the version is not 1, or the reserved bit is set");
    let ipv6 = [&[0x30, 1, 0, 1][..], &[0xFE; 16], &[9; 4], b"v=0\n"].concat();
    assert_eq!(SapPacket::parse(&ipv6).map(|p| p.content), Ok(SapContent::Sdp(b"v=0\n")));
    assert_eq!(SapPacket::parse(&[0x21, 0, 0, 1, 1, 2, 3, 4, 5]).map(|p| p.content), Ok(SapContent::Opaque));
}

#[test]
fn the_announcements_of_a_real_sender_name_its_stream_and_agree_with_it() {
    let Some(corpus) = corpus() else { return };
    let mut monitor = SapDecoder::new().network_monitor().unwrap();
    let mut types: BTreeMap<u32, u64> = BTreeMap::new();
    let mut flows: BTreeMap<FlowKey, Box<dyn FlowDecoder>> = BTreeMap::new();
    for captured in payloads(&corpus, "broadcast/sap-sdp-l16-ffmpeg.pcap") {
        if SapDecoder::new().can_decode(&captured.packet()).value() > 0.9 {
            *types.entry(observe(monitor.as_mut(), &captured).0).or_default() += 1;
        } else {
            let flow =
                flows.entry(captured.flow).or_insert_with(|| RtpDecoder::new().flow_decoder(&captured.flow).unwrap());
            let _ = flow.decode_packet(&captured.packet(), &mut DecodingResult::default());
        }
    }
    assert_eq!(types, BTreeMap::from([(0, 3), (1, 1)]));
    let flows: Vec<_> = flows.into_iter().collect();
    let report = report(monitor.as_ref(), &flows);
    assert_eq!(codes(&report), [] as [&str; 0]);
    let stream = report.flows.values().find_map(|flow| flow.streams.get(StreamId(0x0277_db3d))).unwrap();
    assert_eq!(stream.measures["payload_name"], Value::text("L16"));
    assert!((stream.jitter_ns.unwrap() / 1e6 - 15.230233).abs() < 1e-4);
}

#[test]
fn no_other_traffic_is_taken_for_sap() {
    let Some(corpus) = corpus() else { return };
    let mut found = Vec::new();
    for folder in ["negative", "industrial", "flight-test", "ptp", "link"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.contains(".pcap") || name.ends_with(".gz") || name.ends_with(".zst") {
                continue;
            }
            for captured in payloads(&corpus, &format!("{folder}/{name}")) {
                let is_udp = captured.transport == Transport::UDP;
                if is_udp && SapDecoder::new().can_decode(&captured.packet()).is_some() {
                    found.push(format!("{folder}/{name}: {}", captured.flow));
                }
            }
        }
    }
    assert!(found.iter().all(|flow| flow.starts_with("link/qinq-8021q.pcap: 193.1.186.60:9875")), "{found:?}");
    assert_eq!(found.len(), 2);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut monitor = SapDecoder::new().network_monitor().unwrap();
        for _ in 0..2 {
            let captured = udp(&bytes);
            let _ = SapDecoder::new().can_decode(&captured.packet());
            let mut result = DecodingResult::new(true);
            if SapDecoder::new().decode_packet(&captured.packet(), &mut result).is_ok() {
                observe(monitor.as_mut(), &captured);
            }
            if let [flags, words, .., a, b, c] = bytes.as_mut_slice() {
                (*flags, *words) = (*flags & 0x17 | 0x20, 0);
                (*a, *b, *c) = (b'v', b'=', b'0');
            }
        }
        report(monitor.as_ref(), &[]);
    }

    #[test]
    fn damaged_descriptions_never_panic(
        changes in prop::collection::vec((0..STAGE.len(), any::<u8>()), 0..20), cut in 0..STAGE.len(),
    ) {
        let mut text = STAGE.as_bytes().to_vec();
        for (at, byte) in changes {
            text[at] = byte;
        }
        text.truncate(cut + 100);
        let _ = SessionDescription::parse(&text);
        if let Ok(text) = std::str::from_utf8(&text)
            && let Ok(decoder) = SapDecoder::new().with_sdp(text)
        {
            report(decoder.network_monitor().unwrap().as_ref(), &[audio(97, 288)]);
        }
    }
}

#[test]
fn a_medium_that_cannot_be_read_is_passed_over_and_named() {
    let text = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=Stage\r\nt=0 0\r\n\
                m=video 0 RTP/AVP\r\nm=audio 5004 RTP/AVP 97\r\nc=IN IP4 239.1.2.3/32\r\na=rtpmap:97 L24/48000/2\r\n";
    let session = SessionDescription::parse(text.as_bytes()).unwrap();
    assert_eq!((session.name.as_str(), session.media.len(), session.media[0].port), ("Stage", 1, 5004));
    assert_eq!(session.skipped.len(), 1);
    assert!(session.skipped[0].starts_with("\"m=video 0 RTP/AVP\" of line 5: "), "{:?}", session.skipped);
    // a session without a medium that can be read is none
    let (head, _) = text.split_at(text.find("m=audio").unwrap());
    assert!(SessionDescription::parse(head.as_bytes()).is_err());
}

#[test]
fn sessions_beyond_the_bound_are_counted() {
    let mut monitor = SapDecoder::new().network_monitor().unwrap();
    for number in 0..1026 {
        observe(monitor.as_mut(), &announcement(false, &STAGE.replace("o=- 77 3", &format!("o=- {number} 3"))));
    }
    assert_eq!(report(monitor.as_ref(), &[]).facts["sdp_sessions_not_kept"], Value::Unsigned(2));
}
