//! CSV (RFC 4180, but for lines that end in a line feed alone): a row for each level of the hierarchy.
//!
//! Numbers are those of the JSON document, unrounded; what is undefined is empty. Control characters in names are
//! written out, so that a row is always a line.

use std::io::{self, Write};

use streamlens::model::{
    Address, Analysis, ApplicationEncoding, Flow, Interval, PacketTypeStats, StreamHealth, TimingSummary,
    TransportProtocol,
};

use super::text;

const HEADER: [&str; COLUMNS] = [
    "level",
    "src_address",
    "src_port",
    "dst_address",
    "dst_port",
    "vlan",
    "traffic_type",
    "transport",
    "encoding",
    "confidence_score",
    "packet_type",
    "interval_start",
    "first_seen",
    "last_seen",
    "packets",
    "bytes",
    "bit_rate",
    "iat_count",
    "iat_min_ns",
    "iat_max_ns",
    "iat_mean_ns",
    "iat_std_dev_ns",
    "iat_jitter_ns",
    "iat_p50_ns",
    "iat_p95_ns",
    "iat_p99_ns",
    "received",
    "expected",
    "lost",
    "duplicated",
    "reordered",
    "restarts",
    "jitter_ns",
];
const COLUMNS: usize = 33;
/// Places of columns. Those before the start of an interval name the row; they stand again in each row below.
const LEVEL: usize = 0;
const TRANSPORT: usize = 7;
const ENCODING: usize = 8;
const CONFIDENCE: usize = 9;
const PACKET_TYPE: usize = 10;
const INTERVAL_START: usize = 11;
const SEEN: usize = 12;
const PACKETS: usize = 14;
const IAT: usize = 17;
const RECEIVED: usize = 26;
const LOST: usize = 28;
const JITTER: usize = 32;

/// The values of a row.
#[derive(Clone)]
struct Row([String; COLUMNS]);

/// Writes a header and the rows of all flows.
pub(crate) fn write(out: &mut impl Write, analysis: &Analysis) -> io::Result<()> {
    writeln!(out, "{}", HEADER.join(","))?;
    analysis.flows.iter().try_for_each(|flow| write_flow(out, flow))
}

fn write_flow(out: &mut impl Write, flow: &Flow) -> io::Result<()> {
    let key = &flow.key;
    let address = |address: Address| match address {
        Address::None => String::new(),
        address => address.to_string(),
    };
    let tags: Vec<_> = key.vlan.as_slice().iter().map(u16::to_string).collect();
    let mut row = Row(std::array::from_fn(|_| String::new()));
    row.set(1, [address(key.src.address), optional(key.src.port), address(key.dst.address), optional(key.dst.port)]);
    row.set(5, [tags.join(" "), format!("{:?}", flow.traffic_type).to_lowercase()]);
    let figures = Figures {
        seen: [optional(flow.first_seen), optional(flow.last_seen)],
        bit_rate: flow.bit_rate,
        ..Figures::new(flow.total_packets, flow.total_bytes, &flow.timing_stats)
    };
    row.write_with("flow", out, &figures, &flow.intervals)?;
    flow.transport_protocols.iter().try_for_each(|transport| write_transport(out, &mut row, transport))
}

fn write_transport(out: &mut impl Write, row: &mut Row, transport: &TransportProtocol) -> io::Result<()> {
    row.set(TRANSPORT, [transport.protocol_name.to_string(), String::new(), String::new(), String::new()]);
    let figures = Figures::new(transport.packet_count, transport.byte_count, &transport.timing_stats);
    row.write_with("transport", out, &figures, &transport.intervals)?;
    transport.application_encodings.iter().try_for_each(|encoding| write_encoding(out, row, encoding))
}

fn write_encoding(out: &mut impl Write, row: &mut Row, encoding: &ApplicationEncoding) -> io::Result<()> {
    row.set(ENCODING, [encoding.encoding_name.to_string(), encoding.confidence_score.to_string(), String::new()]);
    let mut figures = Figures::new(encoding.packet_count, encoding.byte_count, &encoding.timing_stats);
    figures.health = health(&encoding.health.streams);
    row.write_with("encoding", out, &figures, &encoding.intervals)?;
    encoding.packet_types.iter().try_for_each(|kind| write_type(out, row, kind, ""))
}

/// A type that lies in another bears that one's name in front of its own.
fn write_type(out: &mut impl Write, row: &mut Row, kind: &PacketTypeStats, within: &str) -> io::Result<()> {
    let name = format!("{within}{}", kind.type_name);
    row.set(PACKET_TYPE, [name.clone()]);
    row.set(CONFIDENCE, [String::new()]);
    let figures = Figures::new(kind.packet_count, kind.byte_count, &kind.timing_stats);
    row.write_with("type", out, &figures, &kind.intervals)?;
    let within = format!("{name} > ");
    kind.packet_types.iter().try_for_each(|inside| write_type(out, row, inside, &within))
}

/// Sums over the streams of an encoding, and the largest jitter of any.
fn health(streams: &[StreamHealth]) -> [String; 7] {
    let sum = |figure: fn(&StreamHealth) -> Option<u64>| {
        optional(streams.iter().filter_map(figure).reduce(|one, other| one.saturating_add(other)))
    };
    [
        sum(|stream| Some(stream.received)),
        sum(|stream| stream.expected),
        sum(|stream| stream.lost),
        sum(|stream| stream.duplicated),
        sum(|stream| stream.reordered),
        sum(|stream| stream.restarts),
        optional(streams.iter().filter_map(|stream| stream.jitter_ns).max_by(f64::total_cmp)),
    ]
}

/// What a row says beside its names.
struct Figures<'a> {
    seen: [String; 2],
    packets: u64,
    bytes: u64,
    bit_rate: Option<f64>,
    timing: &'a TimingSummary,
    health: [String; 7],
}

impl<'a> Figures<'a> {
    fn new(packets: u64, bytes: u64, timing: &'a TimingSummary) -> Self {
        Self { seen: Default::default(), packets, bytes, bit_rate: None, timing, health: Default::default() }
    }
}

impl Row {
    fn set<const N: usize>(&mut self, from: usize, values: [String; N]) {
        self.0.iter_mut().skip(from).zip(values).for_each(|(cell, value)| *cell = value);
    }

    /// Writes the row, and one for each of its intervals.
    fn write_with(
        &mut self,
        level: &str,
        out: &mut impl Write,
        figures: &Figures<'_>,
        intervals: &[Interval],
    ) -> io::Result<()> {
        let timing = figures.timing;
        self.set(LEVEL, [level.to_owned()]);
        self.set(SEEN, figures.seen.clone());
        self.set(PACKETS, [figures.packets.to_string(), figures.bytes.to_string(), optional(figures.bit_rate)]);
        self.set(IAT, [timing.count.to_string(), optional(timing.min_ns), optional(timing.max_ns)]);
        self.set(IAT + 3, [optional(timing.mean_ns), optional(timing.std_dev_ns), optional(timing.jitter_ns)]);
        self.set(IAT + 6, [optional(timing.p50_ns), optional(timing.p95_ns), optional(timing.p99_ns)]);
        self.set(RECEIVED, figures.health.clone());
        self.write(out)?;
        for interval in intervals {
            self.clear_figures();
            self.set(LEVEL, [format!("{level}_interval")]);
            self.set(INTERVAL_START, [interval.start.to_string()]);
            self.set(PACKETS, [interval.packets.to_string(), interval.bytes.to_string()]);
            self.set(LOST, [optional(interval.lost)]);
            self.set(JITTER, [optional(interval.jitter_ns)]);
            self.write(out)?;
        }
        self.clear_figures();
        Ok(())
    }

    fn clear_figures(&mut self) {
        self.0.iter_mut().skip(INTERVAL_START).for_each(String::clear);
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (index, cell) in self.0.iter().enumerate() {
            let cell = text::escaped(cell);
            let comma = if index == 0 { "" } else { "," };
            if cell.contains([',', '"']) {
                write!(out, "{comma}\"{}\"", cell.replace('"', "\"\""))?;
            } else {
                write!(out, "{comma}{cell}")?;
            }
        }
        out.write_all(b"\n")
    }
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
