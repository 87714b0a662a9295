//! The telemetry decoders over real captures, against what an independent tool saw in them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value as Json;
use streamlens_model::{FlowKey, StreamId, Transport};

use crate::iena::IenaDecoder;
use crate::inetx::InetxDecoder;
use crate::npd::NpdDecoder;
use crate::testing::{Captured, corpus, payloads};
use crate::tmns::TmnsDecoder;
use crate::{DecodingResult, FlowDecoder, FlowReport, NetworkReport, PacketType, Peer, StreamDecoder};

const CAPTURES: [&str; 13] = [
    "iena_test",
    "ienad",
    "ienam_multiple",
    "corrupt_ienad",
    "gen_iena_3keys",
    "inetx_test",
    "valid_paligned",
    "mpegts_input",
    "samdec",
    "npd_ref",
    "wrapped_ethernet",
    "mnacq2",
    "gen_ch10udp_formats",
];

fn decoders() -> [Box<dyn StreamDecoder>; 4] {
    [Box::new(IenaDecoder::new()), Box::new(InetxDecoder), Box::new(TmnsDecoder), Box::new(NpdDecoder)]
}

/// The sequence rule of the expected files, written straight down.
#[derive(Debug, Default, PartialEq)]
struct Account {
    frames: u64,
    lost: u64,
    duplicates: u64,
    reordered: u64,
    resets: u64,
    highest: Option<u64>,
    missing: BTreeSet<u64>,
    seen: VecDeque<u64>,
}

impl Account {
    fn count(&mut self, number: u64, bits: u8) {
        let modulus = 1_u64 << bits;
        self.frames += 1;
        let Some(highest) = self.highest.replace(number) else { return self.remember(number) };
        let d = number.wrapping_sub(highest) % modulus;
        let start_afresh = if d == 0 {
            self.duplicates += 1;
            false
        } else if d < modulus / 2 {
            for k in 1..d.min(10_001) {
                self.missing.insert((highest + k) % modulus);
            }
            self.lost += if d > 10_001 { 0 } else { d - 1 };
            d > 10_001
        } else {
            self.highest = Some(highest);
            if self.missing.remove(&number) {
                self.reordered += 1;
                self.lost -= 1;
                false
            } else if self.seen.contains(&number) {
                self.duplicates += 1;
                false
            } else {
                true
            }
        };
        if start_afresh {
            self.resets += 1;
            self.highest = Some(number);
            self.missing.clear();
            self.seen.clear();
        }
        self.remember(number);
    }

    fn remember(&mut self, number: u64) {
        self.seen.push_back(number);
        if self.seen.len() > 1024 {
            self.seen.pop_front();
        }
    }
}

/// What one flow gave: encoding, packet types by final name, streams.
struct Seen {
    encoding: std::borrow::Cow<'static, str>,
    types: BTreeMap<String, u64>,
    streams: BTreeMap<StreamId, Account>,
    report: FlowReport,
}

/// As the engine does it, in short: the first decoder that is sure enough keeps the flow. Also the codes of the
/// findings beyond single flows.
fn analyse(captured: &[Captured]) -> (BTreeMap<String, Seen>, Vec<&'static str>) {
    struct Open {
        decoder: usize,
        memory: Box<dyn FlowDecoder>,
        types: BTreeMap<PacketType, u64>,
        streams: BTreeMap<StreamId, Account>,
    }
    let decoders = decoders();
    let mut open: BTreeMap<FlowKey, Open> = BTreeMap::new();
    let mut result = DecodingResult::new(false);
    for packet in captured.iter().filter(|packet| packet.transport == Transport::UDP) {
        let packet = packet.packet();
        if !open.contains_key(packet.flow) {
            // Three packets with the size in bytes are what they are by each other.
            let mut sure = decoders.iter().map(|decoder| decoder.can_decode(&packet).value() >= 0.4);
            let Some(decoder) = sure.position(|is_sure| is_sure) else { continue };
            let memory = decoders[decoder].flow_decoder(packet.flow).expect("each has a flow decoder");
            let (types, streams) = Default::default();
            open.insert(*packet.flow, Open { decoder, memory, types, streams });
        }
        let Some(flow) = open.get_mut(packet.flow) else { continue };
        result.clear();
        let Ok(taken) = flow.memory.decode_packet(&packet, &mut result) else { continue };
        assert_eq!(taken, packet.payload.len());
        *flow.types.entry(result.packet_type).or_default() += 1;
        for mark in result.marks() {
            let sequence = mark.sequence.expect("each is numbered");
            flow.streams.entry(mark.id).or_default().count(sequence.number, sequence.bits);
        }
    }
    let mut beyond = Vec::new();
    for decoder in &decoders {
        let encoding = |flow: &Open| decoders[flow.decoder].info().name.as_ref();
        let peers = open.iter().map(|(key, flow)| Peer {
            flow: key,
            decoder: Some(&*flow.memory),
            encoding: encoding(flow),
            interface: None,
        });
        let (peers, mut report): (Vec<_>, _) = (peers.collect(), NetworkReport::default());
        decoder.network_monitor().expect("each has one").report(&peers, &mut report);
        let logs = report.findings.iter().chain(report.flows.values().flat_map(|flow| &flow.findings));
        beyond.extend(logs.flat_map(|log| log.iter()).map(|(code, ..)| code));
    }
    let finish = |(key, flow): (FlowKey, Open)| {
        let (decoder, mut report) = (&decoders[flow.decoder], FlowReport::default());
        flow.memory.report(&mut report);
        let mut types = BTreeMap::new();
        for (kind, count) in flow.types {
            let name = report.type_names.get(&kind).cloned().unwrap_or_else(|| decoder.packet_type(kind));
            *types.entry(name.into_owned()).or_default() += count;
        }
        let place = format!("{} {}", key.src, key.dst);
        (place, Seen { encoding: decoder.info().name.clone(), types, streams: flow.streams, report })
    };
    (open.into_iter().map(finish).collect(), beyond)
}

fn same<T: Into<Json>>(what: &str, got: T, wanted: &Json) {
    let got = got.into();
    assert_eq!(&got, wanted, "{what}");
}

fn measure(seen: &Seen, id: StreamId, name: &'static str) -> Json {
    serde_json::to_value(&seen.report.streams[&id].measures[name]).expect("values serialize")
}

fn compare_stream(what: &str, seen: &Seen, id: StreamId, wanted: &Json) {
    let account = &seen.streams[&id];
    same(&format!("{what} frames"), account.frames, &wanted["frames"]);
    let sequence = &wanted["sequence"];
    same(&format!("{what} lost"), account.lost, &sequence["lost"]);
    same(&format!("{what} duplicates"), account.duplicates, &sequence["duplicates"]);
    same(&format!("{what} reordered"), account.reordered, &sequence["reordered"]);
    same(&format!("{what} resets"), account.resets, &sequence["resets"]);
    same(&format!("{what} backward"), measure(seen, id, "time_backward_steps"), &wanted["time_backward_steps"]);
    match &*seen.encoding {
        "IENA" => {
            same(what, measure(seen, id, "time_jumps"), &wanted["time_jumps"]);
            same(what, measure(seen, id, "time_of_year_first_us"), &wanted["time_first"]);
            same(what, measure(seen, id, "time_of_year_last_us"), &wanted["time_last"]);
            same(what, measure(seen, id, "type"), &wanted["type"]);
            same(what, measure(seen, id, "type_certainty"), &wanted["type_certainty"]);
            same(what, measure(seen, id, "structural_candidates"), &wanted["structural_candidates"]);
            same(what, measure(seen, id, "key_status"), &wanted["key_status"]);
        }
        "NPD" => {
            same(what, measure(seen, id, "time_field_first"), &wanted["time_first"]);
            same(what, measure(seen, id, "time_field_last"), &wanted["time_last"]);
        }
        _ => {
            same(what, measure(seen, id, "time_jumps"), &wanted["time_jumps"]);
            let at = |name| format!("{}", streamlens_model::Timestamp::from_nanos(wanted[name].as_i64().unwrap()));
            same(what, measure(seen, id, "time_first"), &Json::from(at("time_first")));
            same(what, measure(seen, id, "time_last"), &Json::from(at("time_last")));
        }
    }
}

#[test]
fn agrees_with_the_independent_tool() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for name in CAPTURES {
        let expected = corpus.join("expected/flight-test").join(format!("{name}.pcap.json"));
        let expected: Json = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
        let (mut seen, beyond) = analyse(&payloads(&corpus, &format!("flight-test/{name}.pcap")));
        assert!(beyond.is_empty(), "{name}: no stream stops or has two sources, but {beyond:?}");
        for flow in expected["flows"].as_array().unwrap() {
            let text = |name| flow[name].as_str().unwrap();
            let place = format!("{}:{} {}:{}", text("src"), flow["sport"], text("dst"), flow["dport"]);
            for (encoding, wanted) in flow["encodings"].as_object().unwrap() {
                let ids = match encoding.as_str() {
                    "IENA" => "keys",
                    "iNetX" => "stream_ids",
                    "NPD" => "data_source_ids",
                    _ => continue,
                };
                let got = seen.remove(&place).unwrap_or_else(|| panic!("{name}: {place} is {encoding}"));
                assert_eq!(&got.encoding, encoding, "{name} {place}");
                let types: BTreeMap<_, _> = wanted["types"].as_object().unwrap().iter().collect();
                let got_types: Vec<_> = got.types.iter().map(|(k, n)| (k.clone(), Json::from(*n))).collect();
                assert!(
                    types.iter().map(|(k, n)| ((*k).clone(), (*n).clone())).eq(got_types),
                    "{name} {:?}",
                    got.types
                );
                let wanted_ids = wanted[ids].as_object().unwrap();
                assert_eq!(got.streams.len(), wanted_ids.len(), "{name} {place}");
                for (id, wanted) in wanted_ids {
                    let number = u128::from_str_radix(id.trim_start_matches("0x"), 16).unwrap();
                    compare_stream(&format!("{name} {id}"), &got, StreamId(number), wanted);
                    compared += 1;
                }
                if let Some(segments) = wanted["details"].get("segments") {
                    same(name, serde_json::to_value(&got.report.metadata["segments"]).unwrap(), segments);
                }
            }
        }
        assert!(seen.is_empty(), "{name}: more than was expected: {:?}", seen.keys());
    }
    assert!(compared >= 30, "only {compared} streams compared");
}

#[test]
fn a_clock_step_is_one_finding_and_late_packets_are_none() {
    let Some(corpus) = corpus() else { return };
    let (seen, _) = analyse(&payloads(&corpus, "flight-test/gen_iena_3keys.pcap"));
    let (_, seen) = seen.into_iter().next().unwrap();
    let found: Vec<_> = seen
        .report
        .findings
        .iter()
        .flat_map(|log| log.iter())
        .map(|(code, id, entry)| (code, id, entry.count))
        .collect();
    // the clocks of the keys are 29 hours ahead; that which jumps is so since it did
    let [one, two, three] = [0x1001, 0x2002, 0x3003].map(|key| ("iena.clock-offset", Some(StreamId(key)), 1));
    assert_eq!(found, [one, two, three, ("iena.time-jump", Some(StreamId(0x2002)), 1)]);
}

#[test]
fn what_every_packet_lacks_limits_the_confidence() {
    let Some(corpus) = corpus() else { return };
    for (name, limit) in
        [("corrupt_ienad", Some(0.6)), ("ienad", None), ("wrapped_ethernet", Some(0.85)), ("npd_ref", None)]
    {
        for (place, seen) in analyse(&payloads(&corpus, &format!("flight-test/{name}.pcap"))).0 {
            assert_eq!(seen.report.confidence_limit, limit, "{name} {place}");
        }
    }
}

#[test]
fn nothing_unrelated_is_taken_for_telemetry() {
    let Some(corpus) = corpus() else { return };
    let decoders = decoders();
    let mut datagrams = 0;
    for folder in ["negative", "link", "industrial", "broadcast", "ptp"] {
        let mut files: Vec<_> = std::fs::read_dir(corpus.join("captures").join(folder)).unwrap().flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        for file in files {
            let name = file.file_name().into_string().unwrap();
            if !name.ends_with(".pcap") && !name.ends_with(".pcapng") {
                continue;
            }
            for mut captured in payloads(&corpus, &format!("{folder}/{name}")) {
                if !captured.transport.has_ports() {
                    continue;
                }
                datagrams += 1;
                for decoder in &decoders {
                    let encoding = decoder.info().name.as_ref();
                    for port in decoder.info().ports.iter() {
                        captured.flow.dst.port = Some(*port);
                        let confidence = decoder.can_decode(&captured.packet());
                        assert!(confidence.value() <= 0.2, "{folder}/{name} {encoding}: {confidence:?}");
                    }
                    let decoded = decoder.decode_packet(&captured.packet(), &mut DecodingResult::new(false));
                    assert!(decoded.is_err(), "{folder}/{name} {encoding} decodes a payload");
                }
            }
        }
    }
    assert!(datagrams > 20_000, "only {datagrams} payloads tried");
}
