//! Which rows of a flow are shown.

use streamlens::model::row::{FindingIndex, Level, RowContext, RowRef, rows};
use streamlens::model::{Flow, Timestamp};
use streamlens_filter::Filter;

use super::args::{AnalyzeArgs, Depth};

/// Which rows of a flow are shown, and what they are read with.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) depth: Depth,
    pub(crate) context: RowContext<'a>,
    pub(crate) filter: Option<&'a Filter>,
}

impl<'a> View<'a> {
    /// `now` is the end of the capture.
    pub(crate) fn new(args: &AnalyzeArgs, now: Option<Timestamp>) -> Self {
        Self { depth: args.depth, context: RowContext { now, ..RowContext::default() }, filter: None }
    }

    /// With a filter, and the findings that it asks for.
    pub(crate) fn with(self, filter: Option<&'a Filter>, findings: Option<&'a FindingIndex>) -> Self {
        Self { filter, context: RowContext { findings, ..self.context }, ..self }
    }

    /// The rows that are shown, from the top.
    pub(crate) fn rows(&self, flow: &'a Flow) -> impl Iterator<Item = RowRef<'a>> + use<'a> {
        let depth = self.depth;
        let (all, some) = match self.filter {
            None => (Some(rows(flow, self.context)), None),
            Some(filter) => (None, Some(filter.shown(flow, self.context))),
        };
        let rows = all.into_iter().flatten().chain(some.into_iter().flatten());
        rows.filter(move |row| depth.shows(row.level()))
    }
}

impl Depth {
    /// Whether rows of a level are shown. Streams stand beside packet types, and are only shown where asked for.
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
