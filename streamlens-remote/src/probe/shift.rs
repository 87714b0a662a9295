//! A source whose stamps are wrong by so much, to try out what a hub makes of it.

use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer, Timestamp};

/// A source with all its stamps moved.
#[derive(Debug)]
pub struct Shifted<S> {
    source: S,
    offset_ns: i64,
}

impl<S: FrameSource> Shifted<S> {
    /// Moves the stamps of a source by so many nanoseconds.
    pub fn new(source: S, offset_ns: i64) -> Self {
        Self { source, offset_ns }
    }
}

impl<S: FrameSource> SourceLayer for Shifted<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        let more = self.source.read_batch(batch)?;
        let moved = |time: Timestamp| Timestamp::from_nanos(time.as_nanos().saturating_add(self.offset_ns));
        batch.records.iter_mut().for_each(|record| record.time = record.time.map(moved));
        batch.now = batch.now.map(moved);
        Ok(more)
    }
}
