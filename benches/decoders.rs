//! What each built-in decoder costs per payload, without and with fields asked for. Payloads are those of the demo
//! capture where it has them, made here from the field tables where it hasn't.

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use streamlens::decoders::{DecodingResult, StreamDecoder};
use streamlens::model::{Address, Endpoint, FlowKey, Packet, Timestamp, Transport};
use streamlens::registry::DecoderRegistry;
use streamlens_testing::{Made, demo};

/// A payload and where it was found.
struct Payload {
    flow: FlowKey,
    transport: Transport,
    ether_type: Option<u16>,
    time: i64,
    bytes: Vec<u8>,
}

impl Payload {
    fn packet(&self, frame: u64, offset: usize) -> Packet<'_> {
        Packet {
            frame,
            time: Some(Timestamp::from_nanos(self.time)),
            flow: &self.flow,
            transport: self.transport,
            ether_type: self.ether_type,
            wire_length: self.bytes.len() as u32 + 42,
            payload: self.bytes.get(offset..).unwrap_or_default(),
            offset,
            missing: 0,
            is_stream: self.transport == Transport::TCP,
        }
    }
}

/// Ethernet, perhaps one tag, IPv4 without options: as far as the demo's frames go.
fn payload(made: &Made) -> Option<Payload> {
    let mut at = 12;
    if made.data.get(at..at + 2)? == [0x81, 0x00] {
        at += 4;
    }
    let ether_type = u16::from_be_bytes([*made.data.get(at)?, *made.data.get(at + 1)?]);
    let rest = made.data.get(at + 2..)?;
    if ether_type != 0x0800 {
        let (flow, transport) = (FlowKey::default(), Transport::Ethernet);
        return Some(Payload { flow, transport, ether_type: Some(ether_type), time: made.time, bytes: rest.to_vec() });
    }
    let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
    let is_fragment = u16::from_be_bytes([rest[6], rest[7]]) & 0x3FFF != 0;
    let (protocol, inner) = (rest[9], rest.get(20..length)?);
    let head = if protocol == 6 { 20 } else { 8 };
    let bytes = inner.get(head..).filter(|bytes| !bytes.is_empty() && !is_fragment)?.to_vec();
    let end = |at: usize, port: usize| Endpoint {
        address: Address::V4([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]].into()),
        port: Some(u16::from_be_bytes([inner[port], inner[port + 1]])),
    };
    let flow = FlowKey { src: end(12, 0), dst: end(16, 2), ..FlowKey::default() };
    Some(Payload { flow, transport: Transport::Ip(protocol), ether_type: None, time: made.time, bytes })
}

/// Payloads by encoding: those of the demo's flows, judged by the registry, and the made ones.
fn payloads(registry: &DecoderRegistry) -> BTreeMap<String, Vec<Payload>> {
    let mut found: BTreeMap<String, Vec<Payload>> = BTreeMap::new();
    for payload in demo::frames().iter().filter_map(payload) {
        let best =
            registry.find_decoders(&payload.packet(1, 0)).first().map(|(decoder, _)| decoder.info().name.to_string());
        if let Some(name) = best {
            found.entry(name).or_default().push(payload);
        }
    }
    for (name, transport, make) in MADE {
        let payloads = (0..256).map(|number: u32| Payload {
            flow: FlowKey {
                dst: Endpoint { address: Address::V4([239, 0, 0, 1].into()), port: Some(5000) },
                ..FlowKey::default()
            },
            transport,
            ether_type: None,
            time: demo::START + i64::from(number) * 1_000_000,
            bytes: make(number),
        });
        found.insert(name.to_owned(), payloads.collect());
    }
    found
}

type Make = fn(u32) -> Vec<u8>;

const MADE: [(&str, Transport, Make); 6] = [
    ("TmNS", Transport::UDP, tmns),
    ("NPD", Transport::UDP, npd),
    ("RTCP", Transport::UDP, rtcp),
    ("MPEG-TS", Transport::UDP, mpeg_ts),
    ("NDI", Transport::TCP, ndi),
    ("ModbusRTU", Transport::TCP, modbus_rtu),
];

fn words(words: &[u32], rest: &[u8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).chain(rest.iter().copied()).collect()
}

fn tmns(number: u32) -> Vec<u8> {
    words(&[0x1000_0000, 0x1234, number, 24 + 64, 1_772_442_037, number * 1000], &[0x5A; 64])
}

fn npd(number: u32) -> Vec<u8> {
    // two segments: time delta, length, error and flags, three bytes of data and one of padding
    let segment = [0, 0, 0, 9, 0, 11, 0, 0, 0xA, 0xB, 0xC, 0];
    words(&[0x3502_000B, number & 0xFFFF, 0xDD, 0xEF00_0001, 1_772_442_000], &[segment, segment].concat())
}

fn rtcp(number: u32) -> Vec<u8> {
    let report = words(&[0x80C8_0006, 7, 0xED4F_0000, number, number * 48, number, number * 300], &[]);
    // CNAME "streamlens", closed by a zero and filled up to a word
    let mut description = words(&[0x81CA_0004, 7], &[1, 8]);
    description.extend(b"lens-one\0\0");
    [report, description[..20].to_vec()].concat()
}

fn mpeg_ts(number: u32) -> Vec<u8> {
    let packet = |place: u32| {
        let mut packet = vec![0x47, 0x01, 0x00, 0x10 | ((number * 7 + place) & 0xF) as u8];
        packet.resize(188, 0x5A);
        packet
    };
    (0..7).flat_map(packet).collect()
}

fn ndi(_: u32) -> Vec<u8> {
    let mut message = vec![1, 0x80, 2, 0, 8, 0, 0, 0, 100, 0, 0, 0];
    message.resize(120, 0xC5);
    message
}

fn modbus_rtu(number: u32) -> Vec<u8> {
    let mut message = vec![1, 3, 0, number as u8, 0, 4];
    let crc = message.iter().fold(0xFFFF_u16, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    });
    message.extend(crc.to_le_bytes());
    message
}

/// Decodes all PDUs of a payload as the engine does; how many there were.
fn decode(
    payload: &Payload,
    frame: u64,
    result: &mut DecodingResult,
    mut one: impl FnMut(&Packet<'_>, &mut DecodingResult) -> Option<usize>,
) -> usize {
    let (mut offset, mut pdus) = (0, 0);
    while offset < payload.bytes.len() {
        result.clear();
        match one(&payload.packet(frame, offset), result) {
            Some(taken) if taken > 0 => (offset, pdus) = (offset + taken, pdus + 1),
            _ => break,
        }
    }
    pdus
}

fn decoders(c: &mut Criterion) {
    let registry = DecoderRegistry::with_builtins();
    let payloads = payloads(&registry);
    for decoder in registry.iter() {
        let name = decoder.info().name.as_ref();
        let list = payloads.get(name).unwrap_or_else(|| panic!("no payloads for {name}"));
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("can_decode", |b| {
            let mut turns = (0..list.len()).cycle();
            b.iter(|| decoder.can_decode(black_box(&list[turns.next().unwrap_or(0)].packet(1, 0))));
        });
        for wants_fields in [false, true] {
            let label = if wants_fields { "decode with fields" } else { "decode" };
            bench_decode(&mut group, label, decoder, list, wants_fields);
        }
        group.finish();
    }
}

fn bench_decode(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    label: &str,
    decoder: &dyn StreamDecoder,
    list: &[Payload],
    wants_fields: bool,
) {
    let mut flow = decoder.flow_decoder(&list[0].flow);
    let mut result = DecodingResult::new(wants_fields);
    let mut frame = 0;
    let mut run = |payload: &Payload| {
        frame += 1;
        match &mut flow {
            Some(flow) => decode(payload, frame, &mut result, |packet, result| flow.decode_packet(packet, result).ok()),
            None => decode(payload, frame, &mut result, |packet, result| decoder.decode_packet(packet, result).ok()),
        }
    };
    let taken = list.iter().filter(|payload| run(payload) > 0).count();
    assert!(taken * 10 >= list.len() * 9, "{}: {taken} of {} payloads decode", decoder.info().name, list.len());
    group.bench_function(label, |b| {
        let mut turns = (0..list.len()).cycle();
        b.iter(|| run(black_box(&list[turns.next().unwrap_or(0)])));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_millis(500)).warm_up_time(std::time::Duration::from_millis(200));
    targets = decoders
}
criterion_main!(benches);
