//! Which rows of a flow are shown.

use streamlens::model::row::{Level, RowContext, RowRef, rows};
use streamlens::model::{Flow, Timestamp};

use super::args::{AnalyzeArgs, Depth};

/// Which rows of a flow are shown, and what they are read with.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) depth: Depth,
    pub(crate) context: RowContext<'a>,
}

impl<'a> View<'a> {
    /// `now` is the end of the capture.
    pub(crate) fn new(args: &AnalyzeArgs, now: Option<Timestamp>) -> Self {
        Self { depth: args.depth, context: RowContext { now, findings: None } }
    }

    /// Hands the rows that are shown to `see`, from the top.
    pub(crate) fn rows(&self, flow: &'a Flow) -> impl Iterator<Item = RowRef<'a>> + use<'a> {
        let depth = self.depth;
        rows(flow, self.context).filter(move |row| depth.shows(row.level()))
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
