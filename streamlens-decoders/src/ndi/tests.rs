use std::collections::BTreeMap;

use proptest::prelude::*;
use streamlens_model::{Occurrence, Transport, Value};

use super::*;
use crate::testing::{Captured, corpus, payloads, udp};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PduState, StreamDecoder};

fn flow() -> Box<dyn FlowDecoder> {
    NdiDecoder::new().flow_decoder(&Default::default()).unwrap()
}

fn tcp(bytes: &[u8]) -> Captured {
    Captured { transport: Transport::TCP, ..udp(bytes) }
}

fn message(kind: u8, version: u8, info: u32, data: u32) -> Vec<u8> {
    let mut bytes = vec![version, 0x80, kind, 0];
    bytes.extend(info.to_le_bytes());
    bytes.extend(data.to_le_bytes());
    bytes.resize(bytes.len() + (info + data) as usize, 0xC5);
    bytes
}

/// Decodes bytes as they come off a stream, in segments; gives the PDUs by name and state, and what is left.
fn run(decoder: &mut dyn FlowDecoder, segments: &[&[u8]]) -> (Vec<(String, PduState, Option<u32>)>, usize) {
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for segment in segments {
        held.extend_from_slice(segment);
        let mut used = 0;
        while used < held.len() {
            let (rest, mut result) = (tcp(&held[used..]), DecodingResult::new(false));
            match decoder.decode_packet(&rest.packet(), &mut result) {
                Ok(taken) => {
                    used += taken;
                    let name = NdiDecoder.packet_type(result.packet_type).into_owned();
                    if result.state != PduState::Unfinished {
                        out.push((name, result.state, result.pdu_length));
                    }
                }
                Err(DecodeError::Incomplete { .. }) => break,
                Err(error) => panic!("{error}: {:02x?}", &held[used..held.len().min(used + 20)]),
            }
        }
        held.drain(..used);
    }
    (out, held.len())
}

fn fact(decoder: &dyn FlowDecoder, name: &str) -> Value {
    let mut report = FlowReport::default();
    decoder.report(&mut report);
    report.metadata.get(name).cloned().unwrap_or(Value::Bool(false))
}

/// Both UDP and TCP flows of a capture, TCP in capture order (these captures have no retransmissions).
fn flows(capture: &str) -> Option<BTreeMap<(bool, u16, u16), Vec<Captured>>> {
    let mut flows: BTreeMap<_, Vec<Captured>> = BTreeMap::new();
    for payload in payloads(&corpus()?, capture) {
        let key = (payload.transport == Transport::TCP, payload.flow.src.port?, payload.flow.dst.port?);
        flows.entry(key).or_default().push(payload);
    }
    Some(flows)
}

#[test]
fn messages_of_audio_are_counted_as_such() {
    let mut decoder = flow();
    run(decoder.as_mut(), &[&[message(2, 3, 8, 40), message(1, 3, 8, 40)].concat()]);
    assert_eq!(fact(decoder.as_ref(), "messages_audio"), Value::Unsigned(1));
}

#[test]
fn tcp_messages_of_the_corpus_are_those_of_the_independent_script() {
    let Some(flows) = flows("broadcast/ndi-tcp.pcap") else { return };
    for (ports, counts, total) in [
        ((5961, 45_201), [("Metadata", 2), ("Video", 63)].as_slice(), 194_560_u64),
        ((45_201, 5961), &[("Metadata", 5)], 415),
        ((5960, 36_556), &[("Discovery", 1)], 130),
    ] {
        let segments = &flows[&(true, ports.0, ports.1)];
        let confidence = NdiDecoder.can_decode(&segments[0].packet());
        assert!(confidence.value() >= 0.9, "{ports:?}: {confidence:?}");
        let mut decoder = flow();
        let bytes: Vec<&[u8]> = segments.iter().map(|segment| segment.payload.as_slice()).collect();
        let (pdus, left) = run(decoder.as_mut(), &bytes);
        assert_eq!(left, 0, "{ports:?}");
        let mut kinds = BTreeMap::new();
        for (name, state, _) in &pdus {
            assert_eq!(*state, PduState::Whole);
            *kinds.entry(name.as_str()).or_insert(0) += 1;
        }
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), counts, "{ports:?}");
        assert_eq!(fact(decoder.as_ref(), "message_bytes"), Value::from(total));
    }
}

#[test]
fn chunks_of_multi_tcp_are_those_of_the_independent_script() {
    let Some(flows) = flows("broadcast/ndi-multitcp.pcap") else { return };
    for (ports, chunks, hellos) in
        [((7960, 6960), 39_u64, 77_u64), ((6960, 7960), 0, 1), ((7960, 51_603), 38, 77), ((6961, 7961), 0, 1)]
    {
        let segments = &flows[&(true, ports.0, ports.1)];
        let confidence = NdiDecoder.can_decode(&segments[0].packet());
        assert!(confidence.value() >= 0.5, "{ports:?}: {confidence:?}");
        let mut decoder = flow();
        let bytes: Vec<&[u8]> = segments.iter().map(|segment| segment.payload.as_slice()).collect();
        let (pdus, left) = run(decoder.as_mut(), &bytes);
        assert_eq!((pdus.len() as u64, left), (chunks, 0), "{ports:?}");
        assert_eq!(fact(decoder.as_ref(), "chunks"), Value::from(chunks));
        assert_eq!(fact(decoder.as_ref(), "hellos"), Value::from(hellos));
    }
}

#[test]
fn fragments_and_reliable_udp_are_those_of_the_independent_script() {
    let Some(multicast) = flows("broadcast/ndi-multicast.pcap") else { return };
    let reliable = flows("broadcast/ndi-rudp.pcap").unwrap();
    for (datagrams, facts) in [
        (
            &multicast[&(false, 45_799, 24_189)],
            [("fragments_first", 76_u64), ("fragments_middle", 988), ("fragments_last", 76), ("messages_video", 76)]
                .as_slice(),
        ),
        (&reliable[&(false, 42_701, 5960)], &[("long_headers", 2), ("short_headers", 382)]),
        (&reliable[&(false, 5960, 42_701)], &[("long_headers", 1), ("short_headers", 115)]),
    ] {
        assert!(NdiDecoder.can_decode(&datagrams[0].packet()).value() >= 0.95);
        let (mut decoder, mut last) = (flow(), None);
        for datagram in datagrams {
            let mut result = DecodingResult::new(false);
            assert_eq!(
                decoder.decode_packet(&datagram.packet(), &mut result),
                Ok(datagram.payload.len()),
                "frame {}",
                datagram.frame
            );
            assert_ne!(result.state, PduState::Cut, "frame {}", datagram.frame);
            for number in result.marks().iter().filter_map(|mark| mark.sequence).map(|sequence| sequence.number) {
                if let Some(before) = last {
                    assert_eq!(number, before + 1, "frame {}", datagram.frame);
                }
                last = Some(number);
            }
        }
        for (name, count) in facts {
            assert_eq!(fact(decoder.as_ref(), name), Value::from(*count), "{name}");
        }
        if let Value::Unsigned(messages) = fact(decoder.as_ref(), "messages_video") {
            assert!(messages > 20, "{messages} video messages");
        }
    }
}

#[test]
fn nothing_else_of_the_corpus_is_ndi() {
    let Some(corpus) = corpus() else { return };
    for folder in ["broadcast", "negative"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.contains(".pcap") || name.starts_with("ndi") || name.ends_with("gz") {
                continue;
            }
            for payload in payloads(&corpus, &format!("{folder}/{name}")) {
                let confidence = NdiDecoder.can_decode(&payload.packet()).value();
                assert!(confidence < 0.3, "{folder}/{name} frame {}: {confidence}", payload.frame);
            }
        }
    }
}

#[test]
fn messages_are_taken_in_pieces_and_finished_whole() {
    let bytes = [message(0, 7, 57, 5000), message(2, 1, 8, 30)].concat();
    let cuts: Vec<&[u8]> = vec![&bytes[..5], &bytes[5..11], &bytes[11..1448], &bytes[1448..5075], &bytes[5075..]];
    let (pdus, left) = run(flow().as_mut(), &cuts);
    let names: Vec<_> = pdus.iter().map(|(name, state, length)| (name.as_str(), *state, *length)).collect();
    assert_eq!(names, [("Video", PduState::Whole, Some(5069)), ("Metadata", PduState::Whole, None)]);
    assert_eq!(left, 0);
}

#[test]
fn a_gap_inside_a_message_cuts_it_and_a_longer_one_ends_it() {
    let bytes = message(0, 7, 57, 5000);
    let at = Occurrence { frame: 1, time: None };
    let mut decoder = flow();
    run(decoder.as_mut(), &[&bytes[..1000]]);
    decoder.on_gap(Some(1000), at);
    let (pdus, _) = run(decoder.as_mut(), &[&bytes[2000..]]);
    assert_eq!(pdus, [("Video".to_owned(), PduState::Cut, Some(5069))]);
    run(decoder.as_mut(), &[&bytes[..1000]]);
    decoder.on_gap(Some(9000), at);
    let (pdus, _) = run(decoder.as_mut(), &[&message(2, 1, 8, 30)]);
    assert_eq!(pdus[0].0, "Metadata");
}

#[test]
fn what_is_not_ndi_is_refused() {
    let mut result = DecodingResult::new(false);
    for bytes in
        [b"GET / HTTP/1.1\r\n".as_slice(), &[0; 20], &[7, 0x80, 9, 0, 57, 0, 0, 0, 1, 0, 0, 0], &[0xFF; 40], &[]]
    {
        assert!(
            matches!(flow().decode_packet(&tcp(bytes).packet(), &mut result), Err(DecodeError::Refused { .. })),
            "{bytes:02x?}"
        );
        assert!(matches!(flow().decode_packet(&udp(bytes).packet(), &mut result), Err(DecodeError::Refused { .. })));
        assert_eq!(NdiDecoder.can_decode(&tcp(bytes).packet()).value(), 0.0);
        assert_eq!(NdiDecoder.can_decode(&udp(bytes).packet()).value(), 0.0);
    }
    // A list of sources that never ends is not waited for without bound.
    let endless = [b"<ndi>".as_slice(), &[b'a'; 70_000]].concat();
    assert!(matches!(flow().decode_packet(&tcp(&endless).packet(), &mut result), Err(DecodeError::Refused { .. })));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..12), gap in any::<Option<u64>>()) {
        let (mut stream, mut datagrams, mut result) = (flow(), flow(), DecodingResult::new(true));
        for bytes in &payloads {
            let _ = (NdiDecoder.can_decode(&tcp(bytes).packet()), NdiDecoder.can_decode(&udp(bytes).packet()));
            let _ = stream.decode_packet(&tcp(bytes).packet(), &mut result);
            stream.on_gap(gap, Occurrence { frame: 1, time: None });
            let _ = datagrams.decode_packet(&udp(bytes).packet(), &mut result);
        }
        fact(stream.as_ref(), "framing");
        fact(datagrams.as_ref(), "framing");
    }

    #[test]
    fn damaged_packets_never_panic(frames in proptest::collection::vec(any::<u8>(), 0..80), kind in 0_u8..5, at in 0_usize..60, byte in any::<u8>()) {
        let mut decoder = flow();
        let mut result = DecodingResult::new(false);
        let mut long = vec![0xE3, 0, 0, 0, 1, 0, 0, 0x40, frames.len() as u8 + 5, 0, 0, 0, 1, 1];
        long.extend(&frames);
        let _ = decoder.decode_packet(&udp(&long).packet(), &mut result);
        let _ = decoder.decode_packet(&udp(&[[0x43, 0, 0, 0, 2].as_slice(), &frames].concat()).packet(), &mut result);
        let mut decoder = flow();
        for (counter, kind) in [(0, 1), (1, kind), (2, 2)] {
            let mut fragment = vec![counter, 0, kind, 9, 9, 9, 9];
            fragment.extend(message(0, 7, 57, 20));
            if let Some(slot) = fragment.get_mut(at) {
                *slot = byte;
            }
            let _ = decoder.decode_packet(&udp(&fragment).packet(), &mut result);
            let _ = decoder.decode_packet(&tcp(&fragment).packet(), &mut result);
        }
    }
}
