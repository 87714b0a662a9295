//! What was: the last minutes of looks, to go back to.

use std::collections::VecDeque;
use std::sync::Arc;

use streamlens_model::Timestamp;
use streamlens_model::row::{Delta, Row, RowTable, SightingLine};

/// Bytes of looks that are kept.
const KEPT_BYTES: usize = 64 << 20;
/// Nanoseconds of capture time that are kept.
pub(crate) const KEPT_NS: i64 = 300 * 1_000_000_000;

/// The last looks, and the state before the first of them.
#[derive(Debug, Default)]
pub(super) struct Past {
    base: Arc<RowTable>,
    looks: VecDeque<Arc<Delta>>,
    bytes: usize,
}

/// Bytes that a look takes, about.
fn weight(delta: &Delta) -> usize {
    (delta.rows.len() + delta.gone.len()) * size_of::<Row>()
        + delta.names.len() * 128
        + delta.findings.len() * 256
        + delta.sightings.iter().map(|(_, of)| of.lines.len() * size_of::<SightingLine>() + 64).sum::<usize>()
        + 256
}

impl Past {
    /// Records a look; `before` is the state that it follows on.
    pub(super) fn note(&mut self, delta: &Arc<Delta>, before: &RowTable) {
        if delta.since.is_none() || self.looks.is_empty() && self.base.epoch != before.epoch {
            // looks were missed, or these are the first: what was cannot be told
            self.looks.clear();
            self.bytes = 0;
            self.base = Arc::new(if delta.since.is_none() { RowTable::default() } else { before.clone() });
        }
        self.bytes += weight(delta);
        self.looks.push_back(Arc::clone(delta));
        while self.looks.len() > 1 && (self.bytes > KEPT_BYTES || self.reaches_too_far()) {
            let Some(first) = self.looks.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(weight(&first));
            Arc::make_mut(&mut self.base).apply(&first);
        }
    }

    fn reaches_too_far(&self) -> bool {
        let ends = self.looks.get(1).and_then(|first| first.now).zip(self.looks.back().and_then(|last| last.now));
        ends.is_some_and(|(first, last)| last.since(first) > KEPT_NS)
    }

    /// What it takes to make the state at the last look at or before a time; `None` where nothing is known of it.
    pub(super) fn at(&self, time: Timestamp) -> Option<Then> {
        let looks: Vec<Arc<Delta>> =
            self.looks.iter().take_while(|look| look.now.is_none_or(|now| now <= time)).cloned().collect();
        let is_known =
            looks.last().is_some_and(|last| last.now.is_some()) || self.base.now.is_some_and(|now| now <= time);
        is_known.then(|| Then { base: Arc::clone(&self.base), looks })
    }
}

/// A state that has to be put together.
pub(super) struct Then {
    base: Arc<RowTable>,
    looks: Vec<Arc<Delta>>,
}

impl Then {
    pub(super) fn table(&self) -> RowTable {
        let mut table = (*self.base).clone();
        for look in &self.looks {
            table.apply(look);
        }
        table
    }
}
