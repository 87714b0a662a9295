//! Streams over time and across flows.

use std::net::Ipv4Addr;

use streamlens_model::{Address, StreamId, Timestamp, Value};

use crate::iena::IenaDecoder;
use crate::testing::{Captured, udp};
use crate::{DecodingResult, FlowDecoder, FlowReport, NetworkReport, Peer, StreamDecoder};

const START: i64 = 1_717_200_000_000_000_000; // 2024-06-01T00:00:00Z, the 153rd day
const MICROS: u64 = 152 * 86_400 * 1_000_000;

/// An IENA packet of a key, so many milliseconds after the start on both clocks.
fn packet(key: u16, sequence: u16, milliseconds: i64) -> Captured {
    let mut payload = vec![0; 18];
    payload[..2].copy_from_slice(&key.to_be_bytes());
    payload[3] = 9;
    payload[4..10].copy_from_slice(&(MICROS + milliseconds as u64 * 1000).to_be_bytes()[2..]);
    payload[12..14].copy_from_slice(&sequence.to_be_bytes());
    payload[16..].copy_from_slice(&[0xDE, 0xAD]);
    let mut captured = udp(&payload);
    captured.time = Some(Timestamp::from_nanos(START + milliseconds * 1_000_000));
    captured.frame = milliseconds as u64 + 1;
    captured
}

fn flow(packets: &[Captured]) -> Box<dyn FlowDecoder> {
    let mut flow = IenaDecoder::new().flow_decoder(&packets[0].flow).unwrap();
    for packet in packets {
        flow.decode_packet(&packet.packet(), &mut DecodingResult::new(false)).unwrap();
    }
    flow
}

fn report(flow: &dyn FlowDecoder) -> FlowReport {
    let mut report = FlowReport::default();
    flow.report(&mut report);
    report
}

fn codes(report: &FlowReport) -> Vec<(&'static str, u64)> {
    report.findings.iter().flat_map(|log| log.iter()).map(|(code, _, entry)| (code, entry.count)).collect()
}

fn network(flows: &[(&Captured, &dyn FlowDecoder)]) -> NetworkReport {
    let peers: Vec<_> = flows
        .iter()
        .map(|(packet, flow)| Peer { flow: &packet.flow, decoder: Some(*flow), encoding: "IENA", interface: None })
        .collect();
    let mut report = NetworkReport::default();
    IenaDecoder::new().network_monitor().unwrap().report(&peers, &mut report);
    report
}

#[test]
fn measures_rate_size_and_time_error() {
    let packets: Vec<_> = (0..11).map(|i| packet(7, i, i64::from(i) * 100)).collect();
    let report = report(&*flow(&packets));
    let measures = &report.streams[&StreamId(7)].measures;
    assert_eq!(measures["rate_hz"], Value::Float(10.0));
    assert_eq!(measures["payload_mean_bytes"], Value::Float(18.0));
    assert_eq!(measures["time_first"], Value::Time(Timestamp::from_nanos(START)));
    assert_eq!(measures["time_last"], Value::Time(Timestamp::from_nanos(START + 1_000_000_000)));
    assert_eq!(
        (&measures["time_error_min_ns"], &measures["time_error_max_ns"]),
        (&Value::Signed(0), &Value::Signed(0))
    );
    assert!(codes(&report).is_empty());
}

#[test]
fn a_late_packet_steps_back_without_a_finding_and_a_clock_that_falls_gets_one() {
    let order = [0, 1, 3, 2, 4].map(|i| packet(7, i, i64::from(i)));
    let late = report(&*flow(&order));
    assert_eq!(late.streams[&StreamId(7)].measures["time_backward_steps"], Value::Unsigned(1));
    assert!(codes(&late).is_empty());
    // A packet a second late is two jumps between neighbours, and still no fault of the clock.
    let mut order = [packet(7, 0, 0), packet(7, 2, 1000), packet(7, 1, 500), packet(7, 3, 1100)];
    order[2].time = order[1].time;
    order[2].payload[4..10].copy_from_slice(&MICROS.to_be_bytes()[2..]);
    let later = report(&*flow(&order));
    assert_eq!(later.streams[&StreamId(7)].measures["time_jumps"], Value::Unsigned(2));
    assert!(codes(&later).is_empty());

    let mut falls = [0, 1, 2].map(|i| packet(7, i, 1000 + i64::from(i)));
    falls[2].payload[4..10].copy_from_slice(&MICROS.to_be_bytes()[2..]);
    let falls = report(&*flow(&falls));
    assert_eq!(codes(&falls), [("iena.time-backwards", 1), ("iena.time-jump", 1)]);
}

#[test]
fn a_jump_is_more_than_half_a_second_away_from_the_capture_clock() {
    let at = |step: u64| {
        let mut packets = [0, 1].map(|i| packet(7, i, i64::from(i)));
        packets[1].payload[4..10].copy_from_slice(&(MICROS + 1000 + step).to_be_bytes()[2..]);
        codes(&report(&*flow(&packets)))
    };
    assert_eq!(at(500_000), []);
    assert_eq!(at(500_001), [("iena.time-jump", 1)]);
}

#[test]
fn a_stream_that_stops_while_another_goes_on_is_found() {
    let short: Vec<_> = (0..20).map(|i| packet(1, i, i64::from(i) * 10)).collect();
    let long: Vec<_> = (0..20).map(|i| packet(2, i, i64::from(i) * 200)).collect();
    let (short, long) = ((&short[0], &*flow(&short)), (&long[0], &*flow(&long)));
    let found = network(&[short, long]);
    assert_eq!(found.flows.keys().collect::<Vec<_>>(), [&0]);
    assert_eq!(codes(&found.flows[&0]), [("iena.stream-stopped", 1)]);
    let alone = network(&[short]);
    assert!(alone.flows.is_empty() && alone.findings.is_empty());
}

#[test]
fn one_key_from_two_addresses_is_found_and_two_ports_of_one_unit_are_not() {
    let ours = [packet(5, 0, 0)];
    let mut theirs = [packet(5, 9, 3)];
    theirs[0].flow.src.port = Some(1);
    let other_port = network(&[(&ours[0], &*flow(&ours)), (&theirs[0], &*flow(&theirs))]);
    assert!(other_port.findings.is_empty());
    theirs[0].flow.src.address = Address::V4(Ipv4Addr::new(10, 0, 0, 2));
    let found = network(&[(&theirs[0], &*flow(&theirs)), (&ours[0], &*flow(&ours))]);
    let (code, id, entry) = found.findings[0].iter().next().unwrap();
    assert_eq!((code, id, entry.first.frame), ("iena.key-from-two-sources", Some(StreamId(5)), 4));
    let text = "key 0x0005 comes from two sources: 10.0.0.1 and 10.0.0.2";
    assert_eq!(entry.text, text);
    theirs[0].flow.vlan.push(7);
    let other_vlan = network(&[(&ours[0], &*flow(&ours)), (&theirs[0], &*flow(&theirs))]);
    assert!(other_vlan.findings.is_empty(), "another VLAN is another installation");
}

#[test]
fn keys_beyond_the_table_still_count_and_are_said() {
    let packets: Vec<_> = (0..4100).map(|key| packet(key, 0, 0)).collect();
    let report = report(&*flow(&packets));
    assert_eq!(report.metadata["keys"], Value::Unsigned(4096));
    assert_eq!(report.metadata["packets_beyond_stream_limit"], Value::Unsigned(4));
    assert_eq!(codes(&report), [("iena.key-limit", 1)]);
}
