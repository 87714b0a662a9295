//! What is told of a flow beside its streams: addresses of the link, DSCP and TTL with every change, whether or not frames
//! repeat headers that are remembered.

mod common;

use common::{Made, udp};
use proptest::prelude::*;
use streamlens_engine::EngineOptions;
use streamlens_model::Change;

/// A datagram with a TTL of its own; the checksum is left as it was, which nobody looks at.
fn with_ttl(time: i64, from: u8, ttl: u8) -> Made {
    let mut made = udp(time, from, 200, 5000, b"Cm\0\x01\0 something");
    made.data[14 + 8] = ttl;
    made
}

/// Runs of equal values, as a list of changes.
fn runs(frames: impl Iterator<Item = (u64, u8)>) -> Vec<Change<u8>> {
    let mut runs: Vec<Change<u8>> = Vec::new();
    for (since_frame, value) in frames {
        match runs.last_mut() {
            Some(last) if last.value == value => last.packets += 1,
            _ => runs.push(Change { value, since_frame, packets: 1 }),
        }
    }
    runs
}

proptest! {
    #[test]
    fn every_change_is_told_with_its_frames(
        turns in proptest::collection::vec((1_u8..4, prop_oneof![Just(32_u8), Just(64), Just(65)], 1_usize..6), 1..12),
        defer_above_flows in prop_oneof![Just(0_usize), Just(1_000_000)],
    ) {
        // three flows take turns, each turn with a TTL of its own
        let turns: Vec<_> = turns.iter().flat_map(|&(from, ttl, frames)| vec![(from, ttl); frames]).collect();
        let frames: Vec<_> = (0..).zip(&turns).map(|(at, &(from, ttl))| with_ttl(at * 1000, from, ttl)).collect();
        let options = EngineOptions { defer_above_flows, ..EngineOptions::default() };
        let analysis = common::analyse_with(common::registry(), options, &frames);
        for flow in &analysis.flows {
            let source = flow.key.src.address.to_string();
            let own = (1..).zip(&turns).filter(|(_, (from, _))| source == format!("10.0.0.{from}"));
            prop_assert_eq!(&flow.ttl, &runs(own.map(|(frame, (_, ttl))| (frame, *ttl))));
            prop_assert_eq!((flow.macs.len(), flow.dscp.len()), (1, 1));
            prop_assert_eq!(flow.macs[0].packets, flow.total_packets);
        }
    }
}
