//! The payloads of every protocol of the demo, sent to the customary ports of every other one and over the other transport: they
//! stay what they are, or are nothing.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{MILLISECOND, Made, analyse_with, tcp, udp};
use streamlens_engine::EngineOptions;
use streamlens_model::Analysis;
use streamlens_registry::DecoderRegistry;
use streamlens_testing::demo;

/// The port of a flow and its payloads, by source, destination and ports.
type Payloads = BTreeMap<Vec<u8>, Vec<Vec<u8>>>;

fn analysed(frames: &[Made]) -> Analysis {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    analyse_with(DecoderRegistry::with_builtins(), options, frames)
}

/// The decoders whose encodings were found: what refines RTP is RTP.
fn families(analysis: &Analysis) -> BTreeSet<String> {
    let encodings = analysis.flows.iter().flat_map(|flow| flow.encodings());
    let family = |name: &str| match name {
        "AES67" | "MPEG-TS" => "RTP".to_owned(),
        name if name.starts_with("ST2") => "RTP".to_owned(),
        name => name.to_owned(),
    };
    encodings.map(|encoding| family(&encoding.encoding_name)).collect()
}

/// Payloads of the flows of UDP or TCP without VLAN tags, IP options and fragments.
fn payloads(protocol: u8) -> Payloads {
    let mut flows = Payloads::new();
    for frame in demo::frames() {
        let data = &frame.data;
        let is_it = data[12..14] == [8, 0] && data[14] == 0x45 && data[23] == protocol && data[20..22] == [0x40, 0];
        let end = 14 + usize::from(u16::from_be_bytes([data[16], data[17]]));
        let head = if protocol == 17 { 42 } else { 54 };
        if is_it && end > head {
            flows.entry(data[26..38].to_vec()).or_default().push(data[head..end].to_vec());
        }
    }
    flows
}

/// What the demo's own frames of a flow are.
fn own(key: &[u8]) -> BTreeSet<String> {
    let frames = demo::frames();
    let of: Vec<_> = frames.into_iter().filter(|frame| frame.data.get(26..38) == Some(key)).collect();
    families(&analysed(&of))
}

#[test]
fn payloads_stay_what_they_are_at_the_ports_of_others_and_over_the_other_transport() {
    let registry = DecoderRegistry::with_builtins();
    let ports: BTreeSet<u16> = registry.iter().flat_map(|decoder| decoder.info().ports.iter().copied()).collect();
    let ports: Vec<u16> = ports.into_iter().filter(|port| *port < 0x8000).collect();
    assert!(ports.len() > 15, "{ports:?}");
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    let flows = [17, 6].map(payloads);
    for (key, payloads) in flows.iter().flatten() {
        let own = own(key);
        seen.extend(own.iter().cloned());
        let mut check = |what: &str, port: u16, found: &BTreeSet<String>| {
            if !found.is_subset(&own) {
                wrong.push(format!("{own:?} {what} at port {port} is {found:?}"));
            }
        };
        for &port in &ports {
            let at = |number: i64| number * MILLISECOND;
            let datagrams = (0..).zip(payloads).map(|(number, payload)| udp(at(number), 1, 2, port, payload));
            check("in datagrams", port, &families(&analysed(&datagrams.collect::<Vec<_>>())));
            for (what, has_length) in [("in a stream", false), ("in a stream, behind lengths", true)] {
                let mut sequence = 1000;
                let segments = (0..).zip(payloads).map(|(number, payload)| {
                    let length = (payload.len() as u16).to_be_bytes();
                    let bytes = [if has_length { &length[..] } else { &[] }, payload].concat();
                    let segment = tcp(at(number), 1, 2, port, sequence, &bytes);
                    sequence += bytes.len() as u32;
                    segment
                });
                check(what, port, &families(&analysed(&segments.collect::<Vec<_>>())));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let named: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(named, ["Chapter10", "IENA", "ModbusTCP", "PTP", "RTP", "SAP"]);
}
