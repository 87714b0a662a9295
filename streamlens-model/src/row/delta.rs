//! What changed between two looks, and what a reader makes of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FindingId, FlowId, Level, Row, RowId, RowName, Sighting};
use crate::{Finding, Timestamp};

/// Number of a look; what lies between two looks is an epoch. The first look has number 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// What changed since a look. Immutable; shared by all readers that ask for the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// The look that this follows on; `None` where it holds the whole state.
    pub since: Option<Epoch>,
    /// This look.
    pub epoch: Epoch,
    /// How often the source has started over; each time the rows are those of another start, and the first look holds all of
    /// them.
    pub round: u64,
    /// Capture time of this look; `None` before the first frame with a time.
    pub now: Option<Timestamp>,
    /// Rows that appeared or changed, flows in the order of their identifiers, each row behind the one above it.
    pub rows: Vec<Row>,
    /// What rows are called that appeared or got another name.
    pub names: Vec<(RowId, RowName)>,
    /// Rows that ended, with their last figures. With a flow's row all rows below end; other rows end alone, where an
    /// identification was given up or packet types turned out to be one.
    pub gone: Vec<Row>,
    /// Findings that are new, grew or were resolved.
    pub findings: Vec<FindingChange>,
    /// Counts of the capture so far.
    pub capture: CaptureCounts,
    /// Who saw flows, where that is new or has changed; none where one instance alone looks.
    pub sightings: Vec<(FlowId, Arc<Sighting>)>,
    /// The names of the probes that findings are of, likewise.
    pub finding_probes: Vec<(FindingId, Arc<[Arc<str>]>)>,
}

/// Counts of the whole capture. Frames in flows, in ended flows, waiting and in no flow add up to `packets`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Frames read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Flows that are kept.
    pub flows: u64,
    /// Frames of those.
    pub packets_in_flows: u64,
    /// Frames in no flow.
    pub packets_not_in_flows: u64,
    /// Fragments that wait for the first one of their datagram.
    pub waiting: u64,
    /// Flows that ended.
    pub retired: Retired,
}

/// Totals of flows that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Retired {
    /// Number of flows.
    pub flows: u64,
    /// Number of frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Frames and bytes by transport.
    pub transports: BTreeMap<String, RetiredCounts>,
    /// Frames and bytes by encoding.
    pub encodings: BTreeMap<String, RetiredCounts>,
}

/// Counts of ended flows under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RetiredCounts {
    /// Number of frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingState {
    /// It was not there at the look before.
    New,
    /// It happened again.
    Grown,
    /// It is no longer so, or its flow ended.
    Resolved,
}

/// A finding that is new, grew or was resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingChange {
    /// Which finding.
    pub id: FindingId,
    /// What became of it.
    pub state: FindingState,
    /// The row that it stands at; `None` for those of a network or the capture.
    pub row: Option<RowId>,
    /// The finding as it stands now.
    pub finding: Arc<Finding>,
}

/// What a reader knows: the state that the deltas it applied add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowTable {
    /// The last look applied.
    pub epoch: Epoch,
    /// How often the source had started over by then.
    pub round: u64,
    /// Capture time of that look.
    pub now: Option<Timestamp>,
    /// All rows.
    pub rows: BTreeMap<RowId, (Row, Option<RowName>)>,
    /// All findings that are not resolved, with the rows that they stand at.
    pub findings: BTreeMap<FindingId, (Option<RowId>, Arc<Finding>)>,
    /// Counts of the capture.
    pub capture: CaptureCounts,
    /// Who saw flows, where rows of several probes are shown.
    pub sightings: BTreeMap<FlowId, Arc<Sighting>>,
    /// The names of the probes that findings are of, likewise.
    pub finding_probes: BTreeMap<FindingId, Arc<[Arc<str>]>>,
}

impl RowTable {
    /// Applies a delta; false, and no change, where it does not follow on the last one.
    pub fn apply(&mut self, delta: &Delta) -> bool {
        self.apply_with(delta, |table| table.set_rows(&delta.rows))
    }

    /// As [`apply`](Self::apply), but takes rows in as `set` does: for readers that take in most of them later
    /// ([`set_rows`](Self::set_rows)). Rows that get a name have to be there behind it.
    pub fn apply_with(&mut self, delta: &Delta, set: impl FnOnce(&mut Self)) -> bool {
        match delta.since {
            None => *self = Self::default(),
            Some(since) if since == self.epoch => {}
            Some(_) => return false,
        }
        (self.epoch, self.round, self.now) = (delta.epoch, delta.round, delta.now);
        self.capture.clone_from(&delta.capture);
        for gone in &delta.gone {
            self.rows.remove(&gone.id);
            if gone.id.level != Level::Flow {
                continue;
            }
            let flow = gone.id.flow;
            self.sightings.remove(&flow);
            let below: Vec<RowId> =
                self.rows.range(RowId::flow(flow)..).map(|(id, _)| *id).take_while(|id| id.flow == flow).collect();
            below.iter().for_each(|id| {
                self.rows.remove(id);
            });
        }
        set(self);
        for (id, name) in &delta.names {
            if let Some((_, known)) = self.rows.get_mut(id) {
                *known = Some(name.clone());
            }
        }
        self.sightings.extend(delta.sightings.iter().cloned());
        self.finding_probes.extend(delta.finding_probes.iter().cloned());
        for change in &delta.findings {
            match change.state {
                FindingState::Resolved => {
                    self.finding_probes.remove(&change.id);
                    self.findings.remove(&change.id)
                }
                FindingState::New | FindingState::Grown => {
                    self.findings.insert(change.id, (change.row, Arc::clone(&change.finding)))
                }
            };
        }
        true
    }

    /// Takes in the figures of rows, those of a flow behind each other.
    pub fn set_rows(&mut self, rows: &[Row]) {
        let mut new = Vec::new();
        for rows in rows.chunk_by(|one, other| one.id.flow == other.id.flow) {
            // a flow's rows stand behind each other, so that one search finds them all
            let Some(first) = rows.first() else { continue };
            let mut known = self.rows.range_mut(first.id..);
            let mut at = known.next();
            for row in rows {
                while at.as_ref().is_some_and(|(id, _)| **id < row.id) {
                    at = known.next();
                }
                match &mut at {
                    Some((id, (known, _))) if **id == row.id => *known = *row,
                    _ => new.push(row),
                }
            }
        }
        for row in new {
            match self.rows.get_mut(&row.id) {
                Some((known, _)) => *known = *row,
                None => {
                    self.rows.insert(row.id, (*row, None));
                }
            }
        }
    }
}
