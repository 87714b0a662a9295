//! Which rows of a flow are shown.

use streamlens::model::row::{FindingIndex, Level, RowContext, RowRef, rows};
use streamlens::model::{Flow, Timestamp};
use streamlens_filter::Filter;

use super::args::{AnalyzeArgs, Depth, Format};

/// Which rows of a flow are shown, and what they are read with.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) depth: Depth,
    pub(crate) context: RowContext<'a>,
    pub(crate) filter: Option<&'a Filter>,
    /// Whether streams are there beside packet types without being asked for.
    pub(crate) streams_at_types: bool,
}

impl<'a> View<'a> {
    /// `now` is the end of the capture.
    pub(crate) fn new(args: &AnalyzeArgs, now: Option<Timestamp>) -> Self {
        let streams_at_types = args.depth == Depth::Type && args.format == Format::Table;
        Self { depth: args.depth, context: RowContext { now, ..RowContext::default() }, filter: None, streams_at_types }
    }

    /// With a filter, and the findings that it asks for.
    pub(crate) fn with(self, filter: Option<&'a Filter>, findings: Option<&'a FindingIndex>) -> Self {
        Self { filter, context: RowContext { findings, ..self.context }, ..self }
    }

    /// The rows that are shown, from the top.
    pub(crate) fn rows(&self, flow: &'a Flow) -> impl Iterator<Item = RowRef<'a>> + use<'a> {
        let (depth, streams) = (self.depth, self.streams_at_types);
        let (all, some) = match self.filter {
            None => (Some(rows(flow, self.context)), None),
            Some(filter) => (None, Some(filter.shown(flow, self.context))),
        };
        let rows = all.into_iter().flatten().chain(some.into_iter().flatten());
        rows.filter(move |row| depth.shows(row.level()) || streams && row.level() == Level::Stream)
    }
}

impl Depth {
    /// Whether rows of a level are shown. Streams stand beside packet types.
    pub(crate) fn shows(self, level: Level) -> bool {
        self >= match level {
            Level::Flow => Self::Flow,
            Level::Transport => Self::Transport,
            Level::Encoding => Self::Encoding,
            Level::PacketType => Self::Type,
            Level::Stream => Self::Stream,
        }
    }
}
