//! Rows: the hierarchy laid flat, for everything that shows, sorts, filters, exports or compares it.
//!
//! A [`Row`] holds figures only: it has a fixed size and costs a copy. What it is called stands in its [`RowName`], which
//! changes rarely and travels apart from the figures. A [`Delta`] is what changed between two looks.

mod column;
mod csv;
mod delta;
mod document;
mod figures;
mod findings;
mod id;
mod live;
mod order;
mod sighting;
mod spanning;
mod walk;

pub use self::column::{Amount, COLUMNS, Cell, Column, Field, Gather, Kind, Names, Path, column, json_path};
pub use self::csv::Csv;
pub use self::delta::{CaptureCounts, Delta, Epoch, FindingChange, FindingState, Retired, RetiredCounts, RowTable};
pub use self::document::{Element, RowContext, RowRef};
pub use self::figures::mean_bit_rate;
pub use self::findings::FindingIndex;
pub use self::id::{FindingId, FlowId, Level, RowId};
pub use self::live::LiveFlow;
pub use self::order::SortKey;
pub use self::sighting::{Sighting, SightingLine};
pub use self::spanning::ShownRows;
pub use self::walk::{Rows, rows};

use std::sync::Arc;

use serde::Serialize;

use crate::{FlowKey, Severity, Timestamp, TimingSummary, TrafficType};

/// The figures of a row of any level but findings.
///
/// What is undefined, or unknown at the row's level, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Which row.
    pub id: RowId,
    /// The row above; `None` for flows.
    pub parent: Option<RowId>,
    /// Frames; of packet types PDUs, of streams packets received.
    pub packets: u64,
    /// Bytes on the wire; of streams `None`.
    pub bytes: Option<u64>,
    /// Earliest time of a frame; of levels below the flow `None` where it is not kept.
    pub first_seen: Option<Timestamp>,
    /// Latest time of a frame; of levels below the flow `None` where it is not kept.
    pub last_seen: Option<Timestamp>,
    /// Bits per second: of finished captures over the whole span, live over the last second.
    pub bit_rate: Option<f64>,
    /// Packets per second, likewise.
    pub packet_rate: Option<f64>,
    /// Inter-arrival times.
    pub timing: RowTiming,
    /// What became of the packets; of an encoding the sums of its streams, and its greatest jitter.
    pub health: RowHealth,
    /// How sure the identification is, 0.0 to 1.0; of encodings.
    pub confidence: Option<f64>,
    /// Payloads that broke the protocol's rules (encodings), or PDUs that were cut (packet types).
    pub malformed: u64,
    /// Number of findings at this row, not at those below.
    pub findings: u32,
    /// The gravest of them.
    pub severity: Option<Severity>,
}

impl Row {
    /// Replaces the rates of the last second by those over the whole span, which a document has: of a flow from its first to its
    /// last frame, below over the sum of the intervals. `None` where there is no span.
    pub fn use_span_rates(&mut self) {
        let span_ns = match (self.id.level, self.first_seen, self.last_seen) {
            (Level::Flow, Some(first), Some(last)) => Some(last.since(first) as f64),
            (Level::Flow, ..) => None,
            _ => self.timing.mean_ns.map(|mean| mean * self.timing.count as f64),
        };
        let span = span_ns.map(|ns| ns * 1e-9).filter(|seconds| *seconds > 0.0 && self.packets > 1);
        let (packets, behind_first) = (self.packets as f64, self.packets.saturating_sub(1) as f64);
        self.packet_rate = span.map(|seconds| behind_first / seconds);
        self.bit_rate =
            span.zip(self.bytes).map(|(seconds, bytes)| bytes as f64 * behind_first / packets * 8.0 / seconds);
    }
}

/// The inter-arrival times of a row: durations in nanoseconds, `None` where undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RowTiming {
    /// Number of intervals.
    pub count: u64,
    /// The shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<u64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<f64>,
    /// Standard deviation of the population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_dev_ns: Option<f64>,
    /// RFC 3550 §6.4.1 filter over the differences of consecutive intervals; the media clock has no part in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// The median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// 95 of 100 are not longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99 of 100 are not longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Intervals far from the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outliers: Option<u64>,
    /// How often the time ran backwards.
    #[serde(skip_serializing_if = "crate::is_zero")]
    pub backwards: u64,
}

impl RowTiming {
    /// Takes percentiles and outliers over from other figures of the same row.
    pub fn set_percentiles(&mut self, from: &Self) {
        (self.p50_ns, self.p95_ns, self.p99_ns) = (from.p50_ns, from.p95_ns, from.p99_ns);
        self.outliers = from.outliers;
    }
}

impl From<&TimingSummary> for RowTiming {
    fn from(of: &TimingSummary) -> Self {
        Self::of(of)
    }
}

/// The health of a row; see [`StreamHealth`](crate::StreamHealth) for the meanings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RowHealth {
    /// Packets received, duplicates included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Numbers from the first to the highest, over all restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Numbers that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Packets whose number had come before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Packets that came after one with a higher number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// How often counting began afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// The most numbers in a row that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap: Option<u64>,
    /// RFC 3550 §6.4.1 jitter against the stream's own clock, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_jitter_ns: Option<f64>,
    /// Clock drift in parts per million; of streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
}

/// What a row is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowName {
    /// A flow: endpoints and VLANs, and what its destination is, where that is known.
    Flow(FlowKey, Option<TrafficType>),
    /// A transport, an encoding or a packet type, by the name in the document.
    Named(Arc<str>),
    /// A stream: its identifier as the protocol writes it, and a name for people where one is known.
    Stream(Arc<str>, Option<Arc<str>>),
}
