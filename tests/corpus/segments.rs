//! Modbus over TCP, cut anew: real sessions give the same PDUs however their segments are cut, reordered, duplicated or
//! sent again, and a segment that is lost costs the PDUs that it carried.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use streamlens::engine::{Engine, EngineOptions};
use streamlens::model::{Frame, LinkType, Timestamp};
use streamlens::pcap::CaptureReader;
use streamlens::registry::DecoderRegistry;

use crate::corpus;

/// PDUs by flow and packet type.
type Counts = BTreeMap<(String, String), u64>;

/// A frame with the place of its TCP payload, where it has one.
#[derive(Clone)]
struct Sent {
    bytes: Vec<u8>,
    time: Option<Timestamp>,
    /// Where the TCP header and the payload begin.
    tcp: Option<(usize, usize)>,
}

fn sent(frame: &Frame<'_>) -> Sent {
    let place = || {
        let data = frame.data;
        let is_whole = data.len() == frame.original_length as usize;
        let is_tcp = frame.link_type == LinkType::ETHERNET && data.get(12..14)? == [8, 0] && *data.get(23)? == 6;
        let tcp = 14 + usize::from(data.get(14)? & 0x0F) * 4;
        let payload = tcp + usize::from(data.get(tcp + 12)? >> 4) * 4;
        let end = 14 + usize::from(u16::from_be_bytes([*data.get(16)?, *data.get(17)?]));
        let has_syn = data.get(tcp + 13)? & 0x02 != 0;
        (is_whole && is_tcp && payload < end && end <= data.len() && !has_syn).then_some((tcp, payload, end))
    };
    let found = place();
    let end = found.map_or(frame.data.len(), |(.., end)| end);
    Sent { bytes: frame.data[..end].to_vec(), time: frame.time, tcp: found.map(|(tcp, payload, _)| (tcp, payload)) }
}

impl Sent {
    /// A segment with the bytes `from..to` of this one's payload.
    fn piece(&self, from: usize, to: usize) -> Self {
        let Some((tcp, payload)) = self.tcp else { return self.clone() };
        let mut bytes = self.bytes[..payload].to_vec();
        bytes.extend_from_slice(&self.bytes[payload + from..payload + to]);
        let total = (bytes.len() - 14) as u16;
        bytes[16..18].copy_from_slice(&total.to_be_bytes());
        let sequence = u32::from_be_bytes([bytes[tcp + 4], bytes[tcp + 5], bytes[tcp + 6], bytes[tcp + 7]]);
        bytes[tcp + 4..tcp + 8].copy_from_slice(&sequence.wrapping_add(from as u32).to_be_bytes());
        Self { bytes, ..self.clone() }
    }

    fn payload(&self) -> &[u8] {
        self.tcp.map_or(&[], |(_, payload)| &self.bytes[payload..])
    }

    /// Addresses and ports.
    fn flow(&self) -> Vec<u8> {
        let (tcp, _) = self.tcp.unwrap_or_default();
        [&self.bytes[26..34], &self.bytes[tcp..tcp + 4]].concat()
    }

    /// Modbus PDUs, where the payload is made of whole ones.
    fn whole_pdus(&self) -> Option<u64> {
        let (mut rest, mut pdus) = (self.payload(), 0);
        while let [_, _, 0, 0, high, low, ..] = rest {
            rest = rest.get(6 + usize::from(u16::from_be_bytes([*high, *low]))..)?;
            pdus += 1;
        }
        rest.is_empty().then_some(pdus)
    }
}

fn read(path: &Path) -> Vec<Sent> {
    let mut reader = CaptureReader::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap_or_else(|error| panic!("{error}")) {
        frames.push(sent(&frame));
    }
    frames
}

/// What StreamLens finds of Modbus, of either kind.
fn modbus<'a>(frames: impl IntoIterator<Item = &'a Sent>) -> Counts {
    let options = EngineOptions { threads: 1, ..EngineOptions::default() };
    let mut engine = Engine::new(DecoderRegistry::with_builtins(), options);
    for (number, frame) in (1..).zip(frames) {
        engine.push(&Frame {
            number,
            time: frame.time,
            link_type: LinkType::ETHERNET,
            interface: 0,
            original_length: frame.bytes.len() as u32,
            data: &frame.bytes,
        });
    }
    let mut counts = Counts::new();
    for flow in &engine.finish(Default::default()).flows {
        for encoding in flow.encodings() {
            if encoding.encoding_name.starts_with("Modbus") {
                for kind in &encoding.packet_types {
                    let place = format!("{:?} {:?} {}", flow.key.src, flow.key.dst, encoding.encoding_name);
                    *counts.entry((place, kind.type_name.to_string())).or_default() += kind.packet_count;
                }
            }
        }
    }
    counts
}

/// A small generator, so that every run is the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// The same bytes in other segments. The first segment of a flow stays in front: a stream whose beginning is not in the
/// capture starts with the first segment that is seen.
fn cut_anew(frames: &[Sent], dice: &mut Dice) -> Vec<Sent> {
    let (mut out, mut begun) = (Vec::new(), HashSet::new());
    for frame in frames {
        if frame.tcp.is_none() {
            out.push(frame.clone());
            continue;
        }
        let length = frame.payload().len();
        let mut pieces = Vec::new();
        let mut at = 0;
        while at < length {
            let longest = if dice.below(4) == 0 { 3 } else { length };
            let to = (at + 1 + dice.below(longest)).min(length);
            // some begin early, and bring again what was there
            let from = if dice.below(5) == 0 { at - dice.below(at + 1) } else { at };
            pieces.push(frame.piece(from, to));
            if dice.below(6) == 0 {
                let again = dice.below(pieces.len());
                pieces.push(pieces[again].clone());
            }
            at = to;
        }
        let first = usize::from(begun.insert(frame.flow()));
        for place in (first + 1..pieces.len()).rev() {
            pieces.swap(place, first + dice.below(place + 1 - first));
        }
        out.append(&mut pieces);
    }
    out
}

/// Captures of Modbus over TCP in which nothing is cut or missing.
fn sessions(corpus: &Path) -> Vec<(PathBuf, Vec<Sent>)> {
    let names = [
        "modbus-2502-split-responses.pcap",
        "modbus-4sics-min.pcap",
        "modbus-analog.pcap",
        "modbus-libmodbus-1502-pipelined-split.pcap",
        "modbus-pymodbus-all-functions.pcap",
        "modbus-icsnpp.pcap",
        "modbus-ndpi.pcap",
    ];
    names.map(|name| corpus.join("captures/industrial").join(name)).map(|path| (path.clone(), read(&path))).into()
}

#[test]
fn a_modbus_session_is_the_same_however_its_segments_are_cut() {
    let Some(corpus) = corpus() else { return };
    for (path, frames) in sessions(&corpus) {
        let plain = modbus(&frames);
        assert!(!plain.is_empty(), "{} has no Modbus", path.display());
        for seed in 0..12 {
            let again = modbus(&cut_anew(&frames, &mut Dice(seed)));
            let differ = |(place, count): (&(String, String), &u64)| match plain.get(place) {
                Some(before) if before == count => None,
                before => Some(format!("{place:?}: {count} instead of {before:?}")),
            };
            let mut wrong: Vec<_> = again.iter().filter_map(differ).collect();
            wrong.extend(
                plain.keys().filter(|place| !again.contains_key(*place)).map(|place| format!("{place:?}: none")),
            );
            assert!(again == plain, "{} with seed {seed}: {wrong:#?}", path.display());
        }
    }
}

#[test]
fn a_lost_segment_costs_the_pdus_it_carried() {
    let Some(corpus) = corpus() else { return };
    let mut lost = 0;
    for (path, frames) in sessions(&corpus) {
        let plain: u64 = modbus(&frames).values().sum();
        let all: Vec<usize> = (0..frames.len()).filter(|&at| frames[at].tcp.is_some()).collect();
        for &at in all.iter().step_by(all.len().div_ceil(40)) {
            // a segment that comes again is no loss, and of one with parts of PDUs the cost is not known from it alone
            let Some(cost) = frames[at].whole_pdus() else { continue };
            let is_repeated =
                |other: &Sent| other.flow() == frames[at].flow() && other.payload() == frames[at].payload();
            if all.iter().any(|&other| other != at && is_repeated(&frames[other])) {
                continue;
            }
            let rest = frames[..at].iter().chain(&frames[at + 1..]);
            let left: u64 = modbus(rest).values().sum();
            assert_eq!(left, plain - cost, "{} without frame {}", path.display(), at + 1);
            lost += 1;
        }
    }
    assert!(lost > 50, "{lost} segments");
}
