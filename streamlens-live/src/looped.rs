//! A source that starts over when it has ended.

use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer, Timestamp};

/// Between the last frame of a round and the first of the next one, in nanoseconds of capture time.
const PAUSE_NS: i64 = 1_000_000_000;

/// Opens a source again and again: each round is a new start, with which the analysis begins anew
/// ([`FrameBatch::begins_anew`]).
///
/// Numbers and times of frames go on: the first frame of a round comes a second behind the latest of the round before, and the
/// others as far behind it as they are in the source. A round without a frame is the last one.
#[derive(Debug)]
pub struct LoopSource<S, F> {
    source: S,
    open: F,
    frames: u64,
    /// Frames before this round.
    before: u64,
    /// Whether this round has had no frame yet, and is not the first one.
    is_new_round: bool,
    /// Added to the times of this round.
    shift: i64,
    /// Time of the first frame of the first round that has one.
    first: Option<i64>,
    /// The latest time of any frame, shifted.
    latest: i64,
}

impl<S: FrameSource, F: FnMut() -> Result<S, SourceError> + Send> LoopSource<S, F> {
    /// Goes round and round.
    ///
    /// # Errors
    ///
    /// Where it can't be opened the first time.
    pub fn new(mut open: F) -> Result<Self, SourceError> {
        Ok(Self {
            source: open()?,
            open,
            frames: 0,
            before: 0,
            is_new_round: false,
            shift: 0,
            first: None,
            latest: i64::MIN,
        })
    }

    fn begin_again(&mut self) -> Result<(), SourceError> {
        self.source = (self.open)()?;
        (self.before, self.is_new_round) = (self.frames, true);
        if let Some(first) = self.first {
            self.shift = self.latest.saturating_add(PAUSE_NS).saturating_sub(first);
        }
        Ok(())
    }

    fn moved(&self, time: Timestamp) -> Timestamp {
        Timestamp::from_nanos(time.as_nanos().saturating_add(self.shift))
    }
}

impl<S: FrameSource, F: FnMut() -> Result<S, SourceError> + Send> SourceLayer for LoopSource<S, F> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        while !self.source.read_batch(batch)? {
            if self.frames == self.before {
                return Ok(false);
            }
            self.begin_again()?;
        }
        batch.first_number = self.frames + 1;
        self.frames += batch.len() as u64;
        // batches without a frame say how late it is, and may come before the first one
        batch.begins_anew = self.is_new_round && !batch.is_empty();
        self.is_new_round &= batch.is_empty();
        let times = batch.records.iter_mut().filter_map(|record| record.time.as_mut());
        for time in times {
            self.first.get_or_insert(time.as_nanos());
            *time = Timestamp::from_nanos(time.as_nanos().saturating_add(self.shift));
            self.latest = self.latest.max(time.as_nanos());
        }
        batch.now = batch.now.map(|now| self.moved(now));
        Ok(true)
    }
}

#[cfg(all(test, feature = "capture"))]
mod tests {
    use super::*;
    use crate::moments::tests::Times;

    /// Numbers and times of the frames of so many batches. Just the batches with these frames begin anew.
    fn frames(source: &mut impl FrameSource, batches: usize, anew: &[u64]) -> Vec<(u64, i64)> {
        let (mut batch, mut found) = (FrameBatch::default(), Vec::new());
        for _ in 0..batches {
            assert!(source.read_batch(&mut batch).expect("it reads"));
            assert_eq!(batch.begins_anew, anew.contains(&batch.first_number), "frame {}", batch.first_number);
            found.extend(batch.iter().map(|frame| (frame.number, frame.time.expect("a time").as_nanos() / 1_000_000)));
        }
        found
    }

    #[test]
    fn numbers_and_times_go_on_a_second_later() {
        let mut source = LoopSource::new(|| Ok(Times::new([100, 300, 200], 60, 2))).expect("it opens");
        let expected = [(1, 100), (2, 300), (3, 200), (4, 1300), (5, 1500), (6, 1400), (7, 2500), (8, 2700), (9, 2600)];
        assert_eq!(frames(&mut source, 6, &[4, 7]), expected);
    }

    #[test]
    fn a_source_without_frames_ends() {
        let mut source = LoopSource::new(|| Ok(Times::new([], 60, 2))).expect("it opens");
        assert!(!source.read_batch(&mut FrameBatch::default()).expect("it reads"));
        let mut rounds = 0;
        let open = || {
            rounds += 1;
            Ok(Times::new((0..i64::from(rounds < 3)).collect::<Vec<_>>(), 60, 2))
        };
        let mut source = LoopSource::new(open).expect("it opens");
        assert_eq!(frames(&mut source, 2, &[2]), [(1, 0), (2, 1000)]);
        assert!(!source.read_batch(&mut FrameBatch::default()).expect("it reads"), "it has become empty");
    }
}
