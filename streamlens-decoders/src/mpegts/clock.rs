//! Program clock references (ISO/IEC 13818-1 §2.7.2; ETSI TR 101 290 §5.2.2, indicators 2.3a, 2.3b and 2.4).

use streamlens_model::words::Span;
use streamlens_model::{FindingLog, Metadata, Occurrence, Severity, Value};

use super::meter::place_of;
use super::packet::TsPacket;

/// The range of the program clock reference.
const PCR_WRAP: u64 = (1 << 33) * 300;
/// A step of more ticks is no pause, but another clock: 10 s.
const LONGEST_PAUSE: u64 = 270_000_000;
/// A clock that gets ahead of the time that went by by more than this jumps, in nanoseconds.
const LEAST_JUMP_NS: i64 = 1_000_000_000;

/// Ticks of 27 MHz in nanoseconds.
fn nanos(ticks: u64) -> i64 {
    i64::try_from(u128::from(ticks) * 1000 / 27).unwrap_or(i64::MAX)
}

/// What is said of a clock that jumps without the discontinuity indicator.
#[cold]
fn unannounced(pid: u16, by: i64, went_by: Option<i64>) -> String {
    let went_by = went_by.map_or_else(String::new, |time| format!(" while {} went by", Span(time)));
    format!(
        "the program clock reference of PID {pid:#06x} went on by {}{went_by}, without the discontinuity indicator \
         (TR 101 290 2.3b)",
        Span(by)
    )
}

/// A step of the clock in nanoseconds, back where that is shorter.
fn signed(step: u64) -> i64 {
    if step > PCR_WRAP / 2 { -nanos(PCR_WRAP - step) } else { nanos(step) }
}

/// Program clock references of one PID.
#[derive(Clone, Debug, Default)]
pub(super) struct ClockMeter {
    pub(super) count: u64,
    first: Option<(u64, i64)>,
    previous: Option<(u64, Option<i64>)>,
    /// Ticks of 27 MHz since the first, wraps and discontinuities taken out.
    elapsed: u64,
    interval_max: u64,
    interval_max_at: Option<Occurrence>,
    late_intervals: u64,
    /// Arrival against clock, in nanoseconds: the extremes since the last discontinuity, and the widest spread before.
    low: Option<i64>,
    high: Option<i64>,
    widest: i64,
    jitter: f64,
    discontinuities: u64,
    /// Of these those without the discontinuity indicator.
    unannounced: u64,
    /// Gaps of what carries the stream, before the last reference.
    carrier_gaps: u32,
}

impl ClockMeter {
    /// 100 ms, the longest interval that ISO/IEC 13818-1 §2.7.2 allows.
    const LONGEST: u64 = 2_700_000;

    /// Records a reference. Where what carries the stream has had a further gap, references may be missing.
    pub(super) fn reference(
        &mut self,
        pcr: u64,
        packet: &TsPacket<'_>,
        at: Occurrence,
        carrier_gaps: u32,
        findings: &mut FindingLog,
    ) {
        let may_miss = std::mem::replace(&mut self.carrier_gaps, carrier_gaps) != carrier_gaps;
        let time = at.time.map(|time| time.as_nanos());
        self.count += 1;
        let step = self.previous.map(|(previous, _)| (pcr + PCR_WRAP - previous) % PCR_WRAP);
        let went_by =
            time.zip(self.previous.and_then(|(_, before)| before)).map(|(now, before)| now.saturating_sub(before));
        // more than 10 s, back, or ahead of the time that went by: another clock, announced or not
        let is_ahead = |step: u64| went_by.is_some_and(|time| nanos(step).saturating_sub(time) > LEAST_JUMP_NS);
        let jumps = step.is_some_and(|step| step > LONGEST_PAUSE || is_ahead(step));
        if packet.is_discontinuity || jumps {
            self.discontinuities += 1;
            if let Some(step) = step.filter(|_| !packet.is_discontinuity) {
                self.unannounced += 1;
                let (stream, subject) = place_of(packet.pid);
                let (what, place, by) =
                    (("mpegts.pcr-discontinuity", Severity::Error), (stream, subject), signed(step));
                findings.add_figure(
                    what,
                    place,
                    at,
                    by,
                    |by| Span(by).to_string(),
                    || unannounced(packet.pid, by, went_by),
                );
            }
            self.widest = self.spread();
            (self.first, self.low, self.high, self.elapsed) = (None, None, None, 0);
        } else if let Some(step) = step {
            self.elapsed += step;
            if step > self.interval_max && !may_miss {
                (self.interval_max, self.interval_max_at) = (step, Some(at));
            }
            if step > Self::LONGEST && !may_miss {
                self.late_intervals += 1;
                let (stream, subject) = place_of(packet.pid);
                findings.add_about("mpegts.pcr-interval", Severity::Warning, stream, subject, at, || {
                    let (pid, between) = (packet.pid, Span(nanos(step)));
                    format!("{between} between two program clock references of PID {pid:#06x}; 100 ms are allowed")
                });
            }
        }
        if let Some(time) = time {
            let (_, begin) = *self.first.get_or_insert((pcr, time));
            let media = i64::try_from(u128::from(self.elapsed) * 1000 / 27).unwrap_or(i64::MAX);
            let late = time.saturating_sub(begin).saturating_sub(media);
            if let (Some(step), Some((_, Some(before))), false) =
                (step, self.previous, jumps || packet.is_discontinuity)
            {
                let difference = (time.saturating_sub(before) as f64 - step as f64 * 1000.0 / 27.0).abs();
                self.jitter += (difference - self.jitter) / 16.0;
            }
            self.low = Some(self.low.map_or(late, |low| low.min(late)));
            self.high = Some(self.high.map_or(late, |high| high.max(late)));
        }
        self.previous = Some((pcr, time));
    }

    fn spread(&self) -> i64 {
        let spread = self.low.zip(self.high).map_or(0, |(low, high)| high.saturating_sub(low));
        spread.max(self.widest)
    }

    /// Adds its figures.
    pub(super) fn report(&self, figures: &mut Metadata) {
        let mut map = Metadata::new();
        map.insert("count".into(), self.count.into());
        map.insert("discontinuities".into(), self.discontinuities.into());
        if self.unannounced > 0 {
            map.insert("unannounced_discontinuities".into(), self.unannounced.into());
        }
        if let Some(at) = self.interval_max_at {
            map.insert("interval_max_ns".into(), (self.interval_max.saturating_mul(1000) / 27).into());
            map.insert("interval_max_at".into(), at.into());
            map.insert("intervals_above_100_ms".into(), self.late_intervals.into());
            map.insert("arrival_jitter_ns".into(), self.jitter.into());
            map.insert("arrival_spread_ns".into(), self.spread().into());
        }
        figures.insert("pcr".into(), Value::Map(map));
    }
}
