//! What iNetX, TmNS and NPD find alike, each under codes of its own.

use std::net::Ipv4Addr;

use streamlens_model::{Address, StreamId, Timestamp, Value};

use super::StreamTable;
use crate::testing::{Captured, codes, udp};
use crate::{DecodingResult, FlowDecoder, FlowReport, NetworkReport, Peer, StreamDecoder};

const START_S: u32 = 1_700_000_000;

/// An encoding, and how a packet of it is made: stream, number, and milliseconds after the start on the unit's clock.
struct Kind {
    decoder: Box<dyn StreamDecoder>,
    packet: fn(u32, u32, u32) -> Vec<u8>,
    stopped: &'static str,
    two_sources: &'static str,
    limit: &'static str,
    /// What is found of a time that falls.
    falls: &'static [&'static str],
    /// What is found of a clock that is 10 s ahead.
    ahead: &'static [&'static str],
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

const fn seconds(ms: u32) -> u32 {
    START_S + ms / 1000
}

const fn nanos(ms: u32) -> u32 {
    ms % 1000 * 1_000_000
}

fn kinds() -> [Kind; 3] {
    [
        Kind {
            decoder: Box::new(crate::inetx::InetxDecoder),
            packet: |id, number, ms| words(&[0x1100_0000, id, number, 28, seconds(ms), nanos(ms), 0]),
            stopped: "inetx.stream-stopped",
            two_sources: "inetx.stream-from-two-sources",
            limit: "inetx.stream-limit",
            falls: &["inetx.time-backwards", "inetx.time-jump"],
            ahead: &["inetx.clock-offset"],
        },
        Kind {
            decoder: Box::new(crate::tmns::TmnsDecoder),
            packet: |id, number, ms| words(&[0x1000_0000, id, number, 24, seconds(ms), nanos(ms)]),
            stopped: "tmns.message-stopped",
            two_sources: "tmns.message-from-two-sources",
            limit: "tmns.message-limit",
            falls: &["tmns.time-backwards", "tmns.time-jump"],
            ahead: &["tmns.clock-offset"],
        },
        Kind {
            decoder: Box::new(crate::npd::NpdDecoder),
            packet: |id, number, ms| words(&[0x3502_0005, number & 0xFFFF, id, 0xEF00_0001, ms]),
            stopped: "npd.source-stopped",
            two_sources: "npd.source-from-two-senders",
            limit: "npd.source-limit",
            // its time has no unit that the capture's could be held against
            falls: &["npd.time-backwards"],
            ahead: &[],
        },
    ]
}

impl Kind {
    /// A packet whose unit's clock and the capture's show so many milliseconds after the start.
    fn captured(&self, id: u32, number: u32, (unit, capture): (u32, u32)) -> Captured {
        let mut captured = udp(&(self.packet)(id, number, unit));
        let nanos = i64::from(START_S) * 1_000_000_000 + i64::from(capture) * 1_000_000;
        (captured.time, captured.frame) = (Some(Timestamp::from_nanos(nanos)), u64::from(capture) + 1);
        captured
    }

    fn flow(&self, packets: &[Captured]) -> Box<dyn FlowDecoder> {
        let mut flow = self.decoder.flow_decoder(&packets[0].flow).unwrap();
        for packet in packets {
            flow.decode_packet(&packet.packet(), &mut DecodingResult::new(false)).unwrap();
        }
        flow
    }

    /// Packets of a stream, every so many milliseconds.
    fn steady(&self, id: u32, interval: u32) -> Vec<Captured> {
        (0..20).map(|number| self.captured(id, number, (number * interval, number * interval))).collect()
    }

    fn network(&self, flows: [&[Captured]; 2]) -> NetworkReport {
        let decoders = flows.map(|packets| self.flow(packets));
        let encoding = &self.decoder.info().name;
        let peers: Vec<_> = flows
            .iter()
            .zip(&decoders)
            .map(|(packets, own)| Peer { flow: &packets[0].flow, decoder: Some(&**own), encoding, interface: None })
            .collect();
        let mut report = NetworkReport::default();
        self.decoder.network_monitor().unwrap().report(&peers, &mut report);
        report
    }
}

fn report(flow: &dyn FlowDecoder) -> FlowReport {
    let mut report = FlowReport::default();
    flow.report(&mut report);
    report
}

#[test]
fn a_steady_stream_is_measured_and_nothing_is_found() {
    for kind in kinds() {
        let report = report(&*kind.flow(&kind.steady(1, 10)));
        assert_eq!(codes(&report), [""; 0]);
        let measures = &report.streams[&StreamId(1)].measures;
        assert_eq!(measures["longest_interval_ns"], Value::from(10_000_000_i64));
        assert_eq!(measures["payload_max_bytes"], measures["payload_min_bytes"]);
        let error = measures.get("time_error_mean_ns");
        assert_eq!(error, (kind.falls.len() > 1).then_some(&Value::from(0.0)));
    }
}

#[test]
fn a_stream_that_stops_and_one_from_two_sources_are_found() {
    for kind in kinds() {
        let (short, long) = (kind.steady(1, 10), kind.steady(2, 200));
        let found = kind.network([&short, &long]);
        assert_eq!(codes(&found.flows[&0]), [kind.stopped]);
        let mut theirs = kind.steady(1, 10);
        theirs.iter_mut().for_each(|packet| packet.flow.src.address = Address::V4(Ipv4Addr::new(10, 0, 0, 9)));
        let found = kind.network([&short, &theirs]);
        let found: Vec<_> = found.findings.iter().flat_map(|log| log.iter()).map(|(code, ..)| code).collect();
        assert_eq!(found, [kind.two_sources]);
    }
}

#[test]
fn streams_beyond_the_bound_are_counted_and_found() {
    for kind in kinds() {
        let most = StreamTable::<()>::MAX as u32;
        let packets: Vec<_> = (0..most + 3).map(|id| kind.captured(id, 0, (0, 0))).collect();
        let report = report(&*kind.flow(&packets));
        assert_eq!(codes(&report), [kind.limit]);
        assert_eq!(report.metadata["packets_beyond_stream_limit"], Value::from(3_u64));
    }
}

#[test]
fn times_that_fall_and_clocks_that_are_ahead_are_found() {
    for kind in kinds() {
        let falls = [1000, 1001, 0].into_iter().zip(1000..);
        let falls: Vec<_> = (0..).zip(falls).map(|(number, times)| kind.captured(1, number, times)).collect();
        assert_eq!(codes(&report(&*kind.flow(&falls))), kind.falls);
        let ahead: Vec<_> = (0..5).map(|number| kind.captured(1, number, (10_000 + number, number))).collect();
        assert_eq!(codes(&report(&*kind.flow(&ahead))), kind.ahead);
    }
}
