//! The list of findings.

use std::sync::Arc;
use std::time::Instant;

use streamlens_model::Finding;
use streamlens_model::row::{FindingId, RowId};

use super::{App, View};
use crate::tree::is_at_or_below;

/// The order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FindingOrder {
    /// What happened last stands first.
    #[default]
    Newest,
    /// The gravest first.
    Gravest,
    /// By code.
    Code,
}

impl FindingOrder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest first",
            Self::Gravest => "gravest first",
            Self::Code => "by code",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Newest => Self::Gravest,
            Self::Gravest => Self::Code,
            Self::Code => Self::Newest,
        }
    }
}

/// Which finding is selected, and in which order they stand.
#[derive(Debug, Default)]
pub(crate) struct FindingList {
    pub(crate) order: FindingOrder,
    pub(crate) is_turned: bool,
    pub(crate) selected: Option<FindingId>,
}

/// A finding of the list.
pub(crate) type Listed = (FindingId, Option<RowId>, Arc<Finding>);

impl App {
    /// The findings that are shown, in their order: under a filter those of rows that it leaves, and whatever its words those of
    /// no row, which are of the capture or of what spans flows.
    pub(crate) fn listed(&self) -> Vec<Listed> {
        let least = self.narrowing.severity();
        let is_left = |row: &Option<RowId>| row.is_none_or(|row| self.tree.is_left(row));
        let all = self.table.findings.iter();
        let all = all.filter(|(_, (row, finding))| Some(finding.severity) >= least && is_left(row));
        let mut list: Vec<Listed> = all.map(|(id, (row, finding))| (*id, *row, Arc::clone(finding))).collect();
        list.sort_by(|(one_id, _, one), (other_id, _, other)| {
            let newest = (other.last.time, other.last.frame).cmp(&(one.last.time, one.last.frame));
            let order = match self.findings.order {
                FindingOrder::Newest => newest,
                FindingOrder::Gravest => other.severity.cmp(&one.severity).then(newest),
                FindingOrder::Code => one.code.cmp(&other.code).then(newest),
            };
            order.then(one_id.cmp(other_id))
        });
        if self.findings.is_turned {
            list.reverse();
        }
        list
    }

    /// The finding that is selected, and its place.
    pub(crate) fn selected_finding<'l>(&self, list: &'l [Listed]) -> Option<(usize, &'l Listed)> {
        let place = list.iter().position(|(id, ..)| Some(*id) == self.findings.selected).unwrap_or(0);
        list.get(place).map(|found| (place, found))
    }

    /// Moves the selection in the list of findings.
    pub(crate) fn step_finding(&mut self, by: isize) {
        let list = self.listed();
        let place = self.selected_finding(&list).map_or(0, |(place, _)| place);
        let to = place.saturating_add_signed(by).min(list.len().saturating_sub(1));
        self.findings.selected = list.get(to).map(|(id, ..)| *id);
    }

    pub(crate) fn next_finding_order(&mut self) {
        self.findings.order = self.findings.order.next();
    }

    /// Goes to the row of the selected finding.
    pub(crate) fn go_to_finding(&mut self, now: Instant) {
        let list = self.listed();
        match self.selected_finding(&list) {
            Some((_, (_, Some(row), _))) => {
                let row = *row;
                self.views.retain(|view| !matches!(view, View::Findings | View::Detail));
                self.tree.select(row, &self.table);
            }
            Some(_) => self.say("it stands at no row: it is of the capture, or of what spans flows", now),
            None => {}
        }
    }

    /// Findings at a row or below it.
    pub(crate) fn findings_of(&self, id: RowId) -> Vec<&Finding> {
        let all = self.table.findings.values();
        all.filter(|(row, _)| row.is_some_and(|row| is_at_or_below(row, id))).map(|(_, finding)| &**finding).collect()
    }

    /// Goes to the next row in the order of the tree that has a finding, or to the one before.
    pub(crate) fn step_to_finding(&mut self, is_forward: bool) {
        let places: std::collections::HashMap<_, _> =
            self.tree.order().iter().enumerate().map(|(place, flow)| (*flow, place)).collect();
        let rows = self.table.findings.values().filter_map(|(row, _)| *row);
        let rows = rows.map(|row| self.tree.met_at(row, &self.table));
        let mut rows: Vec<(usize, RowId)> =
            rows.filter_map(|row| places.get(&row.flow).map(|place| (*place, row))).collect();
        rows.sort_unstable();
        rows.dedup();
        let Some(own) = self.tree.selected() else { return };
        let own = (places.get(&own.flow).copied().unwrap_or(0), own);
        let found = match is_forward {
            true => rows.iter().find(|row| **row > own).or(rows.first()),
            false => rows.iter().rev().find(|row| **row < own).or(rows.last()),
        };
        if let Some((_, row)) = found.copied() {
            self.tree.select(row, &self.table);
        }
    }
}
