//! Tests of the decoder and the monitor together: messages made here, and real captures of the corpus.

mod corpus;
mod ground_truth;
mod hostile;
mod monitor;
mod vectors;

use streamlens_model::{Address, MacAddress, Occurrence, Severity, Timestamp, Transport, Value};

use super::PtpDecoder;
use super::monitor::PtpMonitor;
use crate::testing::{Captured, udp};
use crate::{DecodeError, DecodingResult, NetworkMonitor, NetworkReport, ObservedPdu, Peer, StreamDecoder};

/// A version 2 message with a lawful header: type, sequence, source clock, flags, correction, interval, and the body.
pub(super) struct Builder {
    pub(super) kind: u8,
    pub(super) minor_version: u8,
    pub(super) sdo: u8,
    pub(super) domain: u8,
    pub(super) flags: u16,
    pub(super) correction_ns: i64,
    pub(super) clock: u64,
    pub(super) sequence: u16,
    pub(super) log_interval: i8,
    pub(super) body: Vec<u8>,
}

pub(super) const MASTER: u64 = 0x001B_19FF_FE00_0001;
pub(super) const SLAVE: u64 = 0x001B_19FF_FE00_0002;

impl Builder {
    pub(super) fn new(kind: u8, clock: u64, sequence: u16) -> Self {
        let log_interval = if matches!(kind, 0x0 | 0x8 | 0xB | 0x9) { 0 } else { 127 };
        let (body, domain) = (Vec::new(), 0);
        Self { kind, minor_version: 0, sdo: 0, domain, flags: 0, correction_ns: 0, clock, sequence, log_interval, body }
    }

    pub(super) fn time(mut self, nanos: i64) -> Self {
        self.body.extend((nanos / 1_000_000_000).to_be_bytes().iter().skip(2));
        self.body.extend(((nanos % 1_000_000_000) as u32).to_be_bytes());
        self
    }

    pub(super) fn port(mut self, clock: u64) -> Self {
        self.body.extend(clock.to_be_bytes());
        self.body.extend([0, 1]);
        self
    }

    pub(super) fn octets(mut self, octets: &[u8]) -> Self {
        self.body.extend(octets);
        self
    }

    pub(super) fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    pub(super) fn correction(mut self, nanos: i64) -> Self {
        self.correction_ns = nanos;
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = vec![self.sdo << 4 | self.kind, self.minor_version << 4 | 2];
        out.extend((34 + self.body.len() as u16).to_be_bytes());
        out.extend([self.domain, 0]);
        out.extend(self.flags.to_be_bytes());
        out.extend((self.correction_ns << 16).to_be_bytes());
        out.extend([0; 4]);
        out.extend(self.clock.to_be_bytes());
        out.extend([0, 1]);
        out.extend(self.sequence.to_be_bytes());
        out.push(match self.kind {
            0x0 => 0,
            0x1 => 1,
            0x8 => 2,
            0x9 => 3,
            0xD => 4,
            _ => 5,
        });
        out.push(self.log_interval.cast_unsigned());
        out.extend(&self.body);
        out
    }
}

/// A payload on PTP's UDP ports.
pub(super) fn on_udp(payload: &[u8], port: u16) -> Captured {
    let mut packet = udp(payload);
    (packet.flow.src.port, packet.flow.dst.port) = (Some(port), Some(port));
    packet
}

/// A payload under PTP's Ethernet type.
pub(super) fn on_ethernet(payload: &[u8]) -> Captured {
    let mut packet = udp(payload);
    packet.flow.src.address = Address::Mac(MacAddress([0, 0x1B, 0x19, 0, 0, 1]));
    packet.flow.dst.address = Address::Mac(MacAddress([0x01, 0x1B, 0x19, 0, 0, 0]));
    (packet.flow.src.port, packet.flow.dst.port) = (None, None);
    (packet.transport, packet.ether_type) = (Transport::Ethernet, Some(0x88F7));
    packet.wire_length = payload.len() as u32 + 14;
    packet
}

pub(super) fn decode(captured: &Captured, wants_fields: bool) -> Result<(usize, DecodingResult), DecodeError> {
    let mut result = DecodingResult::new(wants_fields);
    let used = PtpDecoder.decode_packet(&captured.packet(), &mut result)?;
    Ok((used, result))
}

/// Feeds messages to a monitor as the engine would.
#[derive(Default)]
pub(super) struct Network {
    monitor: PtpMonitor,
    frame: u64,
}

impl Network {
    /// A decoded message, with its own frame number and time.
    pub(super) fn captured(&mut self, captured: &Captured) -> Option<DecodingResult> {
        let (_, result) = decode(captured, false).ok()?;
        let at = Occurrence { frame: captured.frame, time: captured.time };
        let pdu = ObservedPdu {
            at,
            flow: &captured.flow,
            packet_type: result.packet_type,
            bytes: result.published().unwrap_or_default(),
        };
        self.monitor.observe(&pdu);
        Some(result)
    }

    /// A message that the capture saw at an instant, on UDP multicast.
    pub(super) fn sees(&mut self, nanos: i64, message: &Builder) {
        self.frame += 1;
        let mut captured = on_udp(&message.bytes(), if message.kind < 8 { 319 } else { 320 });
        captured.frame = self.frame;
        captured.time = Some(Timestamp::from_nanos(nanos));
        self.captured(&captured).expect("a lawful message");
    }

    pub(super) fn report(&self, peers: &[Peer<'_>]) -> NetworkReport {
        let mut report = NetworkReport::default();
        self.monitor.report(peers, &mut report);
        report
    }

    /// Codes of all findings at or above a severity, with their counts and sentences.
    pub(super) fn findings(&self, least: Severity) -> Vec<(&'static str, u64, String)> {
        let report = self.report(&[]);
        let all = report.findings.iter().flat_map(|log| log.iter().collect::<Vec<_>>());
        all.filter(|(.., f)| f.severity >= least).map(|(code, _, f)| (code, f.count, f.text.clone())).collect()
    }

    pub(super) fn codes(&self) -> Vec<&'static str> {
        let mut codes: Vec<_> = self.findings(Severity::Warning).into_iter().map(|(code, ..)| code).collect();
        codes.dedup();
        codes
    }

    /// One fact of a domain.
    pub(super) fn fact(&self, domain: &str, path: &[&str]) -> Option<Value> {
        let report = self.report(&[]);
        let mut value = report.facts.get("domains")?;
        for name in [domain].iter().chain(path) {
            let Value::Map(map) = value else { return None };
            value = map.get(name)?;
        }
        Some(value.clone())
    }

    pub(super) fn number(&self, domain: &str, path: &[&str]) -> Option<f64> {
        number(&self.fact(domain, path)?)
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Unsigned(n) => Some(*n as f64),
        Value::Signed(n) => Some(*n as f64),
        Value::Float(n) => Some(*n),
        _ => None,
    }
}

/// A field of a decoded message.
pub(super) fn field(result: &DecodingResult, name: &str) -> Option<Value> {
    result.fields().iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
}
