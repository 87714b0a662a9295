use proptest::prelude::*;
use simple_dns::rdata::{A, SRV};
use simple_dns::{CLASS, Packet as Dns};
use streamlens_model::FlowKey;

use super::*;
use crate::StreamDecoder;
use crate::ndi::NdiDecoder;
use crate::testing::{Captured, corpus, payloads, udp};

const INSTANCE: &str = "STUDIO (Camera 1)._ndi._tcp.local";

fn mdns(bytes: &[u8]) -> Captured {
    let mut captured = udp(bytes);
    (captured.flow.src.port, captured.flow.dst.port) = (Some(MDNS_PORT), Some(MDNS_PORT));
    captured
}

/// An answer that names a source at `port` of 10.0.0.1.
fn answer(instance: &'static str, port: u16, ttl: u32) -> Vec<u8> {
    let name = |text| Name::new_unchecked(text);
    let mut dns = Dns::new_reply(0);
    let mut push =
        |owner: &'static str, rdata| dns.answers.push(ResourceRecord::new(name(owner), CLASS::IN, ttl, rdata));
    push("_ndi._tcp.local", RData::PTR(name(instance).into()));
    push(instance, RData::SRV(SRV { priority: 0, weight: 0, port, target: name("studio.local") }));
    push(instance, RData::TXT(TXT::new().with_string("groups=public").unwrap()));
    push("studio.local", RData::A(A { address: 0x0A00_0001 }));
    dns.build_bytes_vec_compressed().unwrap()
}

fn hear(monitor: &mut dyn NetworkMonitor, captured: &Captured) {
    let mut result = DecodingResult::default();
    NdiDecoder.inspect_foreign(&captured.packet(), &mut result);
    if let Some(bytes) = result.published() {
        let at = Occurrence { frame: captured.frame, time: captured.time };
        monitor.observe(&ObservedPdu { at, flow: &captured.flow, packet_type: result.packet_type, bytes });
    }
}

fn report(monitor: &dyn NetworkMonitor, flows: &[FlowKey]) -> NetworkReport {
    let peers: Vec<_> =
        flows.iter().map(|flow| crate::Peer { flow, decoder: None, encoding: NAME, interface: None }).collect();
    let mut report = NetworkReport::default();
    monitor.report(&peers, &mut report);
    report
}

/// One fact of every source.
fn sources(report: &NetworkReport, fact: &str) -> Vec<Value> {
    let Some(Value::List(sources)) = report.facts.get("sources") else { return Vec::new() };
    let fact = |source: &Value| if let Value::Map(facts) = source { facts.get(fact).cloned() } else { None };
    sources.iter().filter_map(fact).collect()
}

fn source(report: &NetworkReport, flow: u64) -> Option<&Value> {
    report.flows.get(&flow)?.metadata.get("source")
}

/// A flow from a port of 10.0.0.1.
fn from(port: u16) -> FlowKey {
    let mut key = udp(&[]).flow;
    key.src.port = Some(port);
    key
}

#[test]
fn a_flow_is_named_by_address_and_port_or_by_the_only_source_there() {
    let mut monitor = NdiDecoder.network_monitor().unwrap();
    hear(monitor.as_mut(), &mdns(&answer(INSTANCE, 5961, 120)));
    let one = report(monitor.as_ref(), &[from(5961), from(40_000)]);
    assert_eq!(sources(&one, "name"), [Value::text("STUDIO (Camera 1)")]);
    assert_eq!(sources(&one, "port"), [Value::Unsigned(5961)]);
    assert_eq!(sources(&one, "addresses"), [Value::list(["10.0.0.1"])]);
    assert_eq!(sources(&one, "flows"), [Value::Unsigned(2)]);
    assert_eq!(source(&one, 0), Some(&Value::text("STUDIO (Camera 1)")));
    assert_eq!(source(&one, 1), Some(&Value::text("STUDIO (Camera 1)")));
    // With a second source at the address, only the port tells.
    hear(monitor.as_mut(), &mdns(&answer("STUDIO (Camera 2)._ndi._tcp.local", 5962, 120)));
    let two = report(monitor.as_ref(), &[from(5962), from(40_000)]);
    assert_eq!(source(&two, 0), Some(&Value::text("STUDIO (Camera 2)")));
    assert_eq!(source(&two, 1), None);
}

#[test]
fn a_time_to_live_of_zero_withdraws_a_source() {
    let mut monitor = NdiDecoder.network_monitor().unwrap();
    for (ttl, withdrawn) in [(120, false), (0, true), (120, false)] {
        hear(monitor.as_mut(), &mdns(&answer(INSTANCE, 5961, ttl)));
        assert_eq!(sources(&report(monitor.as_ref(), &[]), "withdrawn"), [Value::Bool(withdrawn)]);
    }
}

#[test]
fn queries_other_services_and_other_ports_say_nothing() {
    let mut monitor = NdiDecoder.network_monitor().unwrap();
    let mut query = answer(INSTANCE, 5961, 120);
    query[2] &= 0x7F;
    hear(monitor.as_mut(), &mdns(&query));
    hear(monitor.as_mut(), &mdns(&answer("Printer._ipp._tcp.local", 631, 120)));
    hear(monitor.as_mut(), &udp(&answer(INSTANCE, 5961, 120)));
    let mut cut = mdns(&answer(INSTANCE, 5961, 120));
    cut.payload.truncate(40);
    hear(monitor.as_mut(), &cut);
    assert_eq!(sources(&report(monitor.as_ref(), &[]), "name"), []);
}

#[test]
fn the_announcements_of_a_real_sender_name_its_flows() {
    let Some(corpus) = corpus() else { return };
    let mut monitor = NdiDecoder.network_monitor().unwrap();
    let mut keys = Vec::new();
    for captured in payloads(&corpus, "broadcast/ndi-tcp.pcap") {
        if !keys.contains(&captured.flow) && captured.flow.src.port == Some(5961) {
            keys.push(captured.flow);
        }
        hear(monitor.as_mut(), &captured);
    }
    let report = report(monitor.as_ref(), &keys);
    // Frames 3, 7, 11 and 265, as tshark lists the responses.
    assert_eq!(sources(&report, "announcements"), [Value::Unsigned(4)]);
    assert_eq!(sources(&report, "host"), [Value::text("bcsender.local")]);
    assert_eq!(sources(&report, "addresses"), [Value::list(["fe80::1cb1:85ff:fe42:7f59", "10.77.0.1"])]);
    assert_eq!(source(&report, 0), Some(&Value::text("VM (StreamLens test)")));
}

proptest! {
    #[test]
    fn damaged_answers_never_panic(changes in prop::collection::vec((0..200_usize, any::<u8>()), 0..12), cut in 0..300_usize) {
        let mut bytes = answer(INSTANCE, 5961, 120);
        for (at, byte) in changes {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        bytes.truncate(cut);
        let mut monitor = NdiDecoder.network_monitor().unwrap();
        hear(monitor.as_mut(), &mdns(&bytes));
        report(monitor.as_ref(), &[from(5961)]);
    }
}
