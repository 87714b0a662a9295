//! Tests of the decoder as a whole: built packets, captures with what an independent reader saw, hostile bytes.

mod corpus;
mod properties;
mod vectors;

use std::collections::BTreeMap;

use streamlens_model::StreamId;

use super::{Chapter10Decoder, Chapter10Flow};
use crate::testing::Captured;
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PduState, Sequence, StreamDecoder};

/// What a run of one flow gave.
#[derive(Debug, Default)]
struct Outcome {
    frames: u64,
    refused: u64,
    types: BTreeMap<String, u64>,
    cut: u64,
    lengths: Vec<u32>,
    sequences: BTreeMap<StreamId, Counter>,
    report: FlowReport,
}

impl Outcome {
    fn finding(&self, code: &str) -> u64 {
        self.report.findings.iter().flat_map(|log| log.iter()).filter(|f| f.0 == code).map(|f| f.2.count).sum()
    }

    fn fact(&self, name: &str, part: &str) -> u64 {
        let value = serde_json::to_value(&self.report.metadata).expect("metadata");
        value[name][part].as_u64().unwrap_or(0)
    }
}

/// Sends payloads through one flow's decoder as the engine does.
fn run<'a>(payloads: impl IntoIterator<Item = &'a Captured>) -> Outcome {
    let decoder = Chapter10Decoder::new();
    let mut flow = Chapter10Flow::default();
    let (mut outcome, mut result) = (Outcome::default(), DecodingResult::new(false));
    for captured in payloads {
        let mut packet = captured.packet();
        let mut calls = 0;
        while !packet.payload.is_empty() {
            result.clear();
            let taken = match flow.decode_packet(&packet, &mut result) {
                Ok(taken) => taken,
                Err(DecodeError::Refused { .. } | DecodeError::Malformed { .. }) => break,
                Err(error) => panic!("{error} of a datagram"),
            };
            assert!(taken > 0 && taken <= packet.payload.len(), "took {taken} of {}", packet.payload.len());
            calls += 1;
            for mark in result.marks() {
                outcome.sequences.entry(mark.id).or_default().add(mark.sequence.expect("all streams are numbered"));
            }
            if result.state != PduState::Unfinished {
                let name = decoder.packet_type(result.packet_type).into_owned();
                *outcome.types.entry(name).or_default() += 1;
                outcome.cut += u64::from(result.state == PduState::Cut);
                outcome.lengths.extend(result.pdu_length);
            }
            packet.payload = &packet.payload[taken..];
            packet.offset += taken;
        }
        if calls > 0 {
            outcome.frames += 1;
        } else {
            outcome.refused += 1;
        }
    }
    flow.report(&mut outcome.report);
    outcome
}

/// The sequence rule of the expected files.
#[derive(Debug, Default)]
struct Counter {
    highest: Option<u64>,
    seen: Vec<u64>,
    missing: Vec<u64>,
    lost: u64,
    duplicates: u64,
    reordered: u64,
    resets: u64,
}

impl Counter {
    fn add(&mut self, sequence: Sequence) {
        let modulus = 1_u64 << sequence.bits;
        let number = sequence.number;
        let Some(highest) = self.highest else {
            (self.highest, self.seen) = (Some(number), vec![number]);
            return;
        };
        let ahead = number.wrapping_sub(highest) % modulus;
        if ahead == 0 {
            self.duplicates += u64::from(!sequence.repeats);
        } else if ahead < modulus / 2 {
            if ahead - 1 > u64::from(sequence.max_jump) {
                self.resets += 1;
                self.missing.clear();
                self.seen.clear();
            } else {
                self.lost += ahead - 1;
                self.missing.extend((1..ahead).map(|n| (highest + n) % modulus));
            }
            (self.highest, _) = (Some(number), self.seen.push(number));
        } else if let Some(at) = self.missing.iter().position(|missing| *missing == number) {
            self.missing.swap_remove(at);
            (self.lost, self.reordered) = (self.lost - 1, self.reordered + 1);
        } else if self.seen.iter().rev().take((modulus / 2).min(1024) as usize).any(|seen| *seen == number) {
            self.duplicates += 1;
        } else {
            self.resets += 1;
            (self.highest, self.seen) = (Some(number), vec![number]);
        }
    }
}
