//! The figures of intervals.

use streamlens_model::{Shared, TimingStatistics, TimingSummary};

/// Makes the figures of intervals. Levels of a flow that share their intervals come one after the other: those are made
/// once.
pub(super) struct Summaries<'t> {
    outlier_deviations: f64,
    has_histograms: bool,
    last: Option<(&'t TimingStatistics, Shared<TimingSummary>)>,
}

impl<'t> Summaries<'t> {
    pub(super) fn new(outlier_deviations: f64, has_histograms: bool) -> Self {
        Self { outlier_deviations, has_histograms, last: None }
    }

    /// The figures of some intervals.
    pub(super) fn of(&mut self, timing: &'t TimingStatistics) -> Shared<TimingSummary> {
        match &self.last {
            Some((last, summary)) if std::ptr::eq(*last, timing) => summary.clone(),
            _ => {
                let summary = Shared::new(self.summary(timing));
                self.last = Some((timing, summary.clone()));
                summary
            }
        }
    }

    /// The figures of several together.
    pub(super) fn of_all(&mut self, mut timings: impl Iterator<Item = &'t TimingStatistics>) -> Shared<TimingSummary> {
        let Some(first) = timings.next() else { return Shared::default() };
        let Some(second) = timings.next() else { return self.of(first) };
        let mut all = first.clone();
        all.merge(second);
        timings.for_each(|timing| all.merge(timing));
        self.summary(&all).into()
    }

    fn summary(&self, timing: &TimingStatistics) -> TimingSummary {
        let mut summary = timing.summary(self.outlier_deviations);
        if self.has_histograms {
            summary.histogram = Some(timing.buckets().into_boxed_slice());
        }
        summary
    }
}
