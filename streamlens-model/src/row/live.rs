//! Live rows in the shape of a document, so that what asks a document's rows can ask them as well.

use std::borrow::Cow;
use std::sync::Arc;

use super::{
    FindingIndex, FlowId, Level, Row, RowContext, RowHealth, RowId, RowName, RowRef, RowTable, RowTiming, Sighting,
};
use crate::timing::Outliers;
use crate::{ApplicationEncoding, Flow, Health, PacketTypeStats, StreamHealth, TimingSummary, TransportProtocol};

/// A flow of a [`RowTable`] in the shape of a document's flow.
///
/// Its rows are read as those of a document, with [`rows`](super::rows) and the context that it gives; rates are those of the
/// live rows: of the last second. What live rows don't carry is absent: addresses of the link layer, DSCP, TTL, candidates,
/// reasons, metadata, measures; and the rows below the depth of the looks.
///
/// ```
/// use streamlens_model::row::{LiveFlow, RowTable};
/// let table = RowTable::default();
/// assert!(LiveFlow::new(&table, Default::default()).is_none(), "the table has no such flow");
/// ```
#[derive(Clone, Debug, Default)]
pub struct LiveFlow {
    flow: Flow,
    /// The live rows by the identifiers that rows of this shape have, in their order.
    rows: Vec<(RowId, Row)>,
    sighting: Option<Arc<Sighting>>,
}

/// The rows of a flow with the rows above them, by which they are ordered.
type Below<'t> = Vec<(RowId, (&'t Row, Option<&'t RowName>))>;

impl LiveFlow {
    /// The row of a flow alone, without those below: for orders by figures of flows, where a table has very many.
    #[must_use]
    pub fn alone(table: &RowTable, id: FlowId) -> Option<Self> {
        let own = RowId::flow(id);
        let (row, name) = table.rows.get(&own)?;
        let Some(RowName::Flow(key, cast)) = name else { return None };
        let flow = Flow {
            id,
            key: *key,
            traffic_type: *cast,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            total_packets: row.packets,
            total_bytes: row.bytes.unwrap_or_default(),
            bit_rate: row.bit_rate,
            timing_stats: TimingSummary::from(&row.timing).into(),
            ..Flow::default()
        };
        let sighting = table.sightings.get(&id).cloned();
        Some(Self { flow, rows: vec![(own, *row)], sighting })
    }

    /// A flow as a table has it; `None` where it has no such flow, or no name of it yet.
    #[must_use]
    pub fn new(table: &RowTable, id: FlowId) -> Option<Self> {
        let mut live = Self::alone(table, id)?;
        let own = RowId::flow(id);
        let all = table.rows.range(own..).take_while(|(row, _)| row.flow == id);
        let mut below: Below<'_> =
            all.filter_map(|(_, (row, name))| Some((row.parent?, (row, name.as_ref())))).collect();
        // of those below one row, each stays where it is
        below.sort_by_key(|(above, _)| *above);
        live.rows.reserve_exact(below.len());
        for (place, (row, name)) in (0..).zip(of(&below, own, Level::Transport)) {
            let transport = live.transport(RowId::transport(id, place), (row, name), &below);
            live.flow.transport_protocols.push(transport);
        }
        // of one encoding they are in order already
        live.rows.sort_by_key(|(id, _)| *id);
        Some(live)
    }

    /// The flow in the shape of a document's.
    #[must_use]
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Which probes saw the flow; `None` where one instance alone looks.
    #[must_use]
    pub fn sighting(&self) -> Option<&Sighting> {
        self.sighting.as_deref()
    }

    /// What its rows are read with: `table` is that which it is of, and `findings` those of the table, where they are wanted.
    #[must_use]
    pub fn context<'a>(&'a self, table: &RowTable, findings: Option<&'a FindingIndex>) -> RowContext<'a> {
        RowContext { now: table.now, findings, live: Some(self) }
    }

    /// The live row that a row of this shape stands for.
    #[must_use]
    pub fn row(&self, row: &RowRef<'_>) -> Option<&Row> {
        let place = self.rows.binary_search_by_key(&row.id(), |(id, _)| *id).ok()?;
        self.rows.get(place).map(|(_, row)| row)
    }

    fn transport(&mut self, id: RowId, (row, name): (&Row, Option<&RowName>), below: &Below<'_>) -> TransportProtocol {
        self.rows.push((id, *row));
        let protocol_name = text(name);
        let ends = (self.flow.key.src.port, self.flow.key.dst.port);
        let mut transport = TransportProtocol {
            protocol_name,
            ports: ends.0.zip(ends.1),
            packet_count: row.packets,
            byte_count: row.bytes.unwrap_or_default(),
            timing_stats: TimingSummary::from(&row.timing).into(),
            ..TransportProtocol::default()
        };
        for (place, found) in (0..).zip(of(below, row.id, Level::Encoding)) {
            let encoding = self.encoding(RowId::encoding(id.flow, id.transport, place), found, below);
            transport.application_encodings.push(encoding);
        }
        transport
    }

    fn encoding(&mut self, id: RowId, (row, name): (&Row, Option<&RowName>), below: &Below<'_>) -> ApplicationEncoding {
        self.rows.push((id, *row));
        let mut streams = Vec::new();
        for (place, (row, name)) in (0..).zip(of(below, row.id, Level::Stream)) {
            self.rows.push((id.below(Level::Stream, place), *row));
            streams.push(stream(row, name));
        }
        let mut next = 0;
        ApplicationEncoding {
            encoding_name: text(name),
            confidence_score: row.confidence.unwrap_or_default(),
            packet_count: row.packets,
            byte_count: row.bytes.unwrap_or_default(),
            timing_stats: TimingSummary::from(&row.timing).into(),
            malformed: row.malformed,
            health: Health { streams, ..Health::default() },
            packet_types: self.types(id, row.id, &mut next, below),
            ..ApplicationEncoding::default()
        }
    }

    /// The packet types below a row, numbered in pre-order.
    fn types(&mut self, encoding: RowId, above: RowId, next: &mut u32, below: &Below<'_>) -> Vec<PacketTypeStats> {
        let mut kinds = Vec::new();
        for (row, name) in of(below, above, Level::PacketType) {
            self.rows.push((encoding.below(Level::PacketType, *next), *row));
            *next = next.saturating_add(1);
            kinds.push(PacketTypeStats {
                type_name: text(name),
                packet_count: row.packets,
                byte_count: row.bytes.unwrap_or_default(),
                incomplete: row.malformed,
                timing_stats: TimingSummary::from(&row.timing).into(),
                packet_types: self.types(encoding, row.id, next, below),
                ..PacketTypeStats::default()
            });
        }
        kinds
    }
}

/// The rows of a level below a row.
fn of<'b, 't>(
    below: &'b Below<'t>,
    above: RowId,
    level: Level,
) -> impl Iterator<Item = (&'t Row, Option<&'t RowName>)> + use<'b, 't> {
    let from = below.partition_point(|(known, _)| *known < above);
    let rows = below.get(from..).unwrap_or_default().iter().take_while(move |(known, _)| *known == above);
    rows.map(|(_, found)| *found).filter(move |(row, _)| row.id.level == level)
}

fn text(name: Option<&RowName>) -> Cow<'static, str> {
    match name {
        Some(RowName::Named(name)) => Cow::Owned(name.to_string()),
        _ => Cow::Borrowed(""),
    }
}

fn stream(row: &Row, name: Option<&RowName>) -> StreamHealth {
    let (id, name) = match name {
        Some(RowName::Stream(id, name)) => (id.to_string(), name.as_deref().map(str::to_owned)),
        _ => (String::new(), None),
    };
    let RowHealth {
        expected,
        lost,
        duplicated,
        reordered,
        restarts,
        longest_gap,
        media_jitter_ns: jitter_ns,
        drift_ppm,
        ..
    } = row.health;
    StreamHealth {
        id,
        name,
        received: row.packets,
        expected,
        lost,
        duplicated,
        reordered,
        restarts,
        longest_gap,
        jitter_ns,
        drift_ppm,
        ..StreamHealth::default()
    }
}

/// Of outliers only the number is known.
impl From<&RowTiming> for TimingSummary {
    fn from(of: &RowTiming) -> Self {
        Self {
            count: of.count,
            min_ns: of.min_ns,
            max_ns: of.max_ns,
            mean_ns: of.mean_ns,
            std_dev_ns: of.std_dev_ns,
            jitter_ns: of.jitter_ns,
            p50_ns: of.p50_ns,
            p95_ns: of.p95_ns,
            p99_ns: of.p99_ns,
            outliers: of.outliers.map(|count| Outliers { count, worst: Vec::new() }),
            backwards: of.backwards,
            span_ns: None,
            first: None,
            histogram: None,
        }
    }
}

impl RowTable {
    /// The findings of the table by where they stand, to read rows with.
    #[must_use]
    pub fn finding_index(&self) -> FindingIndex {
        FindingIndex::new(self.findings.values().map(|(_, finding)| &**finding))
    }
}
