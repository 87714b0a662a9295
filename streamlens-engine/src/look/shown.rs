//! What readers were shown of a flow at its last look, and how long it can stand.

use std::sync::Arc;

use streamlens_model::row::{FindingId, Level, Row, RowId, RowName};
use streamlens_model::{Finding, Timestamp};

use super::meter::Meter;
use crate::flow::FlowEntry;

/// The rows of a flow as they were shown last.
#[derive(Debug, Default)]
pub(crate) struct ShownFlow {
    /// The flow's row first, each row behind the one above it.
    pub(super) rows: Vec<ShownRow>,
    /// What the rows were made for.
    pub(super) shape: Shape,
    /// Capture time at which names, percentiles and findings were made last.
    pub(super) refreshed: Option<Timestamp>,
    pub(super) findings: Vec<ShownFinding>,
    /// Whether the flow is on the list of those that a network monitor wants to see.
    pub(super) is_surveyed: bool,
    /// Whether it is on the list of those that had frames within a second.
    pub(super) is_recent: bool,
}

/// A row as it was shown last.
#[derive(Clone, Debug)]
pub(super) struct ShownRow {
    pub(super) row: Row,
    pub(super) name: RowName,
    pub(super) source: Source,
    pub(super) meter: Meter,
    /// Whether it has not been shown yet.
    pub(super) is_new: bool,
}

/// Where the figures of a row come from: places of transport, encoding, and what lies below.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Flow,
    Transport(u16),
    Encoding(u16, u16),
    Stream(u16, u16, u32),
    /// Packet types of one name, by their places.
    Types(u16, u16, Box<[TypePlace]>),
}

/// A packet type of an encoding, or one that lies in PDUs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypePlace {
    Own(u32),
    Nested(u32),
}

/// A finding as it was shown last.
#[derive(Clone, Debug)]
pub(super) struct ShownFinding {
    pub(super) id: FindingId,
    pub(super) row: Option<RowId>,
    pub(super) finding: Arc<Finding>,
}

/// How many of each a flow has: where none has come to it, its rows are those of the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// The lowest level shown; `None` before the first look.
    pub(super) depth: Option<Level>,
    transports: usize,
    encodings: usize,
    below: usize,
}

/// Rows of a flow from which on new ones are shown once a second and not at each look: to make all anew for each one that
/// comes would take time with the square of their number.
const SHOWN_AT_EACH_LOOK: usize = 1024;

impl Shape {
    /// Whether rows that were made for this one have to be made anew at once.
    pub(super) fn is_outdated(&self, now: &Self, rows: usize) -> bool {
        let has_grown = Self { below: now.below, ..*self } == *now && now.below > self.below;
        self != now && !(has_grown && rows > SHOWN_AT_EACH_LOOK)
    }

    pub(super) fn of(flow: &FlowEntry, depth: Level) -> Self {
        let mut shape = Self { depth: Some(depth), ..Self::default() };
        if depth == Level::Flow {
            return shape;
        }
        for transport in flow.transports() {
            shape.transports += 1;
            for encoding in &transport.encodings {
                shape.encodings += 1;
                if depth > Level::Encoding {
                    shape.below += encoding.types.len() + encoding.nested.len() + encoding.streams.len();
                }
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_rows_only_growth_can_wait() {
        let shape = |encodings, below| Shape { depth: Some(Level::PacketType), transports: 1, encodings, below };
        let (few, many) = (SHOWN_AT_EACH_LOOK, SHOWN_AT_EACH_LOOK + 1);
        for (now, rows, is_outdated) in [
            (shape(1, 2000), many, false),
            (shape(1, 2001), few, true),
            (shape(1, 2001), many, false),
            (shape(1, 1999), many, true),
            (shape(2, 2001), many, true),
            (Shape { depth: Some(Level::Flow), ..shape(1, 2001) }, many, true),
        ] {
            assert_eq!(shape(1, 2000).is_outdated(&now, rows), is_outdated, "{now:?} {rows}");
        }
    }
}
