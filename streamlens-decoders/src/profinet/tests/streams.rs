//! What cyclic streams do, and what a plant's frames together say.

use std::collections::BTreeMap;

use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, StreamId, Value};

use super::*;
use crate::{FlowDecoder, FlowReport, NetworkMonitor, NetworkReport, ObservedPdu, Peer, Sequence};

/// Flows with their decoders and the monitor of them all, as an engine keeps them.
pub(in super::super) struct Plant {
    flows: BTreeMap<FlowKey, Box<dyn FlowDecoder>>,
    monitor: Box<dyn NetworkMonitor>,
    result: DecodingResult,
}

impl Plant {
    pub(in super::super) fn new() -> Self {
        let monitor = ProfinetDecoder::new().network_monitor().unwrap();
        Self { flows: BTreeMap::new(), monitor, result: DecodingResult::new(false) }
    }

    /// Takes a packet and says what its flow's decoder said of it, where it was taken.
    pub(in super::super) fn take(&mut self, captured: &Captured) -> Option<&DecodingResult> {
        let decoder = ProfinetDecoder::new();
        let packet = captured.packet();
        let flow = self.flows.entry(captured.flow).or_insert_with(|| decoder.flow_decoder(packet.flow).unwrap());
        self.result.clear();
        flow.decode_packet(&packet, &mut self.result).ok()?;
        if let Some(bytes) = self.result.published() {
            let at = Occurrence { frame: packet.frame, time: packet.time };
            let packet_type = self.result.packet_type;
            self.monitor.observe(&ObservedPdu { at, flow: packet.flow, packet_type, bytes });
        }
        Some(&self.result)
    }

    pub(in super::super) fn report(&self) -> Report {
        let mut flows = BTreeMap::new();
        let peers: Vec<Peer<'_>> = self
            .flows
            .iter()
            .map(|(flow, decoder)| Peer { flow, decoder: Some(&**decoder), encoding: NAME, interface: None })
            .collect();
        let mut network = NetworkReport::default();
        self.monitor.report(&peers, &mut network);
        for (index, (key, decoder)) in self.flows.iter().enumerate() {
            let mut report = FlowReport::default();
            decoder.report(&mut report);
            if let Some(more) = network.flows.remove(&(index as u64)) {
                report.metadata.extend(more.metadata);
                report.findings.extend(more.findings);
                for (id, stream) in more.streams {
                    let held = report.stream(id);
                    held.measures.extend(stream.measures);
                    held.name = stream.name.or(held.name.take());
                }
            }
            flows.insert(*key, report);
        }
        Report { flows, network }
    }
}

pub(in super::super) struct Report {
    pub(in super::super) flows: BTreeMap<FlowKey, FlowReport>,
    pub(in super::super) network: NetworkReport,
}

impl Report {
    /// Codes of findings with severity, count and text, in order.
    pub(in super::super) fn findings(&self) -> Vec<(&'static str, Severity, u64, String)> {
        let logs = self.flows.values().flat_map(|flow| &flow.findings).chain(&self.network.findings);
        let mut all: Vec<_> = logs
            .flat_map(FindingLog::iter)
            .map(|(code, _, found)| (code, found.severity, found.count, found.sentence().into_owned()))
            .collect();
        all.sort();
        all
    }

    pub(in super::super) fn codes(&self) -> Vec<&'static str> {
        self.findings().into_iter().map(|(code, ..)| code).collect()
    }

    pub(in super::super) fn measures(&self, src: MacAddress, frame_id: u16) -> &Metadata {
        let id = StreamId(u128::from(frame_id));
        let flow = self.flows.iter().find(|(key, _)| key.src.address == Address::Mac(src)).unwrap().1;
        &flow.streams[&id].measures
    }
}

const MS: i64 = 1_000_000;

/// Frames of one provider every 8 ms with a step of 256.
fn run(plant: &mut Plant, numbers: impl IntoIterator<Item = i64>, status: u8) {
    for number in numbers {
        let payload = cyclic(0x8001, (number * 256) as u16, status, 0);
        plant.take(&frame(DEVICE, CONTROLLER, number as u64 + 1, number * 8 * MS, &payload)).unwrap();
    }
}

fn block(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut block = kind.to_be_bytes().to_vec();
    block.extend((data.len() as u16 + 2).to_be_bytes());
    block.extend([1, 0]);
    block.extend(data);
    block
}

const RELATION: [u8; 16] = [0xAB; 16];

fn ndr(first: u32, blocks: &[u8]) -> Vec<u8> {
    let length = blocks.len() as u32;
    let mut body: Vec<u8> = [first, length, 0x1000, 0, length].iter().flat_map(|number| number.to_le_bytes()).collect();
    body.extend(blocks);
    body
}

/// The body of a connect request, little-endian: input 0x8001 and output, 8 ms, watchdog 3.
pub(in super::super) fn connect_body() -> Vec<u8> {
    let mut ar = vec![0, 1];
    ar.extend(RELATION);
    ar.extend([0, 1]);
    ar.extend(CONTROLLER.0);
    ar.extend([0; 16]);
    ar.extend([0, 0, 0, 0x11, 0, 200, 0x88, 0x92, 0, 3]);
    ar.extend(b"plc");
    let iocr = |kind: u8, frame_id: u16| {
        let mut data = vec![0, kind, 0, kind, 0x88, 0x92, 0, 0, 0, 1, 0, 40];
        data.extend(frame_id.to_be_bytes());
        data.extend([0, 32, 0, 8, 0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 3, 0, 3, 0xC0, 0]);
        data.extend([0; 6]);
        data.extend([0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0]);
        block(0x0102, &data)
    };
    let mut blocks = block(0x0101, &ar);
    blocks.extend(iocr(1, 0x8001));
    blocks.extend(iocr(2, 0xFFFF));
    ndr(0x1000, &blocks)
}

fn answer_body() -> Vec<u8> {
    let mut ar = vec![0, 1];
    ar.extend(RELATION);
    ar.extend([0, 1]);
    ar.extend(DEVICE.0);
    ar.extend([0x88, 0x92]);
    let mut blocks = block(0x8101, &ar);
    blocks.extend(block(0x8102, &[0, 1, 0, 1, 0x80, 0x01]));
    blocks.extend(block(0x8102, &[0, 2, 0, 2, 0x80, 0x02]));
    ndr(0, &blocks)
}

fn release_body() -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend(RELATION);
    data.extend([0, 1, 0, 0, 0, 4, 0, 0]);
    ndr(0x100, &block(0x0114, &data))
}

fn call(plant: &mut Plant, number: u64, payload: &[u8], answer: bool) {
    let mut captured = udp(payload);
    captured.frame = number;
    captured.time = Some(Timestamp::from_nanos(number as i64 * MS));
    if answer {
        (captured.flow.src, captured.flow.dst) = (captured.flow.dst, captured.flow.src);
    }
    plant.take(&captured).unwrap();
}

#[test]
fn learns_the_step_and_gives_it_with_the_counter() {
    let mut plant = Plant::new();
    let mut steps = Vec::new();
    for number in 0..6_u16 {
        let payload = cyclic(0x8001, number.wrapping_mul(512).wrapping_sub(1024), 0x35, 0);
        let captured = frame(DEVICE, CONTROLLER, u64::from(number), i64::from(number) * 16 * MS, &payload);
        let mark = plant.take(&captured).unwrap().marks()[0];
        assert_eq!(mark.id, StreamId(0x8001));
        let Some(Sequence { number: counter, bits: 16, step, .. }) = mark.sequence else { panic!("{mark:?}") };
        assert_eq!(counter, u64::from(number.wrapping_mul(512).wrapping_sub(1024)));
        steps.push(step);
    }
    assert_eq!(steps[1..], [512; 5]);
    let report = plant.report();
    let measures = report.measures(DEVICE, 0x8001);
    assert_eq!(measures["nominal_update_time_ns"], Value::Unsigned(16_000_000));
    assert_eq!(measures["missing_cycles"], Value::Unsigned(0));
    assert_eq!(report.codes(), [""; 0]);
}

#[test]
fn a_loss_at_the_very_beginning_does_not_fix_the_wrong_step() {
    let mut plant = Plant::new();
    run(&mut plant, [0, 3, 4, 5, 6, 7, 8], 0x35);
    let report = plant.report();
    assert_eq!(report.measures(DEVICE, 0x8001)["counter_step"], Value::Unsigned(256));
    assert_eq!(report.measures(DEVICE, 0x8001)["missing_cycles"], Value::Unsigned(2));
}

#[test]
fn a_check_sequence_left_in_is_seen_through() {
    let mut plant = Plant::new();
    for number in 0..300_u32 {
        let mut payload = cyclic(0x8001, (number * 64) as u16, 0x35, 0);
        // Now and then a check sequence looks like a good status.
        let check = if number % 97 == 3 { 0x1234_3500 } else { number.wrapping_mul(0x9E37_79B1) | 0x41 };
        payload.extend(check.to_be_bytes());
        plant.take(&frame(DEVICE, CONTROLLER, u64::from(number), i64::from(number) * 2 * MS, &payload)).unwrap();
    }
    let report = plant.report();
    let measures = report.measures(DEVICE, 0x8001);
    assert_eq!(measures["frame_check_sequence_left_in"], Value::Bool(true));
    assert_eq!(measures["counter_steps"], Value::map([("64", Value::Unsigned(299))]));
    assert_eq!(measures["data_length"], Value::Unsigned(40));
    assert_eq!(report.codes(), [""; 0]);
}

#[test]
fn cycles_passed_over_are_a_gap_and_a_long_silence_is_a_lost_provider() {
    let mut plant = Plant::new();
    run(&mut plant, (0..20).chain(21..40).chain(50..70), 0x35);
    let report = plant.report();
    assert_eq!(report.codes(), ["profinet.cycle-gap", "profinet.provider-lost"]);
    let findings = report.findings();
    assert_eq!(findings[0].2, 2);
    assert!(findings[0].3.contains("passed over 1 frame; 1 frame to 10 frames in all"), "{}", findings[0].3);
    assert!(findings[1].3.contains("no frame for 88.00 ms"), "{}", findings[1].3);
    assert!(findings[1].3.contains("24.00 ms (3 cycles)"), "{}", findings[1].3);
    assert_eq!(report.measures(DEVICE, 0x8001)["missing_cycles"], Value::Unsigned(11));
}

#[test]
fn stop_and_station_problem_are_told_with_their_first_frame() {
    let mut plant = Plant::new();
    run(&mut plant, 0..20, 0x35);
    run(&mut plant, 20..25, 0x25);
    run(&mut plant, 25..30, 0x15);
    run(&mut plant, 30..40, 0x35);
    let report = plant.report();
    let changed = "profinet.status-changed";
    assert_eq!(report.codes(), ["profinet.station-problem", changed, changed, changed, "profinet.stop"]);
    let findings = report.findings();
    assert!(findings[4].3.contains("from frame 21"), "{:?}", findings[4]);
    // each change is told, and where the status stands now
    let back = findings[1..4].iter().filter(|finding| finding.3.contains("; now 0x35")).count();
    assert_eq!((back, findings[1..4].iter().map(|finding| finding.2).sum::<u64>()), (2, 3), "{findings:?}");
    let measures = report.measures(DEVICE, 0x8001);
    assert_eq!(measures["stop_frames"], Value::Unsigned(5));
    assert_eq!(measures["station_problem_frames"], Value::Unsigned(5));
    assert_eq!(measures["status_change_count"], Value::Unsigned(3));
}

#[test]
fn a_connect_gives_streams_their_device_slots_and_update_time() {
    for request in [whole_connect, fragmented_connect] {
        let mut plant = Plant::new();
        request(&mut plant);
        call(&mut plant, 2, &rpc(2, 0, 5, true, &answer_body()), true);
        plant.take(&frame(DEVICE, CONTROLLER, 3, 3 * MS, &hex(ANSWER))).unwrap();
        run(&mut plant, 10..60, 0x35);
        let report = plant.report();
        let measures = report.measures(DEVICE, 0x8001);
        assert_eq!(measures["device"], Value::text("pump"));
        assert_eq!(measures["direction"], Value::text("input"));
        assert_eq!(measures["agreed_update_time_ns"], Value::Unsigned(8_000_000));
        assert_eq!(measures["watchdog_factor"], Value::Unsigned(3));
        let slot = Value::map([("slot", Value::Unsigned(1)), ("subslot", 1_u16.into()), ("offset", 0_u16.into())]);
        assert_eq!(measures["slots"], Value::list([slot]));
        assert_eq!(report.codes(), [""; 0]);
    }
}

fn whole_connect(plant: &mut Plant) {
    call(plant, 1, &rpc(0, 0, 5, true, &connect_body()), false);
}

fn fragmented_connect(plant: &mut Plant) {
    let body = connect_body();
    let parts: Vec<_> = body.chunks(50).collect();
    for (number, part) in parts.iter().enumerate() {
        let mut datagram = rpc(0, 0, 5, true, part);
        datagram[2] |= if number + 1 == parts.len() { 0x06 } else { 0x04 };
        datagram[76] = number as u8;
        call(plant, 1, &datagram, false);
    }
}

#[test]
fn an_update_time_other_than_the_agreed_one_is_pointed_out() {
    let mut plant = Plant::new();
    whole_connect(&mut plant);
    call(&mut plant, 2, &rpc(2, 0, 5, true, &answer_body()), true);
    for number in 10..60_i64 {
        let payload = cyclic(0x8001, (number * 512) as u16, 0x35, 0);
        plant.take(&frame(DEVICE, CONTROLLER, number as u64, number * 16 * MS, &payload)).unwrap();
    }
    let report = plant.report();
    assert_eq!(report.codes(), ["profinet.update-time"]);
    assert!(report.findings()[0].3.contains("not every 8.000 ms agreed on"), "{}", report.findings()[0].3);
}

#[test]
fn a_stream_that_ends_is_lost_unless_it_was_released_or_the_capture_ends() {
    for (released, expected) in [(false, vec!["profinet.provider-lost"]), (true, vec![])] {
        let mut plant = Plant::new();
        whole_connect(&mut plant);
        call(&mut plant, 2, &rpc(2, 0, 5, true, &answer_body()), true);
        run(&mut plant, 10..60, 0x35);
        assert_eq!(plant.report().codes(), [""; 0], "the capture may end here");
        if released {
            call(&mut plant, 500, &rpc(0, 1, 6, true, &release_body()), false);
        }
        plant.take(&frame(DEVICE, CONTROLLER, 2000, 2000 * MS, &hex(ANSWER))).unwrap();
        assert_eq!(plant.report().codes(), expected);
    }
}

#[test]
fn two_answers_to_one_query_with_one_name_are_a_duplicate() {
    let mut plant = Plant::new();
    let other = MacAddress([0x02, 0, 0, 0, 0, 9]);
    for (number, station) in [DEVICE, DEVICE, other].into_iter().enumerate() {
        plant.take(&frame(station, CONTROLLER, number as u64 + 1, 0, &hex(ANSWER))).unwrap();
        let codes = plant.report().codes();
        assert_eq!(codes.contains(&"profinet.duplicate-station-name"), number == 2);
    }
    assert_eq!(plant.report().codes(), ["profinet.duplicate-address", "profinet.duplicate-station-name"]);
}

#[test]
fn a_flood_is_only_what_no_controller_does() {
    let mut plant = Plant::new();
    for number in 0..499_i64 {
        plant.take(&frame(CONTROLLER, DEVICE, number as u64, number * MS, &hex(IDENTIFY))).unwrap();
    }
    assert_eq!(plant.report().codes(), [""; 0]);
    plant.take(&frame(CONTROLLER, DEVICE, 500, 499 * MS, &hex(IDENTIFY))).unwrap();
    assert_eq!(plant.report().codes(), ["profinet.dcp-flood"]);
}

#[test]
fn datagrams_without_a_steady_counter_are_refused_in_the_end() {
    let mut plant = Plant::new();
    let taken = (0..40_u16).filter(|number| {
        let mut captured = udp(&cyclic(0xC001, number.wrapping_mul(number.wrapping_mul(977)), 0x35, 0));
        captured.flow.dst.port = Some(PORTS[0]);
        plant.take(&captured).is_some()
    });
    assert_eq!(taken.count(), 8);
}

#[test]
fn a_stream_over_udp_that_is_known_may_stop() {
    let mut plant = Plant::new();
    for number in 0..20_u16 {
        let status = if number < 12 { 0x35 } else { 0x00 };
        let mut captured = udp(&cyclic(0xC001, number * 64, status, 0));
        captured.flow.dst.port = Some(PORTS[0]);
        assert!(plant.take(&captured).is_some(), "{number}");
    }
    assert!(plant.report().codes().contains(&"profinet.stop"));
}

#[test]
fn status_bits_of_cyclic_frames_are_counted() {
    let mut plant = Plant::new();
    // good, backup, invalid, to be ignored, and good again with a transfer that was not
    for (number, (status, transfer)) in [(0x35, 0), (0x34, 0), (0x31, 0), (0xB5, 0), (0x35, 1)].into_iter().enumerate()
    {
        let (number, counter) = (number as i64, number as u16 * 256);
        // the last one comes before the one before
        let time = if number == 4 { 0 } else { number * 8 * MS };
        plant.take(&frame(DEVICE, CONTROLLER, number as u64 + 1, time, &cyclic(0x8001, counter, status, transfer)));
    }
    let report = plant.report();
    let measures = report.measures(DEVICE, 0x8001);
    for name in ["backup_frames", "invalid_frames", "ignored_frames", "bad_transfer_frames", "times_backwards"] {
        assert_eq!(measures[name], Value::Unsigned(1), "{name}");
    }
    let Value::List(changes) = &measures["status_changes"] else { panic!("no list") };
    assert_eq!((changes.len(), &measures["status_change_count"]), (4, &Value::Unsigned(4)));
}

#[test]
fn alarms_refusals_and_faults_are_found() {
    let mut plant = Plant::new();
    let alarm =
        "fc01 0001 0002 11 11 ffff fffe 001c 0001 001a 0100 0004 00000000 0003 0001 00000010 00000020 0800 0000 0000";
    plant.take(&frame(DEVICE, CONTROLLER, 1, 0, &hex(alarm))).unwrap();
    let refusal = "fefd 04 01 01000001 0000 0008 0504 0003 02 02 05 00";
    plant.take(&frame(DEVICE, CONTROLLER, 2, MS, &hex(refusal))).unwrap();
    call(&mut plant, 3, &rpc(3, 0, 1, true, &0x1C01_0003_u32.to_le_bytes()), true);
    let report = plant.report();
    assert_eq!(report.codes(), ["profinet.alarm", "profinet.cm-fault", "profinet.dcp-refused"]);
    let flow = report.flows.values().find(|flow| flow.metadata.get("alarm_types").is_some()).expect("a flow of alarms");
    assert_eq!(flow.metadata["alarm_types"], Value::map([("Plug", Value::Unsigned(1))]));
}

#[test]
fn streams_and_steps_beyond_the_bounds_are_counted() {
    let mut plant = Plant::new();
    for frame_id in 0x8001..0x8001 + 66 {
        plant.take(&frame(DEVICE, CONTROLLER, 1, 0, &cyclic(frame_id, 0, 0x35, 0)));
    }
    let report = plant.report();
    let flow = report.flows.values().next().expect("a flow");
    assert_eq!(flow.metadata["frames_of_further_streams"], Value::Unsigned(2));

    let (mut plant, mut counter) = (Plant::new(), 0);
    for step in 0..20_u16 {
        counter += step;
        plant.take(&frame(DEVICE, CONTROLLER, 1, 0, &cyclic(0x8001, counter, 0x35, 0)));
    }
    assert_eq!(plant.report().measures(DEVICE, 0x8001)["frames_of_further_steps"], Value::Unsigned(3));
}

#[test]
fn frames_without_their_end_and_calls_without_all_fragments_are_counted() {
    let whole = frame(DEVICE, CONTROLLER, 1, 0, &cyclic(0x8001, 0, 0x35, 0));
    let mut flow = ProfinetDecoder::new().flow_decoder(&whole.flow).unwrap();
    let mut result = DecodingResult::new(false);
    flow.decode_packet(&whole.packet(), &mut result).unwrap();
    flow.decode_packet(&Packet { missing: 4, ..whole.packet() }, &mut result).unwrap();
    let mut report = FlowReport::default();
    flow.report(&mut report);
    assert_eq!(report.streams[&StreamId(0x8001)].measures["frames_cut"], Value::Unsigned(1));

    let mut plant = Plant::new();
    for sequence in 1..=6 {
        let mut first = rpc(0, 0, sequence, true, &[0; 24]);
        first[2] |= 0x04;
        call(&mut plant, sequence.into(), &first, false);
    }
    let report = plant.report();
    let flow = report.flows.values().next().expect("a flow");
    assert_eq!(flow.metadata["calls_with_missing_fragments"], Value::Unsigned(2));
}
