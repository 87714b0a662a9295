//! Batches cut where a look is due.

use streamlens_model::{FrameBatch, FrameSource, SourceError, Timestamp};

/// Gives the frames of a source in batches that end where a look is due: in front of the first frame at or behind each
/// multiple of a period, in capture time. A span without frames makes one look due, whatever its length; times that run
/// backwards none.
#[derive(Debug)]
pub(super) struct Cutter<S> {
    pub(super) source: S,
    period_ns: Option<i64>,
    /// Read and not given yet, from `at` on.
    held: FrameBatch,
    at: usize,
    has_ended: bool,
    /// The next multiple; `None` before the first frame with a time.
    due: Option<i64>,
}

/// What [`Cutter::fill`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Frames, or none yet.
    Frames,
    /// A look is due: all frames before this time have been given.
    Look(Timestamp),
    /// No more frames will come.
    End,
}

impl<S: FrameSource> Cutter<S> {
    pub(super) fn new(source: S, period_ns: Option<i64>) -> Self {
        let (held, period_ns) = (FrameBatch::default(), period_ns.map(|period| period.max(1)));
        Self { source, period_ns, held, at: 0, has_ended: false, due: None }
    }

    /// Replaces what is in the batch by the next frames.
    pub(super) fn fill(&mut self, batch: &mut FrameBatch) -> Result<Cut, SourceError> {
        batch.clear();
        if self.period_ns.is_none() {
            // no look is ever due: nothing has to be held, and the memory of the batch is that which the caches know
            if self.has_ended || !self.source.read_batch(batch)? {
                self.has_ended = true;
                batch.clear();
                return Ok(Cut::End);
            }
            return Ok(Cut::Frames);
        }
        if self.at >= self.held.len() {
            if self.has_ended || !self.source.read_batch(&mut self.held)? {
                self.has_ended = true;
                self.held.clear();
                return Ok(Cut::End);
            }
            self.at = 0;
        }
        let until = self.count_before_due();
        match until {
            Some(0) => {
                let time = self.held.records.get(self.at).and_then(|record| record.time);
                return Ok(time.map_or(Cut::Frames, |time| Cut::Look(self.move_on(time))));
            }
            Some(count) => self.give(batch, count),
            None if self.at == 0 => {
                std::mem::swap(batch, &mut self.held);
                self.held.clear();
                if let Some(now) = batch.now.filter(|now| batch.is_empty() && self.is_due(*now)) {
                    return Ok(Cut::Look(self.move_on(now)));
                }
            }
            None => self.give(batch, self.held.len() - self.at),
        }
        Ok(Cut::Frames)
    }

    /// Number of frames in front of the first one at which a look is due; `None` where there is no such frame.
    fn count_before_due(&mut self) -> Option<usize> {
        for index in self.at..self.held.len() {
            let time = self.held.records.get(index).and_then(|record| record.time);
            if time.is_some_and(|time| self.is_due(time)) {
                return Some(index - self.at);
            }
        }
        None
    }

    /// Copies so many frames into the batch.
    fn give(&mut self, batch: &mut FrameBatch, count: usize) {
        for index in self.at..self.at + count {
            if let Some(frame) = self.held.frame(index) {
                batch.push(&frame);
            }
        }
        batch.begins_anew = std::mem::take(&mut self.held.begins_anew);
        self.at += count;
    }

    /// Whether a look is due at a frame of this time. The first frame of all only sets the first multiple.
    fn is_due(&mut self, time: Timestamp) -> bool {
        let Some(period) = self.period_ns else { return false };
        match self.due {
            Some(due) => time.as_nanos() >= due,
            None => {
                self.due = Some(next_multiple(time.as_nanos(), period));
                false
            }
        }
    }

    /// Sets the next multiple behind a time, and returns the last one that it has passed.
    fn move_on(&mut self, time: Timestamp) -> Timestamp {
        let period = self.period_ns.unwrap_or(1);
        self.due = Some(next_multiple(time.as_nanos(), period));
        Timestamp::from_nanos(time.as_nanos().div_euclid(period).saturating_mul(period))
    }
}

fn next_multiple(time: i64, period: i64) -> i64 {
    time.div_euclid(period).saturating_add(1).saturating_mul(period)
}

#[cfg(test)]
mod tests {
    use streamlens_model::{Frame, LinkType};
    use streamlens_testing::Source;

    use super::*;

    /// Batches of frames at these times in milliseconds.
    fn times(batches: Vec<Vec<i64>>) -> impl FrameSource {
        let mut batches = batches.into_iter();
        Source(move |batch: &mut FrameBatch| {
            let Some(times) = batches.next() else { return false };
            for ms in times {
                let time = (ms >= 0).then(|| Timestamp::from_nanos(ms * 1_000_000));
                let (link_type, data) = (LinkType::ETHERNET, &ms.to_be_bytes());
                batch.push(&Frame { number: 0, time, link_type, interface: 0, original_length: 8, data });
            }
            true
        })
    }

    /// The frames and looks in their order: `7` a frame, `=10` a look.
    fn cut(batches: Vec<Vec<i64>>, period_ms: i64) -> String {
        let mut cutter = Cutter::new(times(batches), Some(period_ms * 1_000_000));
        let (mut batch, mut out) = (FrameBatch::default(), Vec::new());
        loop {
            match cutter.fill(&mut batch).unwrap() {
                Cut::Frames => {
                    out.extend(batch.iter().map(|frame| i64::from_be_bytes(frame.data.try_into().unwrap()).to_string()))
                }
                Cut::Look(now) => out.push(format!("={}", now.as_nanos() / 1_000_000)),
                Cut::End => return out.join(" "),
            }
        }
    }

    #[test]
    fn looks_are_due_at_multiples_of_the_period() {
        assert_eq!(cut(vec![vec![3, 9, 10, 11, 25], vec![29, 31]], 10), "3 9 =10 10 11 =20 25 29 =30 31");
        // one for a span without frames, none for times that run backwards or are not known
        assert_eq!(cut(vec![vec![1, 1000, 2, -1, 1005], vec![1010]], 10), "1 =1000 1000 2 -1 1005 =1010 1010");
        assert_eq!(cut(vec![vec![], vec![10], vec![20]], 10), "10 =20 20");
        assert_eq!(cut(vec![], 10), "");
    }
}
