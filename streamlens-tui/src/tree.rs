//! The hierarchy as an expandable tree: what is open, where one is, and the rows on the screen. Only those are made.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use streamlens_model::Severity;
use streamlens_model::row::{FlowId, Level, RowId, RowTable};

/// A row of the tree as it stands on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Which row.
    pub id: RowId,
    /// The lines that lead to it: `├`, `│└`.
    pub lead: String,
    /// Whether it is open; `None` where nothing lies below.
    pub is_open: Option<bool>,
}

/// What is open and selected.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Flows in the order in which they are shown.
    order: Vec<FlowId>,
    places: HashMap<FlowId, usize>,
    /// Rows that are open.
    open: BTreeSet<RowId>,
    /// The selected row.
    selected: Option<RowId>,
    /// The row in the first line of the screen.
    top: Option<RowId>,
    /// The rows of flows that a filter leaves, in their order, where there is a filter.
    left: Option<HashMap<FlowId, Vec<RowId>>>,
}

/// A place in the tree: a flow by its place in the order, and a line of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    flow: usize,
    line: usize,
}

impl Tree {
    /// The flows that are shown, in their order.
    #[must_use]
    pub(crate) fn order(&self) -> &[FlowId] {
        &self.order
    }

    /// Sets which flows are shown, in which order.
    pub(crate) fn set_order(&mut self, order: Vec<FlowId>) {
        self.places = order.iter().enumerate().map(|(place, flow)| (*flow, place)).collect();
        let old = std::mem::replace(&mut self.order, order);
        // where the selected flow is gone, the one that has its place now
        if let Some(row) = self.selected
            && !self.places.contains_key(&row.flow)
        {
            let place = old.iter().position(|flow| *flow == row.flow).unwrap_or(0);
            let next = old.iter().skip(place).chain(old.iter().take(place).rev());
            let next = next.copied().find(|flow| self.places.contains_key(flow)).or(self.order.first().copied());
            self.selected = next.map(RowId::flow);
        }
        if self.selected.is_none() {
            self.selected = self.order.first().copied().map(RowId::flow);
        }
    }

    /// Shows only these rows of the flows; all where there are none.
    pub(crate) fn set_left(&mut self, left: Option<HashMap<FlowId, Vec<RowId>>>) {
        self.left = left;
    }

    /// The rows that a filter leaves.
    pub(crate) fn left_mut(&mut self) -> Option<&mut HashMap<FlowId, Vec<RowId>>> {
        self.left.as_mut()
    }

    /// The selected row.
    #[must_use]
    pub(crate) fn selected(&self) -> Option<RowId> {
        self.selected
    }

    /// Where a row is met: at the flow where it is a transport that has no line of its own.
    pub(crate) fn met_at(&self, id: RowId, table: &RowTable) -> RowId {
        let has_line = || self.lines(id.flow, table).iter().any(|line| line.id == id);
        if id.level == Level::Transport && !has_line() { RowId::flow(id.flow) } else { id }
    }

    /// Selects a row, and opens what it lies in.
    pub(crate) fn select(&mut self, id: RowId, table: &RowTable) {
        let id = self.met_at(id, table);
        let mut above = parent(table, id);
        while let Some(row) = above {
            self.open.insert(row);
            above = parent(table, row);
        }
        self.selected = Some(id);
    }

    /// The place of the selected flow among those that are shown, from 1.
    #[must_use]
    pub(crate) fn place(&self) -> Option<usize> {
        self.selected.and_then(|row| self.places.get(&row.flow)).map(|place| place + 1)
    }

    /// Whether a filter leaves anything of a flow.
    #[must_use]
    pub(crate) fn is_flow_left(&self, flow: FlowId) -> bool {
        self.left.as_ref().is_none_or(|left| left.get(&flow).is_some_and(|rows| !rows.is_empty()))
    }

    /// Whether a filter leaves a row.
    #[must_use]
    pub(crate) fn is_left(&self, id: RowId) -> bool {
        self.left.as_ref().is_none_or(|left| left.get(&id.flow).is_some_and(|rows| rows.binary_search(&id).is_ok()))
    }

    /// The lines of a flow.
    #[must_use]
    pub(crate) fn lines(&self, flow: FlowId, table: &RowTable) -> Vec<Line> {
        let own = RowId::flow(flow);
        let below_own = || table.rows.range(own..).skip(1).take_while(|(id, _)| id.flow == flow);
        let has_below = below_own().any(|(id, _)| id.level > Level::Transport && self.is_left(*id));
        let is_open = self.open.contains(&own);
        let mut lines = vec![Line { id: own, lead: String::new(), is_open: has_below.then_some(is_open) }];
        if has_below && is_open {
            let mut below: BTreeMap<RowId, Vec<RowId>> = BTreeMap::new();
            for (id, (row, _)) in below_own().filter(|(id, _)| self.is_left(**id)) {
                below.entry(row.parent.unwrap_or(own)).or_default().push(*id);
            }
            // a transport has a line of its own only where there are several
            let root = match below.get(&own).map(Vec::as_slice) {
                Some([only]) => *only,
                _ => own,
            };
            self.add(root, "", &below, &mut lines);
        }
        lines
    }

    /// Adds the lines below a row.
    fn add(&self, above: RowId, lead: &str, below: &BTreeMap<RowId, Vec<RowId>>, lines: &mut Vec<Line>) {
        let Some(rows) = below.get(&above) else { return };
        for (place, id) in rows.iter().enumerate() {
            let is_last = place + 1 == rows.len();
            let is_open = below.contains_key(id).then(|| self.open.contains(id));
            lines.push(Line { id: *id, lead: format!("{lead}{}", if is_last { "└" } else { "├" }), is_open });
            if is_open == Some(true) {
                self.add(*id, &format!("{lead}{}", if is_last { " " } else { "│" }), below, lines);
            }
        }
    }

    /// Where a row stands; where it is not shown, the nearest row above that is.
    fn place_of(&self, id: RowId, table: &RowTable) -> Option<Place> {
        let flow = *self.places.get(&id.flow)?;
        let lines = self.lines(id.flow, table);
        let mut row = Some(id);
        while let Some(id) = row {
            if let Some(line) = lines.iter().position(|line| line.id == id) {
                return Some(Place { flow, line });
            }
            row = parent(table, id);
        }
        Some(Place { flow, line: 0 })
    }

    /// The place so many lines away; the first or last one where there are not so many.
    fn moved(&self, from: Place, by: isize, table: &RowTable) -> Place {
        let mut place = from;
        let mut left = by.unsigned_abs();
        while left > 0 {
            if by > 0 {
                let count = self.order.get(place.flow).map_or(0, |flow| self.lines(*flow, table).len());
                let step = count.saturating_sub(place.line + 1).min(left);
                (place.line, left) = (place.line + step, left - step);
                if left > 0 {
                    if place.flow + 1 >= self.order.len() {
                        break;
                    }
                    place = Place { flow: place.flow + 1, line: 0 };
                    left -= 1;
                }
            } else {
                let step = place.line.min(left);
                (place.line, left) = (place.line - step, left - step);
                if left > 0 {
                    if place.flow == 0 {
                        break;
                    }
                    let flow = place.flow - 1;
                    let count = self.order.get(flow).map_or(1, |flow| self.lines(*flow, table).len());
                    place = Place { flow, line: count.saturating_sub(1) };
                    left -= 1;
                }
            }
        }
        place
    }

    fn row_at(&self, place: Place, table: &RowTable) -> Option<RowId> {
        let flow = *self.order.get(place.flow)?;
        self.lines(flow, table).get(place.line).map(|line| line.id)
    }

    /// Moves the selection by so many lines.
    pub(crate) fn step(&mut self, by: isize, table: &RowTable) {
        let from = self.selected.and_then(|id| self.place_of(id, table)).unwrap_or(Place { flow: 0, line: 0 });
        self.selected = self.row_at(self.moved(from, by, table), table);
    }

    /// Selects the first row.
    pub(crate) fn first(&mut self) {
        self.selected = self.order.first().copied().map(RowId::flow);
    }

    /// Selects the last row.
    pub(crate) fn last(&mut self, table: &RowTable) {
        let last = self.order.last().and_then(|flow| self.lines(*flow, table).last().map(|line| line.id));
        self.selected = last.or(self.selected);
    }

    /// Opens the selected row; one that is open leads to the first below it.
    pub(crate) fn open(&mut self, table: &RowTable) {
        let Some(line) = self.selected_line(table) else { return };
        match line.is_open {
            Some(false) => {
                self.open.insert(line.id);
            }
            Some(true) => self.step(1, table),
            None => {}
        }
    }

    /// Closes the selected row; from one that is closed, or that nothing lies below, it leads to the row above.
    pub(crate) fn close(&mut self, table: &RowTable) {
        let Some(line) = self.selected_line(table) else { return };
        if line.is_open == Some(true) {
            self.open.remove(&line.id);
            return;
        }
        let mut above = parent(table, line.id);
        let lines = self.lines(line.id.flow, table);
        while let Some(id) = above {
            if lines.iter().any(|line| line.id == id) {
                self.selected = Some(id);
                return;
            }
            above = parent(table, id);
        }
    }

    /// Opens or closes a row.
    pub(crate) fn turn(&mut self, id: RowId) {
        if !self.open.remove(&id) {
            self.open.insert(id);
        }
    }

    /// Shows the packet types and streams of the selected flow, or hides them.
    pub(crate) fn turn_types(&mut self, table: &RowTable) {
        let Some(row) = self.selected else { return };
        let own = RowId::flow(row.flow);
        let rows = || table.rows.range(own..).map(|(id, _)| *id).take_while(|id| id.flow == row.flow);
        let encodings: Vec<RowId> = rows().filter(|id| id.level == Level::Encoding).collect();
        let is_shown = self.open.contains(&own) && encodings.iter().any(|id| self.open.contains(id));
        if is_shown {
            self.open.retain(|id| !encodings.contains(id));
            if matches!(row.level, Level::Stream | Level::PacketType) {
                self.selected = Some(RowId::encoding(row.flow, row.transport, row.encoding));
            }
        } else {
            self.open.insert(own);
            self.open.extend(rows().filter(|id| id.level == Level::Transport));
            self.open.extend(encodings);
        }
    }

    /// Opens all rows, or closes them.
    pub(crate) fn open_all(&mut self, is_open: bool, table: &RowTable) {
        if is_open {
            self.open.extend(table.rows.iter().filter(|(_, (row, _))| row.id.level < Level::Stream).map(|(id, _)| *id));
            let nested = table.rows.values().filter(|(row, _)| row.id.level == Level::PacketType);
            let around = nested.filter_map(|(row, _)| row.parent).filter(|id| id.level == Level::PacketType);
            self.open.extend(around);
        } else {
            self.open.clear();
            self.selected = self.selected.map(|row| RowId::flow(row.flow));
        }
    }

    fn selected_line(&self, table: &RowTable) -> Option<Line> {
        let place = self.place_of(self.selected?, table)?;
        let flow = *self.order.get(place.flow)?;
        self.lines(flow, table).into_iter().nth(place.line)
    }

    /// The lines that are on a screen of that height, the selected row being among them.
    pub(crate) fn on_screen(&mut self, height: usize, table: &RowTable) -> Vec<Line> {
        let Some(selected) = self.selected.and_then(|id| self.place_of(id, table)) else { return Vec::new() };
        self.selected = self.row_at(selected, table);
        let back = isize::try_from(height.saturating_sub(1)).unwrap_or(0);
        let earliest = self.moved(selected, -back, table);
        let top = self.top.and_then(|id| self.place_of(id, table)).unwrap_or(Place { flow: 0, line: 0 });
        let mut top = top.clamp(earliest, selected);
        let mut lines = self.lines_from(top, height, table);
        if lines.len() < height {
            // no empty lines at the end while there are rows in front
            let missing = isize::try_from(height - lines.len()).unwrap_or(0);
            top = self.moved(top, -missing, table);
            lines = self.lines_from(top, height, table);
        }
        self.top = lines.first().map(|line| line.id);
        lines
    }

    fn lines_from(&self, top: Place, height: usize, table: &RowTable) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut skipped = top.line;
        for flow in self.order.iter().skip(top.flow) {
            if lines.len() >= height {
                break;
            }
            lines.extend(self.lines(*flow, table).into_iter().skip(skipped));
            skipped = 0;
        }
        lines.truncate(height);
        lines
    }
}

/// The row above a row.
#[must_use]
pub(crate) fn parent(table: &RowTable, id: RowId) -> Option<RowId> {
    table.rows.get(&id).and_then(|(row, _)| row.parent)
}

/// Whether a row is another one, or lies below it.
#[must_use]
pub(crate) fn is_at_or_below(row: RowId, above: RowId) -> bool {
    row.flow == above.flow
        && match above.level {
            Level::Flow => true,
            Level::Transport => row.level >= above.level && row.transport == above.transport,
            Level::Encoding => {
                row.level >= above.level && (row.transport, row.encoding) == (above.transport, above.encoding)
            }
            Level::Stream | Level::PacketType => row == above,
        }
}

/// The gravest finding at a row or below it.
#[must_use]
pub(crate) fn gravest(table: &RowTable, id: RowId) -> Option<Severity> {
    let rows = table.rows.range(RowId::flow(id.flow)..).take_while(|(other, _)| other.flow == id.flow);
    rows.filter(|(other, _)| is_at_or_below(**other, id)).filter_map(|(_, (row, _))| row.severity).max()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use streamlens_model::row::{Row, RowName};

    use super::*;

    /// Flows with two encodings of two types each.
    fn table(flows: u32) -> RowTable {
        let mut table = RowTable::default();
        let mut add = |id: RowId, parent| {
            let name = RowName::Named(Arc::from(id.to_string()));
            table.rows.insert(id, (Row { id, parent, ..Row::default() }, Some(name)));
        };
        for slot in 0..flows {
            let flow = FlowId { slot, generation: 0 };
            add(RowId::flow(flow), None);
            add(RowId::transport(flow, 0), Some(RowId::flow(flow)));
            for encoding in 0..2 {
                let id = RowId::encoding(flow, 0, encoding);
                add(id, Some(RowId::transport(flow, 0)));
                (0..2).for_each(|item| add(id.below(Level::PacketType, item), Some(id)));
            }
        }
        table
    }

    fn tree(flows: u32) -> (Tree, RowTable) {
        let mut tree = Tree::default();
        tree.set_order((0..flows).map(|slot| FlowId { slot, generation: 0 }).collect());
        (tree, table(flows))
    }

    fn screen(tree: &mut Tree, table: &RowTable, height: usize) -> Vec<String> {
        let selected = tree.selected();
        let lines = tree.on_screen(height, table);
        lines
            .iter()
            .map(|line| format!("{}{}{}", line.lead, line.id, if Some(line.id) == selected { "<" } else { "" }))
            .collect()
    }

    #[test]
    fn a_row_opens_closes_and_leads_up() {
        let (mut tree, table) = tree(2);
        assert_eq!(screen(&mut tree, &table, 9), ["0<", "1"]);
        tree.open(&table);
        assert_eq!(screen(&mut tree, &table, 9), ["0<", "├0/0/0", "└0/0/1", "1"]);
        tree.open(&table);
        tree.open(&table);
        assert_eq!(screen(&mut tree, &table, 9), ["0", "├0/0/0<", "│├0/0/0/t0", "│└0/0/0/t1", "└0/0/1", "1"]);
        tree.step(1, &table);
        tree.close(&table);
        assert_eq!(tree.selected(), Some(RowId::encoding(FlowId::default(), 0, 0)));
        tree.close(&table);
        tree.close(&table);
        assert_eq!(screen(&mut tree, &table, 9), ["0<", "├0/0/0", "└0/0/1", "1"]);
    }

    #[test]
    fn space_shows_and_hides_the_types() {
        let (mut tree, table) = tree(1);
        tree.turn_types(&table);
        assert_eq!(screen(&mut tree, &table, 9).len(), 7);
        tree.last(&table);
        tree.turn_types(&table);
        assert_eq!(screen(&mut tree, &table, 9), ["0", "├0/0/0", "└0/0/1<"]);
    }

    #[test]
    fn the_selection_is_a_row_whatever_the_order() {
        let (mut tree, table) = tree(100);
        tree.step(50, &table);
        assert_eq!(screen(&mut tree, &table, 3), ["48", "49", "50<"]);
        let order: Vec<FlowId> = tree.order().iter().rev().copied().collect();
        tree.set_order(order);
        assert!(screen(&mut tree, &table, 3).contains(&"50<".to_owned()));
        // it ends: the one behind it is selected
        let order: Vec<FlowId> = tree.order().iter().copied().filter(|flow| flow.slot != 50).collect();
        tree.set_order(order);
        assert_eq!(tree.selected(), Some(RowId::flow(FlowId { slot: 49, generation: 0 })));
        tree.last(&table);
        assert_eq!(screen(&mut tree, &table, 2), ["1", "0<"]);
        tree.step(-1000, &table);
        assert_eq!(screen(&mut tree, &table, 2), ["99<", "98"]);
    }
}
