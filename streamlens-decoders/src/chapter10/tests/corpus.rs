//! Real captures, against what an independent reader saw in them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use streamlens_model::{Address, FlowKey, Transport};

use super::super::{Format, PacketHeader, udp_stream};
use super::*;
use crate::testing::{corpus, payloads};

fn expected(corpus: &Path, capture: &str) -> Value {
    let path = corpus.join("expected/flight-test").join(format!("{capture}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("an expected file")).expect("JSON")
}

fn endpoint(end: &streamlens_model::Endpoint) -> (String, u64) {
    let address = match end.address {
        Address::None => String::new(),
        address => address.to_string(),
    };
    (address, end.port.map_or(0, u64::from))
}

/// Compares everything that the expected files say of an encoding or of a recorder file.
fn compare(outcome: &Outcome, expected: &Value, what: &str) {
    assert_eq!(serde_json::to_value(&outcome.types).expect("serializes"), expected["types"], "{what}: types");
    let metadata = serde_json::to_value(&outcome.report.metadata).expect("serializes");
    for name in
        ["transfer_headers", "header_checksum", "secondary_header", "reassembly", "packet_flags", "header_version"]
    {
        let Some(wanted) = expected[name].as_object() else { continue };
        for (part, count) in wanted {
            let have = metadata[name][part].as_u64().unwrap_or(0);
            assert_eq!(Some(have), count.as_u64(), "{what}: {name}.{part}");
        }
    }
    if let Some(wanted) = expected["tmats"].as_object() {
        for (code, value) in wanted {
            assert_eq!(&metadata["tmats"][code], value, "{what}: {code}");
        }
    }
    let channels = expected["channels"].as_object().expect("channels");
    assert_eq!(outcome.report.streams.len(), channels.len(), "{what}: number of channels");
    for (name, wanted) in channels {
        let id = StreamId(u128::from_str_radix(&name[2..], 16).expect("a channel id"));
        let measures = serde_json::to_value(&outcome.report.streams[&id].measures).expect("serializes");
        for part in ["packets", "types", "rtc_first", "rtc_last", "rtc_backward_steps"] {
            assert_eq!(measures[part], wanted[part], "{what}: channel {name} {part}");
        }
        sequence(&outcome.sequences[&id], &wanted["sequence"], &format!("{what}: channel {name}"));
    }
    for (name, wanted) in expected["udp_sequence"].as_object().into_iter().flatten() {
        let id = match name.as_str() {
            "format 1" => udp_stream(Format::One, 0),
            "format 2" => udp_stream(Format::Two, 0),
            "format 3 source 0x2A" => udp_stream(Format::Three, 0x2A),
            other => panic!("{other} is not known here"),
        };
        assert_eq!(Chapter10Decoder::new().stream_name(id), format!("UDP {name}"));
        sequence(&outcome.sequences[&id], wanted, &format!("{what}: {name}"));
    }
}

fn sequence(have: &Counter, wanted: &Value, what: &str) {
    for (part, count) in
        [("lost", have.lost), ("duplicates", have.duplicates), ("reordered", have.reordered), ("resets", have.resets)]
    {
        assert_eq!(wanted[part].as_u64(), Some(count), "{what}: {part}");
    }
}

#[test]
fn captures_agree_with_the_independent_reader() {
    let Some(corpus) = corpus() else { return };
    let captures = [
        "ch10_arinc",
        "ch10_format_1_looks_like2",
        "ch10_uart2",
        "gen_ch10udp_formats",
        "mnacq2",
        "sample_ch10uart",
        "test_ch10",
        "test_ch10_2",
        "test_ch10_3",
    ];
    for capture in captures {
        let capture = format!("{capture}.pcap");
        let mut flows: BTreeMap<FlowKey, Vec<Captured>> = BTreeMap::new();
        for captured in payloads(&corpus, &format!("flight-test/{capture}")) {
            if captured.transport == Transport::UDP {
                flows.entry(captured.flow).or_default().push(captured);
            }
        }
        let expected = expected(&corpus, &capture);
        let wanted = expected["flows"].as_array().expect("flows");
        assert_eq!(flows.len(), wanted.len(), "{capture}");
        for (key, datagrams) in &flows {
            let ends = (endpoint(&key.src), endpoint(&key.dst));
            let end = |flow: &Value, a: &str, p: &str| {
                (flow[a].as_str().unwrap_or_default().to_owned(), flow[p].as_u64().unwrap_or(0))
            };
            let flow = wanted
                .iter()
                .find(|flow| (end(flow, "src", "sport"), end(flow, "dst", "dport")) == ends)
                .unwrap_or_else(|| panic!("{capture}: {key} is not expected"));
            let wanted = &flow["encodings"]["Chapter10"];
            let outcome = run(datagrams);
            assert_eq!(wanted["frames"].as_u64(), Some(outcome.frames), "{capture}: {key} frames");
            compare(&outcome, wanted, &format!("{capture} {key}"));
            let proved = datagrams.iter().any(|d| Chapter10Decoder::new().can_decode(&d.packet()).value() > 0.7);
            assert!(proved, "{capture}: {key} is identified");
        }
    }
}

#[test]
fn recorder_files_agree_with_the_independent_reader() {
    let Some(corpus) = corpus() else { return };
    for file in ["discrete", "ethernet", "pcm", "sample"] {
        let file = format!("{file}.c10");
        let bytes = std::fs::read(corpus.join("captures/flight-test").join(&file)).expect("the file is in the corpus");
        let (mut packets, mut rest) = (Vec::new(), bytes.as_slice());
        while let Some(header) = PacketHeader::parse(rest) {
            // The last packet may be cut; it is a packet all the same.
            let (packet, behind) = rest.split_at(rest.len().min(header.packet_length as usize));
            let mut captured = crate::testing::udp(packet);
            captured.transport = Transport::Chapter10File;
            captured.time = None;
            packets.push(captured);
            rest = behind;
        }
        let expected = expected(&corpus, &file);
        let outcome = run(&packets);
        assert_eq!(expected["packets"].as_u64(), Some(outcome.frames), "{file}");
        assert_eq!(expected["last_packet_truncated"].as_u64(), Some(outcome.cut), "{file}");
        assert_eq!(expected["data_checksum"]["ok"].as_u64(), Some(outcome.fact("data_checksum", "ok")), "{file}");
        compare(&outcome, &expected, &file);
        assert_eq!(outcome.fact("data_checksum", "bad"), 0, "{file}");
        for code in ["body-structure", "setup-mismatch", "data-checksum", "rtc-backwards"] {
            assert_eq!(
                outcome.finding(&format!("chapter10.{code}")),
                0,
                "{file}: {code} {:?}",
                outcome.report.findings
            );
        }
        let named = outcome.report.streams.values().filter(|stream| stream.name.is_some()).count();
        assert!(named > 0, "{file}: channels show their names");
    }
}

#[test]
fn nothing_else_is_believed_whatever_its_port() {
    let Some(corpus) = corpus() else { return };
    let decoder = Chapter10Decoder::new();
    let mut datagrams = 0;
    for folder in ["negative", "link", "industrial", "broadcast", "ptp"] {
        let mut captures: Vec<_> = std::fs::read_dir(corpus.join("captures").join(folder))
            .expect("a folder of the corpus")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .filter(|name| name.ends_with(".pcap") || name.ends_with(".pcapng"))
            .collect();
        captures.sort();
        for capture in captures {
            for mut captured in payloads(&corpus, &format!("{folder}/{capture}")) {
                if captured.transport != Transport::UDP {
                    continue;
                }
                datagrams += 1;
                for port in [6679, 51001, 5555, 50003] {
                    (captured.flow.dst.port, captured.flow.src.port) = (Some(port), Some(port));
                    let confidence = decoder.can_decode(&captured.packet());
                    assert!(confidence.value() < 0.5, "{folder}/{capture} frame {}: {confidence:?}", captured.frame);
                    let decoded = decoder.decode_packet(&captured.packet(), &mut DecodingResult::new(false));
                    assert!(decoded.is_err(), "{folder}/{capture} frame {}", captured.frame);
                }
            }
        }
    }
    assert!(datagrams > 10_000, "the corpus has its datagrams: {datagrams}");
}
