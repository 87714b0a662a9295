//! Frames of several interfaces, put in order by time.

use std::time::{Duration, Instant};

use streamlens_model::{FrameBatch, Timestamp};

use crate::clock;

/// A frame is handed over by the system at most so long after it was on the wire: what is stamped before has come. Several
/// interfaces are put in order within it.
pub(crate) const SETTLED: Duration = Duration::from_millis(60);
/// How often frames of several interfaces are put in order and handed out.
pub(crate) const ORDER: Duration = Duration::from_millis(20);
/// So many bytes of several interfaces are kept back at most.
pub(crate) const MOST_HELD: usize = 32 << 20;

/// Frames that are not in order yet, and memory for it.
#[derive(Debug)]
pub(crate) struct InOrder {
    pub(crate) held: FrameBatch,
    rest: FrameBatch,
    order: Vec<u32>,
    next: Instant,
}

impl InOrder {
    pub(crate) fn new() -> Self {
        let (held, rest) = (FrameBatch::default(), FrameBatch::default());
        Self { held, rest, order: Vec::new(), next: clock::instant() }
    }

    /// Hands out what can be, where it is time for that.
    pub(crate) fn hand_out(&mut self, batch: &mut FrameBatch) {
        let now = clock::instant();
        if now >= self.next || self.held.bytes.len() >= MOST_HELD {
            self.next = now + ORDER;
            self.hand_out_until(Some(before(clock::now(), SETTLED)), batch);
        }
    }

    /// Hands out those of the held frames that nothing earlier can come before; all of them without a time.
    pub(crate) fn hand_out_until(&mut self, until: Option<Timestamp>, batch: &mut FrameBatch) {
        let until = until.filter(|_| self.held.bytes.len() < MOST_HELD).map_or(i64::MAX, Timestamp::as_nanos);
        let Self { held, rest, order, .. } = self;
        let time =
            |index: &u32| held.records.get(*index as usize).and_then(|record| record.time).map(Timestamp::as_nanos);
        order.clear();
        order.extend(0..held.len() as u32);
        order.sort_by_key(time);
        rest.clear();
        for index in &*order {
            let into = if time(index) <= Some(until) { &mut *batch } else { &mut *rest };
            if let Some(frame) = held.frame(*index as usize) {
                into.push(&frame);
            }
        }
        std::mem::swap(held, rest);
    }
}

pub(crate) fn before(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
}
