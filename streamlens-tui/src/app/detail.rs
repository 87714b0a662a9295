//! The detail of a row: its flow as the analysis has it, which tab is shown, and how.

use std::time::{Duration, Instant};

use streamlens_model::row::{Level, LiveFlow, RowContext, RowId, RowRef, rows};
use streamlens_model::{Burst, Flow, Interval, Outlier, Timestamp};

use super::{App, View};
use crate::feed::{Feed, Kind, Request};

/// A detail is asked for anew so often.
const RENEWAL: Duration = Duration::from_secs(1);

/// Values of a chart of a whole capture.
const SERIES_POINTS: u64 = 256;

/// The parts of a detail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Inter-arrival times, histogram, outliers, charts.
    #[default]
    Timing,
    /// The streams and their health.
    Streams,
    /// Metadata, addresses and their changes.
    Facts,
    /// What was found.
    Findings,
    /// Why it was identified, and what else it may be.
    Why,
}

impl Tab {
    /// All tabs, from the left.
    pub const ALL: [Self; 5] = [Self::Timing, Self::Streams, Self::Facts, Self::Findings, Self::Why];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Timing => "Timing",
            Self::Streams => "Streams",
            Self::Facts => "Facts",
            Self::Findings => "Findings",
            Self::Why => "Why",
        }
    }

    /// The tab so many to the right.
    #[must_use]
    pub fn moved(self, by: usize) -> Self {
        let place = Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0);
        Self::ALL.get((place + by) % Self::ALL.len()).copied().unwrap_or_default()
    }
}

/// A detail that is open.
#[derive(Debug)]
pub(crate) struct Detail {
    /// The row that it is of.
    pub(crate) id: RowId,
    pub(crate) tab: Tab,
    /// The first line that is shown.
    pub(crate) scroll: usize,
    /// Whether bars grow with the logarithm.
    pub(crate) is_log: bool,
    /// Whether the histogram shows what lies between the 1st and the 99th of a hundred alone.
    pub(crate) is_zoomed: bool,
    /// Seconds of the charts.
    pub(crate) span: u32,
    /// The outlier that is chosen, by its place in the list.
    pub(crate) outlier: Option<usize>,
    /// Whether it was chosen since the last drawing, and is to be on the screen.
    pub(crate) is_outlier_new: bool,
    /// The flow, and the row's place in it; `None` before it came, and where it has ended.
    pub(crate) flow: Option<(Box<Flow>, RowId)>,
    /// The capture time that it is of.
    pub(crate) moment: Option<Timestamp>,
    /// The flow with counts over the whole capture, or the share that is read.
    pub(crate) series: Option<Result<Box<Flow>, f64>>,
    asked: Option<Instant>,
}

impl Detail {
    fn new(id: RowId) -> Self {
        Self {
            id,
            tab: Tab::default(),
            scroll: 0,
            is_log: false,
            is_zoomed: false,
            span: 60,
            outlier: None,
            is_outlier_new: false,
            flow: None,
            moment: None,
            series: None,
            asked: None,
        }
    }

    /// All has to be asked for again: another analysis has begun.
    pub(crate) fn forget(&mut self) {
        (self.series, self.asked) = (None, None);
    }

    /// The row in its flow.
    pub(crate) fn row<'a>(&'a self, context: RowContext<'a>) -> Option<RowRef<'a>> {
        let (flow, place) = self.flow.as_ref()?;
        rows(flow, context).find(|row| row.id() == *place)
    }

    /// The outliers of the row, the worst first.
    pub(crate) fn outliers(&self) -> Vec<Outlier> {
        let timing = self.row(RowContext::default()).and_then(|row| row.timing().cloned());
        timing.and_then(|timing| timing.outliers).map_or_else(Vec::new, |outliers| outliers.worst)
    }

    /// Chooses the next outlier of the list, or the one before; behind the last one none, which lets `w` write the whole row.
    pub(crate) fn step_to_outlier(&mut self, is_forward: bool) {
        let count = self.outliers().len();
        let places = count + 1;
        let place = self.outlier.map_or(count, |place| place.min(count));
        let next = (place + if is_forward { 1 } else { count }) % places;
        self.outlier = Some(next).filter(|next| *next < count);
        (self.tab, self.is_outlier_new) = (Tab::Timing, true);
    }

    /// The chosen outlier.
    pub(crate) fn chosen_outlier(&self) -> Option<Outlier> {
        self.outliers().get(self.outlier?).copied()
    }

    /// The most that came within short times, of the flow: of the second reading, where the first one didn't look for them.
    pub(crate) fn bursts(&self) -> &[Burst] {
        let own = self.flow.as_ref().map_or(&[][..], |(flow, _)| &flow.bursts);
        match &self.series {
            Some(Ok(flow)) if own.is_empty() => &flow.bursts,
            _ => own,
        }
    }

    /// The counts of the row over the whole capture, where they have been read.
    pub(crate) fn intervals(&self) -> Option<&[Interval]> {
        let (_, place) = self.flow.as_ref()?;
        let Some(Ok(flow)) = &self.series else { return None };
        rows(flow, RowContext::default()).find(|row| row.id() == *place).map(|row| row.intervals())
    }
}

impl App {
    /// Opens the detail of the selected row.
    pub(crate) fn open_detail(&mut self) {
        let Some(id) = self.tree.selected() else { return };
        self.detail = Some(Detail::new(id));
        self.views.push(View::Detail);
    }

    /// Asks for what an open detail needs.
    pub(crate) fn renew_detail(&mut self, feed: &mut dyn Feed, now: Instant) {
        let is_frozen = self.is_frozen();
        let (kind, is_once, has_ended) = (self.status.kind, self.status.is_once, self.status.has_ended);
        let Some(detail) = self.detail.as_mut().filter(|_| self.views.contains(&View::Detail)) else { return };
        let is_due = match detail.asked {
            None => true,
            Some(_) if is_frozen => false,
            Some(asked) => now.saturating_duration_since(asked) >= RENEWAL && detail.moment != self.table.now,
        };
        if is_due {
            detail.asked = Some(now);
            if let Some(flow) = feed.detail(detail.id.flow) {
                let place = place_in(&flow, detail.id, &self.table);
                (detail.flow, detail.moment) = (Some((flow, place)), self.table.now);
            }
            self.is_changed = true;
        }
        if kind == Kind::File && !is_once && has_ended && detail.series.is_none() {
            detail.series = Some(Err(0.0));
            let span = self.format.now.zip(self.format.began).map_or(0, |(now, began)| now.since(began));
            let step = u64::try_from(span).unwrap_or(0) / SERIES_POINTS;
            feed.ask(Request::Series(detail.id.flow, step.max(1)));
        }
    }
}

/// Where a live row stands in the flow of a document: levels are in another order there, and names say which is which.
fn place_in(flow: &Flow, id: RowId, table: &streamlens_model::row::RowTable) -> RowId {
    let wanted = LiveFlow::new(table, id.flow).and_then(|live| {
        let found = rows(live.flow(), RowContext::default());
        let mut found = found.filter(|row| live.row(row).is_some_and(|own| own.id == id));
        found.next().map(|row| path(&row))
    });
    let Some(wanted) = wanted else { return RowId::flow(flow.id) };
    let found = rows(flow, RowContext::default()).find(|row| row.level() == id.level && path(row) == wanted);
    found.map_or(RowId::flow(flow.id), |row| row.id())
}

/// The names that lead to a row.
fn path(row: &RowRef<'_>) -> Vec<String> {
    let mut path = Vec::new();
    path.extend(row.transport().map(|transport| transport.protocol_name.to_string()));
    path.extend(row.encoding().map(|encoding| encoding.encoding_name.to_string()));
    path.extend(row.stream().map(|stream| stream.id.clone()));
    path.extend(row.type_path().iter().map(|name| (*name).to_owned()));
    path.push(Level::name(row.level()).to_owned());
    path
}
