//! From the selected row to a filter, to the clipboard, to the packets that are to be written.

use std::collections::BTreeSet;

use streamlens_model::row::{Cell, FlowId, Level, LiveFlow, RowId, RowName, RowRef, RowTable, rows};
use streamlens_model::{FlowKey, Timestamp};

use super::{App, View};
use crate::columns;
use crate::feed::{Packets, RowPath};
use crate::format::{Format, TimeFormat, Units};

/// Seconds around a finding or an outlier that are written.
const AROUND_NS: i64 = 5_000_000_000;

impl App {
    /// A filter for what is like the selected row.
    pub(crate) fn like(&self) -> Option<String> {
        let id = self.tree.selected()?;
        let live = LiveFlow::new(&self.table, id.flow)?;
        let row = find(&live, id)?;
        let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let key = &row.flow().key;
        Some(match row.level() {
            Level::Flow => {
                let end = |end| Cell::Endpoint(end).to_string();
                format!("src == {} and dst == {}", end(key.src), end(key.dst))
            }
            Level::Transport => format!("transport == {}", quoted(&row.transport()?.protocol_name)),
            Level::Encoding => format!("encoding == {}", quoted(&row.encoding()?.encoding_name)),
            Level::Stream => format!("stream == {}", quoted(&row.stream()?.id)),
            Level::PacketType => {
                let encoding = quoted(&row.encoding()?.encoding_name);
                format!("encoding == {encoding} and type == {}", quoted(&row.packet_type()?.type_name))
            }
        })
    }

    /// The value of the chosen column in the selected row; the row's name where none is chosen.
    pub(crate) fn value(&self, columns: usize) -> Option<String> {
        let id = self.tree.selected()?;
        let layout = columns::layout(columns, self.options.columns.as_deref(), false);
        let Some(shown) = self.column.checked_sub(1).and_then(|column| layout.columns.get(column)) else {
            return Some(self.name_of(id));
        };
        let live = LiveFlow::new(&self.table, id.flow)?;
        let row = find(&live, id)?;
        let mut text = String::new();
        shown.field.write_own(&row, &mut text);
        Some(text)
    }

    /// The selected row as text: its name, and what stands in its columns, exactly.
    pub(crate) fn row_text(&self) -> Option<String> {
        let id = self.tree.selected()?;
        let live = LiveFlow::new(&self.table, id.flow)?;
        let row = find(&live, id)?;
        let format = Format { units: Units::Exact, times: TimeFormat::Date, ..self.format };
        let mut text = crate::draw::title(self, id);
        for shown in columns::layout(400, self.options.columns.as_deref(), true).columns {
            let value = super::rows::text(&shown, &row, &format);
            if !value.is_empty() {
                let unit = streamlens_model::row::column(shown.field.name()).map_or("", |column| column.unit());
                text.push_str(&format!("\t{} {value} {unit}", shown.field.name()));
                text.truncate(text.trim_end().len());
            }
        }
        Some(streamlens_model::text::escaped(&text).replace("\\t", "\t"))
    }

    /// What a row is called.
    pub(crate) fn name_of(&self, id: RowId) -> String {
        match self.table.rows.get(&id).and_then(|(_, name)| name.as_ref()) {
            Some(RowName::Flow(key, _)) => key.to_string(),
            Some(RowName::Named(name)) => name.to_string(),
            Some(RowName::Stream(id, _)) => id.to_string(),
            None => String::new(),
        }
    }

    /// The key of a flow.
    pub(crate) fn key_of(&self, flow: FlowId) -> Option<FlowKey> {
        match self.table.rows.get(&RowId::flow(flow)) {
            Some((_, Some(RowName::Flow(key, _)))) => Some(*key),
            _ => None,
        }
    }

    /// The packets of the row that is selected, or whose detail is shown, and what it is called.
    pub(crate) fn packets_of_row(&self) -> Option<(Packets, String)> {
        let of_detail = self.detail.as_ref().filter(|_| self.view() == View::Detail).map(|detail| detail.id);
        let id = of_detail.or(self.tree.selected())?;
        let (key, row) = (self.key_of(id.flow)?, RowPath::of(&self.table, id));
        let what = row.as_ref().map_or_else(|| key.to_string(), |row| format!("{row} of {key}"));
        Some((Packets { flows: BTreeSet::from([key]), span: None, row }, what))
    }

    /// The packets of all flows that are shown; all packets where nothing narrows.
    pub(crate) fn packets_shown(&self) -> Packets {
        let all = self.table.rows.keys().filter(|id| id.level == Level::Flow).count();
        let shown = self.tree.order();
        let flows =
            if shown.len() == all { BTreeSet::new() } else { shown.iter().filter_map(|id| self.key_of(*id)).collect() };
        Packets { flows, span: None, row: None }
    }

    /// The packets of a flow around a moment.
    pub(crate) fn packets_around(&self, flow: Option<FlowId>, time: Timestamp) -> Packets {
        let moved = |by: i64| Timestamp::from_nanos(time.as_nanos().saturating_add(by));
        let flows = flow.and_then(|flow| self.key_of(flow)).into_iter().collect();
        Packets { flows, span: Some(moved(-AROUND_NS)..moved(AROUND_NS)), row: None }
    }

    /// The rows that match the filter themselves, of a flow.
    pub(crate) fn matching(&self, flow: FlowId) -> Vec<RowId> {
        let (Some(filter), Some(live)) = (self.narrowing.filter(), LiveFlow::new(&self.table, flow)) else {
            return Vec::new();
        };
        let index = filter.asks_for_findings().then(|| self.table.finding_index());
        let context = live.context(&self.table, index.as_ref());
        let found = rows(live.flow(), context).filter(|row| filter.matches(row));
        found.filter_map(|row| live.row(&row).map(|own| own.id)).collect()
    }

    /// Goes to the next row that matches the filter, or to the one before.
    pub(crate) fn step_to_match(&mut self, is_forward: bool) {
        self.settle_all();
        let Some(own) = self.tree.selected() else { return };
        let count = self.tree.order().len();
        let place = self.tree.place().map_or(0, |place| place - 1);
        // the own flow again at last: what lies on the other side of the own row
        for step in 0..=count {
            let at = if is_forward { place + step } else { place + count - step } % count.max(1);
            let Some(flow) = self.tree.order().get(at).copied() else { return };
            let rows = self.matching(flow);
            let found = match (is_forward, step) {
                (true, 0) => rows.iter().find(|row| **row > own),
                (false, 0) => rows.iter().rev().find(|row| **row < own),
                (true, _) => rows.first(),
                (false, _) => rows.last(),
            };
            if let Some(row) = found.copied() {
                return self.tree.select(row, &self.table);
            }
        }
    }
}

/// A live row in the shape of a document's.
fn find<'l>(live: &'l LiveFlow, id: RowId) -> Option<RowRef<'l>> {
    let context = live.context(&RowTable::default(), None);
    rows(live.flow(), context).find(|row| live.row(row).is_some_and(|own| own.id == id))
}
