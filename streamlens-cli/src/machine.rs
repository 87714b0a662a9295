//! JSON, as one document or by line, written in pieces.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use streamlens::model::row::{Cell, Field, RowRef};
use streamlens::model::{Analysis, CaptureSummary, Finding, Flow, Metadata, SCHEMA};

use super::json::{self, JsonBuffer};
use super::view::View;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The document of schema `streamlens.analysis/1`, as an [`Analysis`] serializes, and a line feed.
    Json,
    /// The parts of that document, one a line: first schema and capture, then flows, findings and networks.
    Ndjson,
}

/// A line of NDJSON; the key says what it is.
#[derive(serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Flow(&'a Flow),
    Row(&'a FlatRow<'a>),
    Finding(&'a Finding),
    Networks(&'a BTreeMap<String, Metadata>),
}

/// A row with the columns that were asked for, by their names; what it has no value of is left out.
struct FlatRow<'a> {
    row: RowRef<'a>,
    columns: &'a [Field],
}

impl Serialize for FlatRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.row.id().to_string())?;
        map.serialize_entry("level", self.row.level().name())?;
        for field in self.columns.iter().filter(|field| field.name() != "level") {
            let mut cells = Vec::new();
            field.read_own(&self.row, &mut |cell| {
                cells.push(OneCell(cell));
                false
            });
            match cells.as_slice() {
                [] => {}
                [cell] => map.serialize_entry(field.name(), cell)?,
                cells => map.serialize_entry(field.name(), cells)?,
            }
        }
        map.end()
    }
}

/// A value as the document has it.
struct OneCell<'a>(Cell<'a>);

impl Serialize for OneCell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Cell::Count(count) => serializer.serialize_u64(count),
            Cell::Number(number) => serializer.serialize_f64(number),
            Cell::Bool(answer) => serializer.serialize_bool(answer),
            Cell::Text(text) => serializer.serialize_str(text),
            other => serializer.collect_str(&other),
        }
    }
}

/// The first line of NDJSON.
#[derive(serde::Serialize)]
struct Head<'a> {
    schema: &'a str,
    capture: &'a CaptureSummary,
}

/// Several flows, or several findings, as they stand in the output.
#[derive(Default)]
pub(crate) struct Piece {
    /// In JSON with a comma in front of each.
    bytes: JsonBuffer,
    /// What it holds; `None` where it is empty.
    list: Option<List>,
    /// Why one of them can't be written.
    failure: Option<io::Error>,
}

impl Piece {
    /// Adds a flow; in NDJSON, where columns are asked for, its rows with these.
    pub(crate) fn flow(&mut self, form: Form, flow: &Flow, columns: &[Field], view: View<'_>) {
        self.list = Some(List::Flows);
        if form == Form::Json || columns.is_empty() {
            return self.add(form, flow, Line::Flow);
        }
        for row in view.rows(flow) {
            self.add(form, &FlatRow { row, columns }, Line::Row);
        }
    }

    /// Adds a finding.
    pub(crate) fn finding(&mut self, form: Form, finding: &Finding) {
        self.list = Some(List::Findings);
        self.add(form, finding, Line::Finding);
    }

    fn add<'a, P: Serialize>(&mut self, form: Form, part: &'a P, line_of: impl FnOnce(&'a P) -> Line<'a>) {
        let result = match form {
            Form::Json => {
                self.bytes.text.push(b',');
                self.bytes.append(part)
            }
            Form::Ndjson => line(&mut self.bytes, &line_of(part)),
        };
        self.failure = self.failure.take().or(result.err().map(io::Error::from));
    }
}

/// A list of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum List {
    Flows,
    Findings,
}

/// An output that is being written.
pub(crate) struct Document<W> {
    out: W,
    form: Form,
    /// The list that is being written, and whether there is nothing in it yet.
    list: Option<List>,
    is_empty: bool,
    /// What went wrong; nothing is written any more then.
    failure: Option<io::Error>,
}

impl<W: Write> Document<W> {
    pub(crate) fn new(out: W, form: Form) -> Self {
        Self { out, form, list: None, is_empty: true, failure: None }
    }

    /// Writes the next flows or findings, and empties the piece; false where nothing can be written any more. Flows come
    /// before findings.
    pub(crate) fn piece(&mut self, capture: &CaptureSummary, piece: &mut Piece) -> bool {
        let Piece { mut bytes, list, failure } = std::mem::take(piece);
        if let Some(list) = list.filter(|_| self.failure.is_none()) {
            self.failure = failure.or(self.try_piece(capture, &bytes.text, list).err());
        }
        bytes.text.clear();
        piece.bytes = bytes;
        self.failure.is_none()
    }

    fn try_piece(&mut self, capture: &CaptureSummary, bytes: &[u8], list: List) -> io::Result<()> {
        self.begin(capture, list)?;
        // the first of a list has no comma in front
        let is_first = std::mem::replace(&mut self.is_empty, false);
        let skipped = usize::from(self.form == Form::Json && is_first);
        self.out.write_all(bytes.get(skipped..).unwrap_or_default())
    }

    /// Writes what stands in front of a list, where that has not been written.
    fn begin(&mut self, capture: &CaptureSummary, list: List) -> io::Result<()> {
        if self.list.is_none() {
            self.head(capture)?;
            self.list = Some(List::Flows);
        }
        if self.list < Some(list) {
            if self.form == Form::Json {
                self.out.write_all(b"],\"findings\":[")?;
            }
            (self.list, self.is_empty) = (Some(list), true);
        }
        Ok(())
    }

    fn head(&mut self, capture: &CaptureSummary) -> io::Result<()> {
        let mut bytes = JsonBuffer::default();
        match self.form {
            Form::Ndjson => line(&mut bytes, &Head { schema: SCHEMA, capture })?,
            Form::Json => {
                bytes.text.extend(b"{\"schema\":");
                bytes.append(SCHEMA)?;
                bytes.text.extend(b",\"capture\":");
                bytes.append(capture)?;
                bytes.text.extend(b",\"flows\":[");
            }
        }
        self.out.write_all(&bytes.text)
    }

    /// Writes what follows on flows and findings; those of `analysis` itself are not looked at.
    pub(crate) fn end(mut self, analysis: &Analysis) -> io::Result<()> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        self.begin(&analysis.capture, List::Findings)?;
        let (mut bytes, networks) = (JsonBuffer::default(), &analysis.networks);
        match self.form {
            Form::Json => {
                bytes.text.push(b']');
                if !networks.is_empty() {
                    bytes.text.extend(b",\"networks\":");
                    bytes.append(networks)?;
                }
                bytes.text.extend(b"}\n");
            }
            Form::Ndjson if networks.is_empty() => {}
            Form::Ndjson => line(&mut bytes, &Line::Networks(networks))?,
        }
        self.out.write_all(&bytes.text)
    }
}

fn line(bytes: &mut JsonBuffer, value: &impl Serialize) -> Result<(), json::Error> {
    bytes.append(value)?;
    bytes.text.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use streamlens::engine::{Engine, EngineOptions};
    use streamlens::model::row::RowContext;
    use streamlens::model::{Frame, LinkType};
    use streamlens::registry::DecoderRegistry;

    use super::*;
    use crate::args::Depth;

    #[test]
    fn the_document_is_the_analysis_as_it_serializes() {
        for flows in 0..3_u8 {
            let mut engine = Engine::new(DecoderRegistry::with_builtins(), EngineOptions::default());
            for flow in 0..flows {
                let (number, data) = (u64::from(flow) + 1, [flow; 60]);
                let (link_type, interface) = (LinkType::ETHERNET, 0);
                engine.push(&Frame { number, time: None, link_type, interface, original_length: 60, data: &data });
            }
            let analysis = engine.finish(CaptureSummary::default());
            assert_eq!(analysis.flows.len(), usize::from(flows));
            let mut written = Vec::new();
            let view =
                View { depth: Depth::Type, context: RowContext::default(), filter: None, streams_at_types: false };
            let mut document = Document::new(&mut written, Form::Json);
            // in pieces of one and of two
            for flows in analysis.flows.chunks(2) {
                let mut piece = Piece::default();
                flows.iter().for_each(|flow| piece.flow(Form::Json, flow, &[], view));
                assert!(document.piece(&analysis.capture, &mut piece));
                assert!(document.piece(&analysis.capture, &mut piece), "an empty one");
            }
            for finding in &analysis.findings {
                let mut piece = Piece::default();
                piece.finding(Form::Json, finding);
                assert!(document.piece(&analysis.capture, &mut piece));
            }
            document.end(&analysis).expect("a vector takes all");
            let wanted = serde_json::to_string(&analysis).expect("it serializes") + "\n";
            assert_eq!(String::from_utf8(written).expect("JSON is UTF-8"), wanted);
        }
    }
}
