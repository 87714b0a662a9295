//! A port is no proof: every UDP payload of the corpus on the customary ports of the flight test and time protocols.

use std::collections::BTreeSet;
use std::path::Path;

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{FrameBatch, LinkType};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

use crate::{corpus, entries, folded, list, read_json};

const FLIGHT_TEST_AND_TIME: [&str; 6] = ["IENA", "Chapter10", "iNetX", "NPD", "TmNS", "PTP"];

/// The customary ports of these protocols, as their decoders name them.
fn customary_ports(registry: &DecoderRegistry) -> BTreeSet<u16> {
    let ports = FLIGHT_TEST_AND_TIME.iter().flat_map(|name| registry.get(name).expect(name).info().ports.iter());
    ports.copied().collect()
}

/// Where the destination port of a UDP datagram over IPv4 in an Ethernet frame lies.
fn port_place(frame: &[u8]) -> Option<usize> {
    let at = match frame.get(12..14)? {
        [0x08, 0x00] => 14,
        [0x81, 0x00] if frame.get(16..18)? == [0x08, 0x00] => 18,
        _ => return None,
    };
    let is_fragment = frame.get(at + 6)? & 0x1F != 0 || *frame.get(at + 7)? != 0;
    let is_udp = *frame.get(at + 9)? == 17 && !is_fragment;
    is_udp.then_some(at + usize::from(frame[at] & 0x0F) * 4 + 2).filter(|place| place + 2 <= frame.len())
}

/// Sends every datagram to `port`. Returns how many there are.
fn readdress(batch: &mut FrameBatch, port: u16) -> usize {
    let mut changed = 0;
    for record in batch.records.iter().filter(|record| record.link_type == LinkType::ETHERNET) {
        let range = record.offset as usize..(record.offset + record.captured_length) as usize;
        let frame = &mut batch.bytes[range];
        if let Some(place) = port_place(frame) {
            frame[place..place + 2].copy_from_slice(&port.to_be_bytes());
            changed += 1;
        }
    }
    changed
}

/// Names of the expected encodings of a capture, in whichever of its expected files.
fn expected_names(corpus: &Path, folder: &str, name: &str) -> BTreeSet<String> {
    let files = [folder.to_owned(), format!("flows/{folder}")].map(|from| corpus.join("expected").join(from));
    let files = files.map(|from| from.join(format!("{name}.json")));
    let known: Vec<_> = files.iter().filter(|file| file.is_file()).map(|file| read_json(file)).collect();
    let flows = known.iter().flat_map(|file| list(&file["flows"]));
    flows.flat_map(|flow| entries(&flow["encodings"])).map(|(name, _)| folded(name)).collect()
}

#[test]
fn no_ordinary_payload_becomes_flight_test_traffic_on_its_customary_ports() {
    let Some(corpus) = corpus() else { return };
    let ports = customary_ports(&DecoderRegistry::with_builtins());
    assert!(ports.len() > 10, "{ports:?}");
    let (mut datagrams, mut wrong) = (0, Vec::new());
    for folder in ["negative", "link", "industrial", "broadcast"] {
        for entry in std::fs::read_dir(corpus.join("captures").join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.metadata().is_ok_and(|data| data.len() > 1 << 20) || CaptureReader::open(&path).is_err() {
                continue;
            }
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let known = expected_names(&corpus, folder, &name);
            for &port in &ports {
                let mut reader = CaptureReader::open(&path).expect("it was opened before");
                let options = EngineOptions { threads: 1, ..EngineOptions::default() };
                let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
                let mut batch = FrameBatch::default();
                while reader.read_batch(&mut batch).expect("it is read") {
                    datagrams += readdress(&mut batch, port);
                    engine.push_batch(&batch);
                }
                for flow in &engine.finish(Default::default()).flows {
                    let names = flow.encodings().map(|encoding| &encoding.encoding_name);
                    let claims = names.filter(|name| FLIGHT_TEST_AND_TIME.contains(&name.as_ref()));
                    wrong.extend(
                        claims
                            .filter(|claim| !known.contains(&folded(claim)))
                            .map(|claim| format!("{folder}/{name} on port {port}: {claim}")),
                    );
                }
            }
        }
    }
    assert!(datagrams > 10_000, "{datagrams} datagrams");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
