//! Frames of captures at their own pace.

use std::time::{Duration, Instant};

use streamlens_model::{FrameBatch, FrameSource, SourceError, SourceLayer, Timestamp, Warning};

/// Silences longer than this, in nanoseconds of capture time, are shortened to it.
const MAX_SILENCE_NS: i64 = 10_000_000_000;
/// The longest time that a call waits for a frame.
const MAX_WAIT: Duration = Duration::from_millis(20);

/// Gives the frames of another source at the pace of their times.
///
/// While no frame is due it returns empty batches that say how late it is. Silences of more than ten seconds are shortened to
/// ten; a warning says how many were. Frames without a time come with those before them.
///
/// To go round and round, let it replay a [`LoopSource`](crate::LoopSource).
#[derive(Debug)]
pub struct ReplaySource<S> {
    source: S,
    /// How much faster than the clock; 0 as fast as the source gives them.
    speed: f64,
    held: FrameBatch,
    at: usize,
    has_ended: bool,
    /// A moment of the clock, and the capture time that it stands for.
    anchor: Option<(Instant, i64)>,
    /// The latest capture time given.
    latest: i64,
    shortened: u64,
    warnings: Vec<Warning>,
}

impl<S: FrameSource> ReplaySource<S> {
    /// Replays a source `speed` times as fast as its frames were captured; 0, or what is no number, as fast as it goes.
    #[must_use]
    pub fn new(source: S, speed: f64) -> Self {
        let speed = if speed.is_finite() { speed.max(0.0) } else { 0.0 };
        Self {
            source,
            speed,
            held: FrameBatch::default(),
            at: 0,
            has_ended: false,
            anchor: None,
            latest: i64::MIN,
            shortened: 0,
            warnings: Vec::new(),
        }
    }

    /// The capture time now.
    fn now(&mut self, next: i64) -> i64 {
        let clock = now();
        let Some((begun, then)) = self.anchor else {
            self.anchor = Some((clock, next));
            return next;
        };
        let passed = clock.saturating_duration_since(begun).as_nanos() as f64 * self.speed;
        then.saturating_add(passed as i64)
    }

    /// Moves the pace on where the next frame is further away than a silence may last.
    fn shorten(&mut self, next: i64) {
        let silence = next.saturating_sub(self.latest);
        if self.latest > i64::MIN && silence > MAX_SILENCE_NS {
            if let Some((_, then)) = &mut self.anchor {
                *then = then.saturating_add(silence - MAX_SILENCE_NS);
            }
            self.shortened += 1;
            self.latest = next - MAX_SILENCE_NS;
        }
    }

    /// Moves the frames that are due into the batch; returns how long it takes until the next one is.
    fn give_due(&mut self, batch: &mut FrameBatch) -> Option<Duration> {
        while let Some(frame) = self.held.frame(self.at) {
            let time = frame.time.map_or(self.latest, Timestamp::as_nanos);
            self.shorten(time);
            let now = self.now(time);
            if time > now {
                let wait = (time - now) as f64 / self.speed;
                batch.now = Some(Timestamp::from_nanos(now));
                return Some(Duration::from_nanos(wait as u64));
            }
            self.latest = self.latest.max(time);
            if let Some(frame) = self.held.frame(self.at) {
                batch.push(&frame);
            }
            // with the first frame that is due, and not before
            batch.begins_anew |= std::mem::take(&mut self.held.begins_anew);
            self.at += 1;
        }
        None
    }

    fn note_shortened(&mut self) {
        self.warnings = self.source.warnings().to_vec();
        if self.shortened > 0 {
            let (count, s) = (self.shortened, if self.shortened == 1 { "" } else { "s" });
            self.warnings.push(Warning {
                code: "replay.silence-shortened".into(),
                path: None,
                byte: None,
                after_frame: None,
                text: format!("{count} silence{s} of more than 10 s {} shortened to 10 s in the replay; the times of the frames are those of the capture", if count == 1 { "was" } else { "were" }),
                incomplete: false,
            });
        }
    }
}

impl<S: FrameSource> SourceLayer for ReplaySource<S> {
    type Below = S;

    fn below(&self) -> &S {
        &self.source
    }

    fn below_mut(&mut self) -> &mut S {
        &mut self.source
    }

    fn give(&mut self, batch: &mut FrameBatch) -> Result<bool, SourceError> {
        batch.clear();
        if self.speed == 0.0 {
            let more = self.source.read_batch(batch);
            self.note_shortened();
            return more;
        }
        if self.at >= self.held.len() {
            self.at = 0;
            let more = !self.has_ended && self.source.read_batch(&mut self.held)?;
            self.note_shortened();
            if !more {
                self.has_ended = true;
                self.held.clear();
                return Ok(false);
            }
        }
        if let Some(wait) = self.give_due(batch)
            && batch.is_empty()
        {
            std::thread::sleep(wait.min(MAX_WAIT));
            self.give_due(batch);
        }
        Ok(true)
    }

    fn all_warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a replay keeps the pace of a clock; the times of the frames are the capture's"
)]
fn now() -> Instant {
    Instant::now()
}
