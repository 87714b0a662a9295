//! The figures of a row of a result.

use super::{Element, Level, Row, RowHealth, RowRef, RowTiming};
use crate::{Health, Interval, Occurrence, StreamHealth, StreamInterval, Timestamp, TimingSummary};

/// Bits per second over the time between the first and the last frame of a flow; `None` below two frames with different times.
/// The last frame's own bits come after that time, and are left out.
#[must_use]
pub fn mean_bit_rate(first: Option<Timestamp>, last: Option<Timestamp>, packets: u64, bytes: u64) -> Option<f64> {
    let span = last?.since(first?);
    (packets > 1 && span > 0).then(|| bytes as f64 * (packets - 1) as f64 / packets as f64 * 8.0 / (span as f64 * 1e-9))
}

impl Health {
    /// The sums over all streams, and their greatest gap and jitter; see [`RowHealth::sum`]. What no stream has is `None`; drift
    /// is no figure of several streams. Holes in the byte stream below count as lost.
    #[must_use]
    pub fn sums(&self) -> RowHealth {
        // most encodings have no streams, or one
        if let ([], 0) = (&*self.streams, self.stream_gaps) {
            return RowHealth::default();
        }
        let mut sums = RowHealth::sum(self.streams.iter().map(|stream| (stream.is_carrier, RowHealth::of(stream))));
        if self.stream_gaps > 0 {
            sums.lost = Some(sums.lost.unwrap_or(0).saturating_add(self.stream_gaps));
        }
        sums.media_jitter_ns = self.streams.iter().filter_map(|stream| stream.jitter_ns).max_by(f64::total_cmp);
        sums
    }
}

impl RowHealth {
    /// The counts of all streams together, and their greatest gap. Where the packets of some are carried in those of others (of
    /// which `true` is said), the figures are those of the carried or of the carriers, whichever miss more: never of both,
    /// for what is lost of the one is lost of the other.
    #[must_use]
    pub fn sum(streams: impl Iterator<Item = (bool, Self)>) -> Self {
        let [mut carried, mut carriers] = [Self::default(); 2];
        streams.for_each(|(is_carrier, of)| if is_carrier { &mut carriers } else { &mut carried }.add_counts(&of));
        match (carriers.received, carried.received) {
            (None, _) => carried,
            (Some(_), Some(_)) if carried.lost > carriers.lost => carried,
            _ => carriers,
        }
    }

    /// Adds the counts of a stream to those of others, and keeps the greater gap; what neither has stays `None`.
    pub fn add_counts(&mut self, stream: &Self) {
        let add = |sum: &mut Option<u64>, count: Option<u64>| {
            if let Some(count) = count {
                *sum = Some(sum.unwrap_or(0).saturating_add(count));
            }
        };
        add(&mut self.received, stream.received);
        add(&mut self.expected, stream.expected);
        add(&mut self.lost, stream.lost);
        add(&mut self.duplicated, stream.duplicated);
        add(&mut self.reordered, stream.reordered);
        add(&mut self.restarts, stream.restarts);
        self.longest_gap = self.longest_gap.max(stream.longest_gap);
    }

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

    /// Its first packet; at the levels above streams the first that has a time. `None` where that is not known, as of results that
    /// were read back.
    #[must_use]
    pub fn first_packet(&self) -> Option<Occurrence> {
        match self.element() {
            Element::Stream(stream) => stream.first,
            _ => self.timing()?.first,
        }
    }

    /// Counts per interval of time, where asked for; those of streams are [others](Self::stream_intervals).
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

    /// What came of a stream per interval of time, where asked for; nothing for rows of other levels.
    #[must_use]
    pub fn stream_intervals(&self) -> &'a [StreamInterval] {
        match self.element() {
            Element::Stream(stream) => &stream.intervals,
            _ => &[],
        }
    }

    /// Bits per second over the time from the earliest to the latest packet at this level, the bits of the last one left out
    /// (bytes x 8 x (n - 1) / n): [`mean_bit_rate`]. `None` where there is no such time. Live it is of the last second.
    #[must_use]
    pub fn bit_rate(&self) -> Option<f64> {
        if let Some(live) = self.context.live {
            return live.row(self)?.bit_rate;
        }
        if let Element::Flow(flow) = self.element() {
            return flow.bit_rate;
        }
        let (packets, bytes) = (self.packets() as f64, self.bytes()? as f64);
        let seconds = self.timing()?.span_seconds()?;
        (packets > 1.0).then(|| bytes * 8.0 * (packets - 1.0) / packets / seconds)
    }

    /// Packets per second over the same time: the packets behind the first. Live it is of the last second.
    #[must_use]
    pub fn packet_rate(&self) -> Option<f64> {
        if let Some(live) = self.context.live {
            return live.row(self)?.packet_rate;
        }
        let seconds = |first: Option<Timestamp>, last: Option<Timestamp>| {
            Some(last?.since(first?) as f64 * 1e-9).filter(|seconds| *seconds > 0.0)
        };
        let seconds = match self.element() {
            Element::Stream(stream) => seconds(stream.first.and_then(|first| first.time), stream.latest),
            Element::Flow(flow) => seconds(flow.first_seen, flow.last_seen),
            _ => self.timing()?.span_seconds(),
        }?;
        let packets = self.packets();
        (packets > 1).then(|| (packets - 1) as f64 / seconds)
    }

    /// What became of the packets: of a stream its own, of an encoding and the packet types in it the sums over the streams.
    /// All of it is `None` above. Takes time with the number of streams.
    #[must_use]
    pub fn health(&self) -> RowHealth {
        match (self.stream, self.encoding, self.context.live) {
            (Some(stream), ..) => RowHealth::of(stream),
            // looks that don't go down to streams have the sums all the same
            (_, Some(_), Some(live)) => {
                self.at(Level::Encoding).and_then(|row| live.row(&row)).map(|row| row.health).unwrap_or_default()
            }
            (_, Some(encoding), None) => encoding.health.sums(),
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
