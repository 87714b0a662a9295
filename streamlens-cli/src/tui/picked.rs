//! Which frames of a capture are those that were asked for.

use streamlens::engine::{Engine, EngineOptions, FlowFinder, FrameSet, LookOptions};
use streamlens::model::row::RowTable;
use streamlens::model::{FlowKey, Frame};
use streamlens::registry::DecoderRegistry;
use streamlens_tui::{Packets, RowPath};

/// What frames are analysed with when they are read again: as they were when they were read first.
#[derive(Clone)]
pub(super) struct Analysis {
    pub(super) registry: DecoderRegistry,
    pub(super) options: EngineOptions,
}

/// Picks the packets that were asked for, from frames in the order of the capture.
pub(super) struct Pick {
    packets: Packets,
    finder: FlowFinder,
    /// The frames of the row, where those of a row are asked for, by their place among those of its flow.
    of_row: Option<FrameSet>,
    /// Frames of the flows so far.
    count: u64,
}

impl Pick {
    /// `of_row` are the frames of the row that is asked for, as [`Row::frames`] found them in the same frames.
    pub(super) fn new(packets: Packets, of_row: Option<FrameSet>, analysis: &Analysis) -> Self {
        Self { packets, finder: FlowFinder::new(analysis.options.decap), of_row, count: 0 }
    }

    pub(super) fn takes(&mut self, frame: &Frame<'_>) -> bool {
        let Packets { flows, span, .. } = &self.packets;
        // first fragments are to be known whatever their time
        let is_of_flow = flows.is_empty() || self.finder.flow_of(frame).is_some_and(|flow| flows.contains(&flow));
        self.count += u64::from(is_of_flow);
        is_of_flow
            && self.of_row.as_ref().is_none_or(|frames| frames.contains(self.count))
            && span.as_ref().is_none_or(|span| frame.time.is_some_and(|time| span.contains(&time)))
    }
}

/// Finds the frames of a row below a flow: the flow is analysed once more, and the engine lists them.
pub(super) struct Row {
    flow: FlowKey,
    path: RowPath,
    finder: FlowFinder,
    engine: Engine,
}

impl Row {
    /// For the row that is asked for; `None` where that is none below a flow.
    pub(super) fn of(packets: &Packets, analysis: &Analysis) -> Option<Self> {
        let (flow, path) = (*packets.flows.first()?, packets.row.clone()?);
        let finder = FlowFinder::new(analysis.options.decap);
        let options = EngineOptions { lists_frames: true, threads: 1, ..analysis.options.clone() };
        Some(Self { flow, path, finder, engine: Engine::new(analysis.registry.clone(), options) })
    }

    /// Takes the next frame of the capture.
    pub(super) fn push(&mut self, frame: &Frame<'_>) {
        if self.finder.flow_of(frame) == Some(self.flow) {
            self.engine.push(frame);
        }
    }

    /// The frames of the row, by their place among those of the flow; why not where there is no such row.
    pub(super) fn frames(mut self) -> Result<FrameSet, String> {
        self.engine.end();
        let look = self.engine.look(&LookOptions { exact: true, ..LookOptions::default() });
        let mut table = RowTable::default();
        table.apply(&look);
        let mut frames: Option<FrameSet> = None;
        for id in table.rows.keys().filter(|id| RowPath::of(&table, **id).as_ref() == Some(&self.path)) {
            let found = self.engine.frames_of(*id).unwrap_or_default();
            frames.get_or_insert_default().extend(&found);
        }
        frames.ok_or_else(|| format!("none of the packets that can be read again is known as {}", self.path))
    }
}
