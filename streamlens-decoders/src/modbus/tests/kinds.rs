//! Faults of devices and captures, each over many instances.

use proptest::prelude::*;
use streamlens_model::{Occurrence, Timestamp, Value};

use super::harness::{Outcome, Session};
use super::vectors::{hex, segment};
use crate::modbus::monitor::{Framing, TransactionMonitor};
use crate::modbus::{ModbusRtuDecoder, ModbusTcpDecoder};
use crate::testing::Captured;
use crate::{ConversationMonitor, FlowReport, ObservedPdu, PacketType};

/// A request for so many registers and its response, with the length field that the response has by right.
fn exchange(transaction: u16, registers: u8) -> (Vec<u8>, Vec<u8>) {
    let head = |length: u8| [&transaction.to_be_bytes()[..], &[0, 0, 0, length, 1, 3]].concat();
    let request = [head(6), vec![0, 7, 0, registers]].concat();
    let data = (0..2 * registers).map(|n| n | 1);
    let response = head(3 + 2 * registers).into_iter().chain([2 * registers]).chain(data).collect();
    (request, response)
}

fn at(frame: u64) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(frame.cast_signed() * 1_000_000))
}

fn count(outcome: &[Outcome], name: &str) -> u64 {
    outcome.iter().filter_map(|flow| flow.types.get(name)).sum()
}

fn codes(outcome: &[Outcome]) -> Vec<(&'static str, u64)> {
    let logs = outcome.iter().flat_map(|flow| &flow.report.findings);
    let mut codes: Vec<_> = logs.flat_map(|log| log.iter().map(|(code, _, entry)| (code, entry.count))).collect();
    codes.sort_unstable();
    codes
}

fn figure(report: &FlowReport, name: &str) -> Option<u64> {
    let Some(Value::Map(map)) = report.metadata.get("transactions") else { return None };
    match map.get(name) {
        Some(Value::Unsigned(n)) => Some(*n),
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_wrong_length_costs_no_other_pdu(
        registers in prop::collection::vec(1_u8..60, 8..16), damaged in 1_usize..7, length in any::<u16>(),
    ) {
        let decoder = ModbusTcpDecoder::new();
        let mut session = Session::new(&decoder, false);
        let mut is_wrong = false;
        for (index, &registers) in registers.iter().enumerate() {
            let number = index as u16;
            let (request, mut response) = exchange(number, registers);
            if index == damaged {
                let right = u16::from_be_bytes([response[4], response[5]]);
                response[4..6].copy_from_slice(&length.to_be_bytes());
                is_wrong = length != right;
            }
            let frame = 2 * u64::from(number) + 1;
            session.segment(&Captured { frame, time: at(frame), ..segment(40_000, 502, &request) });
            session.segment(&Captured { frame: frame + 1, time: at(frame + 1), ..segment(502, 40_000, &response) });
        }
        let outcome = session.outcome();
        let (all, responses) = (registers.len() as u64, count(&outcome, "Read Holding Registers Response"));
        let is_lawful = (2..=254).contains(&length);
        prop_assert_eq!(responses, if is_lawful { all } else { all - 1 });
        prop_assert_eq!(count(&outcome, "Read Holding Registers Request"), all);
        let wrong = codes(&outcome).iter().filter(|(code, _)| *code == "modbus.length").map(|(_, n)| n).sum::<u64>();
        prop_assert_eq!(wrong, u64::from(is_wrong));
        let matched = outcome.iter().find_map(|flow| figure(&flow.report, "matched"));
        prop_assert_eq!(matched, Some(responses));
    }

    #[test]
    fn the_order_in_which_flows_are_identified_does_not_matter(
        registers in prop::collection::vec(1_u8..5, 1..60), delays in prop::collection::vec(1_u64..3, 60),
        first_client in any::<bool>(),
    ) {
        let mut pdus = Vec::new();
        for (index, (&registers, &delay)) in registers.iter().zip(&delays).enumerate() {
            // the same transaction each time: only the order tells which answer is whose
            let (request, response) = exchange(7, registers);
            let frame = 4 * index as u64 + 1;
            pdus.push((frame, segment(40_000, 502, &request)));
            pdus.push((frame + delay, segment(502, 40_000, &response)));
        }
        let figures = |pdus: &[(u64, Captured)]| {
            let mut monitor = TransactionMonitor::new(Framing::Tcp);
            for (frame, pdu) in pdus {
                let at = Occurrence { frame: *frame, time: at(*frame) };
                monitor.observe(&ObservedPdu { at, flow: &pdu.flow, packet_type: PacketType(0), bytes: &pdu.payload });
            }
            let mut report = FlowReport::default();
            monitor.report(&segment(40_000, 502, &[]).flow, &mut report);
            report.metadata
        };
        let in_order = figures(&pdus);
        pdus.sort_by_key(|(_, pdu)| (pdu.flow.dst.port == Some(502)) != first_client);
        prop_assert_eq!(figures(&pdus), in_order);
    }
}

/// Reads through an adapter that sends every request back, and what a device answers.
#[test]
fn echoes_are_no_requests() {
    let decoder = ModbusRtuDecoder::new();
    let mut session = Session::new(&decoder, false);
    let (request, response) = (hex("01 01 00 00 00 04 3D C9"), hex("01 01 01 00 51 88"));
    for index in 0..10 {
        for (behind, ports, bytes) in
            [(0, (40_000, 4001), &request), (15, (4001, 40_000), &request), (40, (4001, 40_000), &response)]
        {
            let frame = 1000 * index + behind + 1;
            session.segment(&Captured { frame, time: at(frame), ..segment(ports.0, ports.1, bytes) });
        }
    }
    let outcome = session.outcome();
    let counts = ["Read Coils Request", "Read Coils Echo", "Read Coils Response"].map(|name| count(&outcome, name));
    assert_eq!((counts, codes(&outcome)), ([10; 3], vec![("modbus.echo", 10)]));
    let client = outcome.iter().find(|flow| flow.flow.dst.port == Some(4001)).expect("the client's flow");
    let of = |name| figure(&client.report, name);
    assert_eq!(["requests", "matched", "echoes", "repeated_requests"].map(of), [Some(10), Some(10), Some(10), Some(0)]);
}

/// A response is excused for its request's absence by the capture's beginning, unless the capture has the connection's.
#[test]
fn no_answer_is_older_than_its_connection() {
    for (began, expected) in [(None, [1, 0]), (Some(1), [0, 1]), (Some(9), [1, 0])] {
        let mut monitor = TransactionMonitor::new(Framing::Tcp);
        let (_, response) = exchange(99, 2);
        let pdu = segment(502, 40_000, &response);
        let at = Occurrence { frame: 5, time: at(5) };
        monitor.observe(&ObservedPdu { at, flow: &pdu.flow, packet_type: PacketType(0), bytes: &pdu.payload });
        if let Some(frame) = began {
            monitor.on_connection(Occurrence { frame, time: None });
        }
        let mut report = FlowReport::default();
        monitor.report(&pdu.flow, &mut report);
        let found = ["unmatched_at_start", "unsolicited"].map(|name| figure(&report, name).expect("a figure"));
        assert_eq!(found, expected, "the connection began in {began:?}");
    }
}

/// 130 exceptions of 120 functions are 120 findings, and two codes of one function are two.
#[test]
fn no_exception_stands_for_another() {
    let decoder = ModbusTcpDecoder::new();
    let mut session = Session::new(&decoder, false);
    let exceptions = (0..130_u64).map(|n| ((n % 120) as u8, 1)).chain([(3, 2), (3, 4)]);
    for (index, (function, code)) in exceptions.enumerate() {
        let bytes = [0, index as u8, 0, 0, 0, 3, 1, 0x80 | function, code];
        let frame = index as u64 + 1;
        session.segment(&Captured { frame, time: at(frame), ..segment(502, 40_000, &bytes) });
    }
    let found = codes(&session.outcome());
    let exceptions = found.iter().filter(|(code, _)| *code == "modbus.exception");
    assert_eq!((exceptions.clone().count(), exceptions.map(|(_, n)| n).sum::<u64>()), (122, 132));
}
