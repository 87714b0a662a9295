//! What the rows on the screen say: made for them alone.

use std::collections::HashMap;

use streamlens_model::row::{Cell, FindingIndex, FlowId, Level, LiveFlow, RowId, RowRef, RowTable, rows};

use crate::columns::Shown;
use crate::format::Format;
use crate::tree::Line;

/// The texts of a row's columns.
#[derive(Debug)]
pub(crate) struct RowCells {
    pub(crate) cells: Vec<String>,
}

/// The texts of some rows, in their order; `None` for those that are gone.
pub(crate) fn cells(
    lines: &[Line],
    columns: &[Shown],
    table: &RowTable,
    index: Option<&FindingIndex>,
    format: &Format,
) -> Vec<RowCells> {
    let mut flows: HashMap<FlowId, LiveFlow> = HashMap::new();
    for line in lines {
        if !flows.contains_key(&line.id.flow)
            && let Some(live) = LiveFlow::new(table, line.id.flow)
        {
            flows.insert(line.id.flow, live);
        }
    }
    let mut found: HashMap<RowId, RowRef<'_>> = HashMap::new();
    let mut lost: HashMap<FlowId, u64> = HashMap::new();
    for (&flow, live) in &flows {
        for row in rows(live.flow(), live.context(table, index)) {
            if row.level() == Level::Encoding
                && let Some(of_encoding) = row.health().lost
            {
                *lost.entry(flow).or_default() += of_encoding;
            }
            if let Some(own) = live.row(&row) {
                found.insert(own.id, row);
            }
        }
    }
    let text_of = |line: &Line, column: &Shown, row: &RowRef<'_>| match (row.level(), column.field.name()) {
        // what its encodings lost, so that a closed row shows it
        (Level::Flow, "lost") => lost.get(&line.id.flow).map_or_else(String::new, |&lost| {
            format.cell(&Cell::Count(lost), column.field.kind(), column.width.saturating_sub(1))
        }),
        _ => text(column, row, format),
    };
    let texts = |line: &Line| match found.get(&line.id) {
        Some(row) => columns.iter().map(|column| text_of(line, column, row)).collect(),
        None => Vec::new(),
    };
    lines.iter().map(|line| RowCells { cells: texts(line) }).collect()
}

/// What a row has in a column.
pub(crate) fn text(column: &Shown, row: &RowRef<'_>, format: &Format) -> String {
    let name = column.field.name();
    if row.level() == Level::Flow && matches!(name, "transport" | "encoding") {
        return of_flow(name, row);
    }
    let mut text = String::new();
    // what names the row above stands there
    if !column.field.is_at(row.level()) {
        return text;
    }
    column.field.read_own(row, &mut |cell| {
        if !text.is_empty() {
            text.push(',');
        }
        match (&cell, name) {
            (Cell::Text("unicast"), "cast") => text.push_str("Uni"),
            (Cell::Text("multicast"), "cast") => text.push_str("Multi"),
            (Cell::Text("broadcast"), "cast") => text.push_str("Broad"),
            _ => text.push_str(&format.cell(&cell, column.field.kind(), column.width.saturating_sub(1))),
        }
        false
    });
    text
}

/// The transports or encodings of a flow, in its own line.
fn of_flow(name: &str, row: &RowRef<'_>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for transport in &row.flow().transport_protocols {
        match name {
            "transport" => names.push(&transport.protocol_name),
            _ => names.extend(transport.application_encodings.iter().map(|encoding| &*encoding.encoding_name)),
        }
    }
    let first = names.first().copied().unwrap_or_default();
    let first = if first == "Ethernet" { "Ether" } else { first };
    match names.len() {
        0 | 1 => first.to_owned(),
        more => format!("{first}+{}", more - 1),
    }
}
