//! A batch of frames, and the shards that it is worked on by: between batches nobody works, so that what was published is
//! handed on in frame order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use streamlens_model::{Frame, FrameBatch};

use crate::outer::Outer;
use crate::route::{Routes, SHARD_COUNT};
use crate::shard::Shard;
use crate::totals::Totals;
use crate::work::{Outbox, Settings};
use crate::workers::lock;

/// A batch, sorted by shard.
#[derive(Debug, Default)]
pub(crate) struct SortedBatch {
    pub(crate) batch: FrameBatch,
    routes: Routes,
    /// Number of the first frame.
    first_number: u64,
    /// Which shards have no frames, or somebody works on them, or has.
    taken: Vec<AtomicBool>,
}

impl SortedBatch {
    /// Takes off what lies around the frames of the batch, counts them for the capture as a whole, and sorts them by shard.
    pub(crate) fn prepare(&mut self, totals: &mut Totals, outer: &mut Outer, burst_windows_ns: &[u64]) {
        totals.note_link_types(self.batch.records.iter());
        if outer.is_thorough() {
            totals.note_outer(outer.take_off(&mut self.batch.records, &self.batch.bytes));
        }
        self.first_number = totals.packets + 1;
        totals.note(self.batch.records.iter());
        // what is left to be taken off is that of mirrors, of which nothing but the lengths is counted before
        self.routes.sort(&mut self.batch, outer);
        totals.note_bursts(&self.batch.records, burst_windows_ns);
        self.taken.clear();
        self.taken.extend((0..SHARD_COUNT).map(|shard| AtomicBool::new(self.routes.of(shard).is_empty())));
    }

    /// Works on the frames of one shard after the other, unless another thread does: from `begin` on, so that a shard mostly
    /// stays in the caches of one core where each thread begins at a place of its own.
    pub(crate) fn process(&self, env: Settings<'_>, shards: &ShardSlots<'_>, begin: usize) {
        for (is_taken, slot) in self.taken.iter().zip(&shards.0).cycle().skip(begin).take(SHARD_COUNT) {
            if !is_taken.load(Ordering::Relaxed) && !is_taken.swap(true, Ordering::Relaxed) {
                self.process_shard(env, &mut lock(slot));
            }
        }
    }

    fn process_shard(&self, env: Settings<'_>, shard: &mut Shard) {
        shard.process_batch(env, self.routes.of(shard.number), |place| {
            let frame = self.batch.frame(place as usize)?;
            Some(Frame { number: self.first_number + u64::from(place), ..frame })
        });
    }
}

/// The shards of an engine while threads work on them.
pub(crate) struct ShardSlots<'e>(Vec<Mutex<&'e mut Shard>>);

impl<'e> ShardSlots<'e> {
    pub(crate) fn new(shards: &'e mut [Shard]) -> Self {
        Self(shards.iter_mut().map(Mutex::new).collect())
    }

    /// Exchanges the outboxes of the shards for these.
    pub(crate) fn exchange(&self, outboxes: &mut [Outbox]) {
        for (slot, outbox) in self.0.iter().zip(outboxes) {
            std::mem::swap(&mut lock(slot).outbox, outbox);
        }
    }

    /// Calls `look` with all shards at once, for what concerns them together.
    pub(crate) fn all<T>(&self, look: impl FnOnce(&mut [&mut Shard]) -> T) -> T {
        let mut guards: Vec<_> = self.0.iter().map(lock).collect();
        look(&mut guards.iter_mut().map(|guard| &mut ***guard).collect::<Vec<_>>())
    }
}
