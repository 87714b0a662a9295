//! The rows of a result: its hierarchy laid flat, borrowed.

use std::iter::Enumerate;
use std::slice;

use super::{FindingIndex, Level, Row, RowHealth, RowId, RowTiming};
use crate::{
    Analysis, ApplicationEncoding, Flow, Health, Interval, PacketTypeStats, Severity, StreamHealth, Timestamp,
    TimingSummary, TransportProtocol,
};

/// What rows are read with, beside the flows.
#[derive(Clone, Copy, Debug, Default)]
pub struct RowContext<'a> {
    /// Capture time from which age and idle time are measured; `None` where there is none.
    pub now: Option<Timestamp>,
    /// The findings by where they stand; without them no row has any.
    pub findings: Option<&'a FindingIndex>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug)]
pub enum Element<'a> {
    /// One direction between two endpoints.
    Flow(&'a Flow),
    /// A transport of a flow.
    Transport(&'a TransportProtocol),
    /// An encoding of a transport.
    Encoding(&'a ApplicationEncoding),
    /// A stream of an encoding.
    Stream(&'a StreamHealth),
    /// A packet type of an encoding, or one that lies in another.
    PacketType(&'a PacketTypeStats),
}

/// A row of a result: an element with those above it. Borrowed; costs a copy.
///
/// ```
/// use streamlens_model::row::{Level, RowContext, rows};
/// use streamlens_model::{Flow, TransportProtocol};
/// let flow = Flow { transport_protocols: vec![TransportProtocol::default()], ..Flow::default() };
/// let levels: Vec<_> = rows(&flow, RowContext::default()).map(|row| row.level()).collect();
/// assert_eq!(levels, [Level::Flow, Level::Transport]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RowRef<'a> {
    id: RowId,
    /// The packet type around this one.
    outer: Option<u32>,
    context: RowContext<'a>,
    flow: &'a Flow,
    transport: Option<&'a TransportProtocol>,
    encoding: Option<&'a ApplicationEncoding>,
    stream: Option<&'a StreamHealth>,
    packet_type: Option<&'a PacketTypeStats>,
    /// Sums over the streams of the encoding, made once for all rows below.
    health: RowHealth,
}

/// The rows of a flow: the flow, and of each transport itself and its encodings, of each encoding itself, its streams, and its
/// packet types, each with those that lie in it.
#[must_use]
pub fn rows<'a>(flow: &'a Flow, context: RowContext<'a>) -> Rows<'a> {
    let row = RowRef::of_flow(flow, context);
    Rows {
        row,
        has_begun: false,
        transports: flow.transport_protocols.iter(),
        encodings: [].iter(),
        streams: [].iter().enumerate(),
        types: Types::default(),
    }
}

impl Analysis {
    /// The rows of all flows, in their order. Findings are as the context has them.
    pub fn rows<'a>(&'a self, context: RowContext<'a>) -> impl Iterator<Item = RowRef<'a>> {
        self.flows.iter().flat_map(move |flow| rows(flow, context))
    }
}

/// Iterates over the rows of a flow; see [`rows`]. Allocates only where packet types lie in packet types.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// The last transport or encoding, from which the next rows are made.
    row: RowRef<'a>,
    has_begun: bool,
    transports: slice::Iter<'a, TransportProtocol>,
    encodings: slice::Iter<'a, ApplicationEncoding>,
    streams: Enumerate<slice::Iter<'a, StreamHealth>>,
    types: Types<'a>,
}

/// Packet types in pre-order.
#[derive(Clone, Debug, Default)]
struct Types<'a> {
    current: slice::Iter<'a, PacketTypeStats>,
    /// The number of the type that `current` lies in.
    outer: Option<u32>,
    /// What comes behind `current`, with the numbers of the types that it lies in.
    around: Vec<(slice::Iter<'a, PacketTypeStats>, Option<u32>)>,
    next: u32,
}

impl<'a> Types<'a> {
    fn next(&mut self) -> Option<(&'a PacketTypeStats, u32, Option<u32>)> {
        loop {
            let Some(kind) = self.current.next() else {
                (self.current, self.outer) = self.around.pop()?;
                continue;
            };
            let (number, outer) = (self.next, self.outer);
            self.next += 1;
            if !kind.packet_types.is_empty() {
                let rest = std::mem::replace(&mut self.current, kind.packet_types.iter());
                self.around.push((rest, outer));
                self.outer = Some(number);
            }
            return Some((kind, number, outer));
        }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = RowRef<'a>;

    fn next(&mut self) -> Option<RowRef<'a>> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(self.row);
        }
        let row = self.row;
        if let Some((place, stream)) = self.streams.next() {
            return Some(RowRef { id: row.id.below(Level::Stream, number(place)), stream: Some(stream), ..row });
        }
        if let Some((kind, place, outer)) = self.types.next() {
            return Some(RowRef { id: row.id.below(Level::PacketType, place), outer, packet_type: Some(kind), ..row });
        }
        self.next_encoding().or_else(|| self.next_transport())
    }
}

impl<'a> Rows<'a> {
    fn next_encoding(&mut self) -> Option<RowRef<'a>> {
        let encoding = self.encodings.next()?;
        let RowId { flow, transport, encoding: place, .. } = self.row.id;
        let place = if self.row.encoding.is_some() { place.saturating_add(1) } else { 0 };
        self.row.id = RowId::encoding(flow, transport, place);
        (self.row.encoding, self.row.health) = (Some(encoding), encoding.health.sums());
        self.streams = encoding.health.streams.iter().enumerate();
        self.types = Types { current: encoding.packet_types.iter(), ..Types::default() };
        Some(self.row)
    }

    fn next_transport(&mut self) -> Option<RowRef<'a>> {
        let transport = self.transports.next()?;
        let RowId { flow, transport: place, .. } = self.row.id;
        let place = if self.row.transport.is_some() { place.saturating_add(1) } else { 0 };
        self.row.id = RowId::transport(flow, place);
        (self.row.transport, self.row.encoding) = (Some(transport), None);
        self.encodings = transport.application_encodings.iter();
        Some(self.row)
    }
}

/// A place in a list as part of an identifier.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Health {
    /// The sums over all streams, and their greatest gap and jitter. What no stream has is `None`; drift is no figure of several
    /// streams.
    #[must_use]
    pub fn sums(&self) -> RowHealth {
        let mut sums = RowHealth::default();
        for stream in &self.streams {
            let of = RowHealth::of(stream);
            let add = |sum: &mut Option<u64>, count: Option<u64>| {
                if let Some(count) = count {
                    *sum = Some(sum.unwrap_or(0).saturating_add(count));
                }
            };
            add(&mut sums.received, of.received);
            add(&mut sums.expected, of.expected);
            add(&mut sums.lost, of.lost);
            add(&mut sums.duplicated, of.duplicated);
            add(&mut sums.reordered, of.reordered);
            add(&mut sums.restarts, of.restarts);
            sums.longest_gap = sums.longest_gap.max(of.longest_gap);
            sums.media_jitter_ns = match (sums.media_jitter_ns, of.media_jitter_ns) {
                (Some(one), Some(other)) => Some(if other.total_cmp(&one).is_gt() { other } else { one }),
                (one, other) => one.or(other),
            };
        }
        sums
    }
}

impl RowHealth {
    /// The health of a stream.
    #[must_use]
    pub fn of(stream: &StreamHealth) -> Self {
        Self {
            received: Some(stream.received),
            expected: stream.expected,
            lost: stream.lost,
            duplicated: stream.duplicated,
            reordered: stream.reordered,
            restarts: stream.restarts,
            longest_gap: stream.longest_gap,
            media_jitter_ns: stream.jitter_ns,
            drift_ppm: stream.drift_ppm,
        }
    }

    /// The share of the expected packets that never came, 0.0 to 1.0; `None` where nothing was expected.
    #[must_use]
    pub fn loss(&self) -> Option<f64> {
        let (lost, expected) = (self.lost?, self.expected.filter(|expected| *expected > 0)?);
        Some(lost as f64 / expected as f64)
    }
}

impl RowTiming {
    /// The figures of a summary.
    #[must_use]
    pub fn of(timing: &TimingSummary) -> Self {
        Self {
            count: timing.count,
            min_ns: timing.min_ns,
            max_ns: timing.max_ns,
            mean_ns: timing.mean_ns,
            std_dev_ns: timing.std_dev_ns,
            jitter_ns: timing.jitter_ns,
            p50_ns: timing.p50_ns,
            p95_ns: timing.p95_ns,
            p99_ns: timing.p99_ns,
            outliers: timing.outliers.as_ref().map(|outliers| outliers.count),
            backwards: timing.backwards,
        }
    }
}

impl<'a> RowRef<'a> {
    /// The row of a flow.
    #[must_use]
    pub fn of_flow(flow: &'a Flow, context: RowContext<'a>) -> Self {
        Self {
            id: RowId::flow(flow.id),
            outer: None,
            context,
            flow,
            transport: None,
            encoding: None,
            stream: None,
            packet_type: None,
            health: RowHealth::default(),
        }
    }

    /// Which row it is.
    #[must_use]
    pub fn id(&self) -> RowId {
        self.id
    }

    /// Its level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.id.level
    }

    /// The row above; `None` for flows.
    #[must_use]
    pub fn parent(&self) -> Option<RowId> {
        let RowId { flow, transport, encoding, level, .. } = self.id;
        let own_encoding = RowId::encoding(flow, transport, encoding);
        match level {
            Level::Flow => None,
            Level::Transport => Some(RowId::flow(flow)),
            Level::Encoding => Some(RowId::transport(flow, transport)),
            Level::Stream => Some(own_encoding),
            Level::PacketType => Some(self.outer.map_or(own_encoding, |outer| own_encoding.below(level, outer))),
        }
    }

    /// What it is read with.
    #[must_use]
    pub fn context(&self) -> RowContext<'a> {
        self.context
    }

    /// What it stands for.
    #[must_use]
    pub fn element(&self) -> Element<'a> {
        match (self.packet_type, self.stream, self.encoding, self.transport) {
            (Some(packet_type), ..) => Element::PacketType(packet_type),
            (_, Some(stream), ..) => Element::Stream(stream),
            (_, _, Some(encoding), _) => Element::Encoding(encoding),
            (_, _, _, Some(transport)) => Element::Transport(transport),
            _ => Element::Flow(self.flow),
        }
    }

    /// The flow that it is, or belongs to.
    #[must_use]
    pub fn flow(&self) -> &'a Flow {
        self.flow
    }

    /// The transport that it is, or belongs to.
    #[must_use]
    pub fn transport(&self) -> Option<&'a TransportProtocol> {
        self.transport
    }

    /// The encoding that it is, or belongs to.
    #[must_use]
    pub fn encoding(&self) -> Option<&'a ApplicationEncoding> {
        self.encoding
    }

    /// The stream that it is.
    #[must_use]
    pub fn stream(&self) -> Option<&'a StreamHealth> {
        self.stream
    }

    /// The packet type that it is.
    #[must_use]
    pub fn packet_type(&self) -> Option<&'a PacketTypeStats> {
        self.packet_type
    }

    /// The row itself, or the one of that level above it; `None` where neither is.
    #[must_use]
    pub fn at(&self, level: Level) -> Option<Self> {
        let RowId { flow, transport, encoding, .. } = self.id;
        let above = Self { stream: None, packet_type: None, outer: None, ..*self };
        match level {
            _ if level == self.level() => Some(*self),
            Level::Flow => Some(Self::of_flow(self.flow, self.context)),
            Level::Transport => {
                self.transport.map(|_| Self { id: RowId::transport(flow, transport), encoding: None, ..above })
            }
            Level::Encoding => self.encoding.map(|_| Self { id: RowId::encoding(flow, transport, encoding), ..above }),
            Level::Stream | Level::PacketType => None,
        }
    }

    /// Whether rows of that level lie below it.
    #[must_use]
    pub fn has_below(&self, level: Level) -> bool {
        if level <= self.level() && self.level() != Level::Stream {
            return level == Level::PacketType && self.packet_type.is_some_and(|kind| !kind.packet_types.is_empty());
        }
        let in_encoding = |encoding: &ApplicationEncoding| match level {
            Level::Stream => !encoding.health.streams.is_empty(),
            _ => !encoding.packet_types.is_empty(),
        };
        let in_transport = |transport: &TransportProtocol| match level {
            Level::Encoding => !transport.application_encodings.is_empty(),
            _ => transport.application_encodings.iter().any(in_encoding),
        };
        match self.element() {
            Element::Flow(flow) if level == Level::Transport => !flow.transport_protocols.is_empty(),
            Element::Flow(flow) => flow.transport_protocols.iter().any(in_transport),
            Element::Transport(transport) => in_transport(transport),
            Element::Encoding(encoding) => in_encoding(encoding),
            Element::Stream(_) | Element::PacketType(_) => false,
        }
    }

    /// Frames; of packet types PDUs, of streams packets received.
    #[must_use]
    pub fn packets(&self) -> u64 {
        match self.element() {
            Element::Flow(flow) => flow.total_packets,
            Element::Transport(transport) => transport.packet_count,
            Element::Encoding(encoding) => encoding.packet_count,
            Element::Stream(stream) => stream.received,
            Element::PacketType(kind) => kind.packet_count,
        }
    }

    /// Bytes on the wire; `None` for streams.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        Some(match self.element() {
            Element::Flow(flow) => flow.total_bytes,
            Element::Transport(transport) => transport.byte_count,
            Element::Encoding(encoding) => encoding.byte_count,
            Element::Stream(_) => return None,
            Element::PacketType(kind) => kind.byte_count,
        })
    }

    /// Inter-arrival times; `None` for streams, whose are not kept.
    #[must_use]
    pub fn timing(&self) -> Option<&'a TimingSummary> {
        Some(match self.element() {
            Element::Flow(flow) => &flow.timing_stats,
            Element::Transport(transport) => &transport.timing_stats,
            Element::Encoding(encoding) => &encoding.timing_stats,
            Element::Stream(_) => return None,
            Element::PacketType(kind) => &kind.timing_stats,
        })
    }

    /// Counts per interval of time, where asked for; none for streams.
    #[must_use]
    pub fn intervals(&self) -> &'a [Interval] {
        match self.element() {
            Element::Flow(flow) => &flow.intervals,
            Element::Transport(transport) => &transport.intervals,
            Element::Encoding(encoding) => &encoding.intervals,
            Element::Stream(_) => &[],
            Element::PacketType(kind) => &kind.intervals,
        }
    }

    /// Bits per second over the whole span: of a flow those of the document; below, bytes x 8 x (n - 1) / n over the sum of the
    /// n - 1 intervals. `None` where there is no span.
    #[must_use]
    pub fn bit_rate(&self) -> Option<f64> {
        if let Element::Flow(flow) = self.element() {
            return flow.bit_rate;
        }
        let (packets, bytes) = (self.packets() as f64, self.bytes()? as f64);
        let seconds = self.interval_seconds()?;
        (packets > 1.0).then(|| bytes * 8.0 * (packets - 1.0) / packets / seconds)
    }

    /// Packets per second over the same span: the packets behind the first.
    #[must_use]
    pub fn packet_rate(&self) -> Option<f64> {
        let seconds = match self.element() {
            Element::Flow(flow) => {
                let span = flow.last_seen?.since(flow.first_seen?);
                Some(span as f64 * 1e-9).filter(|seconds| *seconds > 0.0)
            }
            _ => self.interval_seconds(),
        }?;
        let packets = self.packets();
        (packets > 1).then(|| (packets - 1) as f64 / seconds)
    }

    /// The sum of its intervals.
    fn interval_seconds(&self) -> Option<f64> {
        let timing = self.timing()?;
        let seconds = timing.mean_ns? * timing.count as f64 * 1e-9;
        (seconds > 0.0).then_some(seconds)
    }

    /// What became of the packets: of a stream its own, of an encoding and the packet types in it the sums over the streams.
    /// All of it is `None` above.
    #[must_use]
    pub fn health(&self) -> RowHealth {
        match (self.stream, self.encoding) {
            (Some(stream), _) => RowHealth::of(stream),
            (_, Some(_)) => self.health,
            _ => RowHealth::default(),
        }
    }

    /// Payloads that broke the protocol's rules (encodings), or PDUs that were cut (packet types); 0 of others.
    #[must_use]
    pub fn malformed(&self) -> u64 {
        match self.element() {
            Element::Encoding(encoding) => encoding.malformed,
            Element::PacketType(kind) => kind.incomplete,
            _ => 0,
        }
    }

    /// Codes and severities of the findings at this row; see [`FindingIndex::at`].
    pub fn findings(&self) -> impl Iterator<Item = (&'a str, Severity)> + use<'a> {
        let row = *self;
        self.context.findings.into_iter().flat_map(move |index| index.at(&row))
    }

    /// The names of the packet types from the outermost to this one; none where it is of another level. Takes time with the
    /// number of packet types only where this one lies in another.
    #[must_use]
    pub fn type_path(&self) -> Vec<&'a str> {
        let Some(own) = self.packet_type else { return Vec::new() };
        if self.outer.is_none() {
            return vec![&own.type_name];
        }
        fn find<'a>(kinds: &'a [PacketTypeStats], own: &PacketTypeStats, path: &mut Vec<&'a str>) -> bool {
            kinds.iter().any(|kind| {
                path.push(&kind.type_name);
                let is_found = std::ptr::eq(kind, own) || find(&kind.packet_types, own, path);
                if !is_found {
                    path.pop();
                }
                is_found
            })
        }
        let mut path = Vec::new();
        let kinds = self.encoding.map_or(&[][..], |encoding| &encoding.packet_types);
        find(kinds, own, &mut path);
        path
    }

    /// Its figures as a row of fixed size.
    #[must_use]
    pub fn figures(&self) -> Row {
        let (findings, severity) = self.findings().fold((0_u32, None), |(count, gravest), (_, severity)| {
            (count.saturating_add(1), gravest.max(Some(severity)))
        });
        let flow = (self.level() == Level::Flow).then_some(self.flow);
        let has_health = matches!(self.level(), Level::Encoding | Level::Stream);
        Row {
            id: self.id,
            parent: self.parent(),
            packets: self.packets(),
            bytes: self.bytes(),
            first_seen: flow.and_then(|flow| flow.first_seen),
            last_seen: flow.and_then(|flow| flow.last_seen),
            bit_rate: self.bit_rate(),
            packet_rate: self.packet_rate(),
            timing: self.timing().map(RowTiming::of).unwrap_or_default(),
            health: if has_health { self.health() } else { RowHealth::default() },
            confidence: match self.element() {
                Element::Encoding(encoding) => Some(encoding.confidence_score),
                _ => None,
            },
            malformed: self.malformed(),
            findings,
            severity,
        }
    }
}
