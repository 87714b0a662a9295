//! For the tests of decoders: payloads out of captures of the corpus, and packets around payloads.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use streamlens_model::{Address, FlowKey, MacAddress, Packet, Timestamp, Transport, Value};
pub(crate) use streamlens_testing::corpus;

use crate::wire::{self, Wire};
use crate::{DecodeError, DecodingResult, FlowReport, StreamDecoder};

/// One UDP datagram, TCP segment or Ethernet payload of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) frame: u64,
    pub(crate) time: Option<Timestamp>,
    pub(crate) flow: FlowKey,
    pub(crate) transport: Transport,
    pub(crate) ether_type: Option<u16>,
    pub(crate) wire_length: u32,
    /// The sequence number of a TCP segment.
    pub(crate) tcp_sequence: Option<u32>,
    pub(crate) payload: Vec<u8>,
}

impl Captured {
    pub(crate) fn packet(&self) -> Packet<'_> {
        Packet {
            frame: self.frame,
            time: self.time,
            flow: &self.flow,
            transport: self.transport,
            ether_type: self.ether_type,
            wire_length: self.wire_length,
            payload: &self.payload,
            offset: 0,
            missing: 0,
            is_stream: self.transport == Transport::TCP,
        }
    }
}

/// A UDP packet around a payload, between two fixed endpoints.
pub(crate) fn udp(payload: &[u8]) -> Captured {
    let mut flow = FlowKey::default();
    flow.src.address = Address::V4(Ipv4Addr::new(10, 0, 0, 1));
    flow.dst.address = Address::V4(Ipv4Addr::new(239, 0, 0, 1));
    (flow.src.port, flow.dst.port) = (Some(40_000), Some(40_001));
    let (time, wire_length) = (Some(Timestamp::from_nanos(1_700_000_000_000_000_000)), payload.len() as u32 + 42);
    let payload = payload.to_vec();
    let (transport, ether_type, tcp_sequence) = (Transport::UDP, None, None);
    Captured { frame: 1, time, flow, transport, ether_type, wire_length, tcp_sequence, payload }
}

/// How many of these payloads a decoder of one flow takes, and what that reports then.
pub(crate) fn decode_all(decoder: &dyn StreamDecoder, payloads: &[Vec<u8>]) -> (usize, FlowReport) {
    let mut flow = decoder.flow_decoder(&udp(&[]).flow).expect("a decoder of a flow");
    let taken = payloads
        .iter()
        .filter(|payload| flow.decode_packet(&udp(payload).packet(), &mut DecodingResult::new(true)).is_ok())
        .count();
    let mut report = FlowReport::default();
    flow.report(&mut report);
    (taken, report)
}

/// A header is read whole, and of every truncation the error names a field that begins in what is there and needs more.
pub(crate) fn truncations<'h, T: std::fmt::Debug>(
    protocol: &str,
    header: &'h [u8],
    parse: impl Fn(&'h [u8]) -> Result<T, DecodeError>,
) {
    assert!(parse(header).is_ok(), "{:?}", parse(header));
    for length in 0..header.len() {
        let error = parse(&header[..length]).expect_err("it is cut");
        let DecodeError::Incomplete { protocol: by, field, offset, needed, present } = error else {
            panic!("{length} bytes: {error}")
        };
        assert!(by == protocol && !field.is_empty(), "{length} bytes: {error}");
        assert!(offset + present == length && needed > present, "{length} bytes: {error}");
        assert!(offset + needed <= header.len(), "{length} bytes: {error}");
    }
}

/// Holds a parser of the wire against its vector, every truncation of that, the vector with damage, and arbitrary bytes: what
/// it does not take, its error names with field and place within the bytes. Of what is read, `done` is handed on.
pub(crate) fn parser(protocol: &'static str, vector: &[u8], parse: impl for<'a> Fn(&'a [u8]) -> Wire<'a, ()>) {
    truncations(protocol, vector, |bytes| wire::parse(protocol, bytes, &parse));
    let holds = |bytes: &[u8]| match wire::parse(protocol, bytes, &parse) {
        Ok((rest, ())) => assert!(bytes.ends_with(rest), "the rest is what follows"),
        Err(DecodeError::Incomplete { field, offset, needed, present, .. }) => {
            assert!(!field.is_empty() && offset + present == bytes.len() && needed > present);
        }
        Err(DecodeError::Malformed { field, offset, reason, .. }) => {
            assert!(!field.is_empty() && !reason.is_empty() && offset < bytes.len());
        }
        Err(error) => panic!("{error} names no field"),
    };
    proptest!(|(bytes in vec(any::<u8>(), 0..200), damage in vec((any::<usize>(), any::<u8>()), 1..8))| {
        holds(&bytes);
        let mut damaged = vector.to_vec();
        for (at, byte) in damage {
            let at = at % damaged.len();
            damaged[at] = byte;
        }
        holds(&damaged);
        damaged.extend(&bytes);
        holds(&damaged);
    });
}

/// What follows on something read, for [`parser`].
pub(crate) fn done<T>((rest, _): (&[u8], T)) -> (&[u8], ()) {
    (rest, ())
}

/// The bytes of a text of hexadecimal digits, in which spaces and line ends mean nothing.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a digit") as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// The codes of what was found, in the order of the logs.
pub(crate) fn codes(report: &FlowReport) -> Vec<&'static str> {
    report.findings.iter().flat_map(|log| log.iter()).map(|(code, ..)| code).collect()
}

/// The uncompressed captures in a folder of the corpus, in order: `industrial/modtcp_cap.pcap`.
pub(crate) fn captures(corpus: &Path, folder: &str) -> Vec<String> {
    let list = std::fs::read_dir(corpus.join("captures").join(folder)).expect("a folder of captures");
    let mut names: Vec<String> =
        list.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".pcap") || name.ends_with(".pcapng"));
    names.sort();
    names.into_iter().map(|name| format!("{folder}/{name}")).collect()
}

/// The captures without media streams, but for those of the folder `negative` whose name up to the first dot is one of
/// `except`.
pub(crate) fn captures_without_media(corpus: &Path, except: &[&str]) -> Vec<String> {
    let folders = ["negative", "industrial", "flight-test", "ptp", "link"];
    let all = folders.into_iter().flat_map(|folder| captures(corpus, folder));
    let is_excepted = |capture: &str| {
        let name = capture.strip_prefix("negative/").and_then(|name| name.split('.').next());
        name.is_some_and(|name| except.contains(&name))
    };
    let rest: Vec<String> = all.filter(|capture| !is_excepted(capture)).collect();
    assert!(rest.len() > 50, "the corpus has the captures");
    rest
}

/// The expected figures of a capture of the corpus.
pub(crate) fn expected(corpus: &Path, capture: &str) -> serde_json::Value {
    let file = corpus.join("expected").join(format!("{capture}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).expect("an expected file")).expect("JSON")
}

/// A count of that name in a map.
pub(crate) fn number(map: &Value, name: &str) -> u64 {
    let Value::Map(map) = map else { panic!("no map: {map:?}") };
    map.get(name).and_then(Value::as_u64).unwrap_or_else(|| panic!("{name} is {:?}", map.get(name)))
}

/// The payloads of a capture of the corpus, such as `ptp/ptp4l-e2e.pcap`. No reassembly: fragments are left out,
/// TCP segments come as they stand.
pub(crate) fn payloads(corpus: &Path, capture: &str) -> Vec<Captured> {
    let file = File::open(corpus.join("captures").join(capture)).expect("the capture is in the corpus");
    let mut reader = create_reader(1 << 22, file).expect("a capture");
    let (mut out, mut frame, mut nanos_per_unit, mut resolutions) = (Vec::new(), 0, 1000_i128, Vec::new());
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(h) => {
                        nanos_per_unit = if h.is_nanosecond_precision() { 1 } else { 1000 }
                    }
                    PcapBlockOwned::Legacy(b) => {
                        frame += 1;
                        let nanos = i128::from(b.ts_sec) * 1_000_000_000 + i128::from(b.ts_usec) * nanos_per_unit;
                        out.extend(dissect(frame, nanos, b.origlen, b.data));
                    }
                    PcapBlockOwned::NG(Block::InterfaceDescription(i)) => {
                        resolutions.push(i.ts_resolution().unwrap_or(1_000_000))
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(b)) => {
                        frame += 1;
                        let units = i128::from(b.ts_high) << 32 | i128::from(b.ts_low);
                        let rate = resolutions.get(b.if_id as usize).copied().unwrap_or(1_000_000);
                        let data = b.data.get(..b.caplen as usize).unwrap_or(b.data);
                        out.extend(dissect(frame, units * 1_000_000_000 / i128::from(rate), b.origlen, data));
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
            }
            Err(PcapError::Incomplete(_)) => {
                if reader.refill().is_err() {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    out
}

fn dissect(frame: u64, nanos: i128, wire_length: u32, data: &[u8]) -> Option<Captured> {
    let mac = |at: usize| Some(Address::Mac(MacAddress(data.get(at..at + 6)?.try_into().ok()?)));
    let word = |at: usize| Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?));
    let time = i64::try_from(nanos).ok().map(Timestamp::from_nanos);
    let mut flow = FlowKey::default();
    (flow.dst.address, flow.src.address) = (mac(0)?, mac(6)?);
    let (mut at, mut kind) = (14, word(12)?);
    while matches!(kind, 0x8100 | 0x88A8) {
        flow.vlan.push(word(at)?);
        (at, kind) = (at + 4, word(at + 2)?);
    }
    let (protocol, start, end) = match kind {
        0x0800 => {
            let header = usize::from(data.get(at)? & 0x0F) * 4;
            if word(at + 6)? & 0x3FFF != 0 {
                return None;
            }
            let ip = |i: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(data.get(i..i + 4)?).ok()?));
            (flow.src.address, flow.dst.address) = (Address::V4(ip(at + 12)?), Address::V4(ip(at + 16)?));
            (*data.get(at + 9)?, at + header, at + usize::from(word(at + 2)?))
        }
        0x86DD => {
            let ip = |i: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(data.get(i..i + 16)?).ok()?));
            (flow.src.address, flow.dst.address) = (Address::V6(ip(at + 8)?), Address::V6(ip(at + 24)?));
            (*data.get(at + 6)?, at + 40, at + 40 + usize::from(word(at + 4)?))
        }
        _ => {
            let payload = data.get(at..)?.to_vec();
            let ether_type = Some(kind);
            return Some(Captured {
                frame,
                time,
                flow,
                transport: Transport::Ethernet,
                ether_type,
                wire_length,
                tcp_sequence: None,
                payload,
            });
        }
    };
    (flow.src.port, flow.dst.port) = (Some(word(start)?), Some(word(start + 2)?));
    let begin = match protocol {
        17 => start + 8,
        6 => start + usize::from(data.get(start + 12)? >> 4) * 4,
        _ => return None,
    };
    let payload = data.get(begin..end.min(data.len()))?.to_vec();
    let tcp_sequence = if protocol == 6 { word(start + 4).zip(word(start + 6)) } else { None };
    let tcp_sequence = tcp_sequence.map(|(high, low)| u32::from(high) << 16 | u32::from(low));
    (protocol == 17 || !payload.is_empty()).then_some(Captured {
        frame,
        time,
        flow,
        transport: Transport::Ip(protocol),
        ether_type: None,
        wire_length,
        tcp_sequence,
        payload,
    })
}
