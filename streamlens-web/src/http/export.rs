//! What is shown as a file: the document, its rows, or the packets.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use streamlens_engine::FlowFinder;
use streamlens_filter::Filter;
use streamlens_model::row::{Csv, RowRef};
use streamlens_model::{Analysis as Document, FlowKey, Frame, FrameBatch, FrameSource, SCHEMA, SourceError, Timestamp};
use streamlens_pcap::{CaptureReader, MergedReader, PcapngWriter};
use streamlens_protocol::Depth;
use tokio::sync::mpsc;

use super::App;
use super::openapi::{Document as DocumentSchema, ExportQuery};
use super::problem::Fault;
use super::query::{Query, wrong};
use super::rest::{Answer, ask, report};
use crate::hub::{ViewSpec, filter_problem};
use crate::packets::Packets;

/// Bytes of a body that is sent in pieces.
const PIECE: usize = 64 << 10;

/// Formats with their content types.
const FORMATS: [(&str, &str); 4] = [
    ("json", "application/json"),
    ("ndjson", "application/x-ndjson"),
    ("csv", "text/csv; charset=utf-8"),
    ("pcapng", "application/x-pcapng"),
];

#[utoipa::path(get, path = "/analyses/{id}/export", params(("id" = String, Path, description = "Identifier of the analysis"), ExportQuery), responses((status = 200, description = "What is shown, as a file", content((DocumentSchema = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"), (Vec<u8> = "application/x-pcapng")))))]
pub(super) async fn export(State(app): State<Arc<App>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let query = Query::of(query);
    let depth = query.get("depth").map(|_| query.depth()).transpose()?;
    let text = query.get("filter").unwrap_or_default();
    let filter = Filter::parse(text, &app.shared.catalogue).map_err(|error| filter_problem(text, &error))?;
    let sort = query.get("sort").map(str::to_owned);
    let asked = query.get("format").unwrap_or("json");
    let Some((format, kind)) = FORMATS.into_iter().find(|(format, _)| *format == asked) else {
        return Err(wrong(&format!("format is json, ndjson, csv or pcapng; '{asked}' is none")));
    };
    // streams are rows of the document, and of CSV where they are asked for, as the command has them
    let unless_told = if format == "csv" { Depth::Type } else { Depth::Stream };
    let spec = ViewSpec::new(Some(text), sort.as_deref(), depth.unwrap_or(unless_told), &app.shared.catalogue)?;
    let name = format!("streamlens-{id}.{format}");
    if format == "pcapng" {
        let span = (query.time("from")?, query.time("to")?);
        return packets(&app, &id, spec, filter, span, &name).await;
    }
    let mut document = report(&app, &id).await?;
    let now = document.capture.last_seen;
    if format == "csv" {
        return Ok(written(kind, Some(&name), move |out| write_csv(out, &document, &spec, &filter, now)));
    }
    spec.apply(&mut document, &filter, now);
    Ok(written(kind, Some(&name), move |out| {
        if format == "ndjson" {
            return write_lines(out, &document);
        }
        serde_json::to_writer(&mut *out, &document)?;
        out.write_all(b"\n")
    }))
}

fn write_lines(out: &mut dyn Write, document: &Document) -> io::Result<()> {
    let mut line = |key: &str, value: &dyn Fn(&mut dyn Write) -> serde_json::Result<()>| {
        write!(out, "{{\"{key}\":")?;
        value(out)?;
        out.write_all(b"}\n")
    };
    line("schema", &|out| {
        serde_json::to_writer(&mut *out, SCHEMA)?;
        out.write_all(b",\"capture\":").map_err(serde_json::Error::io)?;
        serde_json::to_writer(&mut *out, &document.capture)
    })?;
    for flow in &document.flows {
        line("flow", &|out| serde_json::to_writer(out, flow))?;
    }
    for finding in &document.findings {
        line("finding", &|out| serde_json::to_writer(out, finding))?;
    }
    if !document.networks.is_empty() {
        line("networks", &|out| serde_json::to_writer(out, &document.networks))?;
    }
    Ok(())
}

fn write_csv(
    out: &mut dyn Write,
    document: &Document,
    spec: &ViewSpec,
    filter: &Filter,
    now: Option<Timestamp>,
) -> io::Result<()> {
    let csv = Csv::usual(spec.shows_streams());
    let mut text = String::new();
    csv.header(&mut text);
    spec.each_flow(document, filter, now, &mut |rows: &[RowRef<'_>]| {
        rows.iter().for_each(|row| csv.row(row, &mut text));
        out.write_all(text.as_bytes())?;
        text.clear();
        Ok(())
    })?;
    // the header, where there is no flow
    out.write_all(text.as_bytes())
}

/// The packets of the flows that are shown, between two times; without a filter all there are, also those of no flow.
async fn packets(
    app: &Arc<App>,
    id: &str,
    spec: ViewSpec,
    filter: Filter,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    name: &str,
) -> Answer {
    let of = id.to_owned();
    let kept = ask(app, move |hub| hub.analysis(&of).map(|analysis| analysis.packets())).await?;
    let kept = kept.ok_or_else(|| Fault::no_analysis(id))?.ok_or_else(|| {
        let what =
            "the packets of this analysis can't be read again; captures that are dropped are kept with --keep-uploads";
        Fault::new("packets", "There are no packets", StatusCode::CONFLICT, what)
    })?;
    let flows = if filter.is_everything() {
        None
    } else {
        let document = report(app, id).await?;
        let mut flows = HashSet::new();
        let now = document.capture.last_seen;
        spec.each_flow(&document, &filter, now, &mut |rows: &[RowRef<'_>]| {
            flows.extend(rows.first().map(|row| row.flow().key));
            Ok(())
        })
        .map_err(|_| Fault::ending())?;
        Some(flows)
    };
    // so that what can't be read is told, and no empty file
    let opened = tokio::task::spawn_blocking(move || open(&kept).map(|source| (source, kept)));
    let (mut source, kept) = opened
        .await
        .map_err(|_| Fault::ending())?
        .map_err(|error| Fault::new("packets", "The packets can't be read", StatusCode::CONFLICT, error.to_string()))?;
    let is_in = move |frame: &Frame<'_>| {
        let is_behind = from.is_none_or(|from| frame.time.is_some_and(|time| time >= from));
        is_behind && to.is_none_or(|to| frame.time.is_some_and(|time| time <= to))
    };
    Ok(written("application/x-pcapng", Some(name), move |out| {
        // the file is there as long as it is read
        let _kept = kept;
        copy(&mut *source, flows.as_ref(), is_in, out)
    }))
}

fn open(packets: &Packets) -> Result<Box<dyn FrameSource>, SourceError> {
    let mut readers = packets.paths().iter().map(CaptureReader::open).collect::<Result<Vec<_>, _>>()?;
    Ok(match readers.pop() {
        Some(only) if readers.is_empty() => Box::new(only),
        last => Box::new(MergedReader::new(readers.into_iter().chain(last).collect())),
    })
}

fn copy(
    source: &mut dyn FrameSource,
    flows: Option<&HashSet<FlowKey>>,
    is_in: impl Fn(&Frame<'_>) -> bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut finder = FlowFinder::default();
    let mut writer = PcapngWriter::new(out, source.interfaces())?;
    let mut batch = FrameBatch::default();
    while source.read_batch(&mut batch).map_err(|error| io::Error::other(error.to_string()))? {
        for interface in source.interfaces().iter().skip(writer.interfaces() as usize) {
            writer.interface(interface)?;
        }
        for frame in batch.iter() {
            // first fragments are to be known whatever their time
            let is_shown = flows.is_none_or(|flows| finder.flow_of(&frame).is_some_and(|flow| flows.contains(&flow)));
            if is_shown && is_in(&frame) {
                writer.frame(&frame)?;
            }
        }
    }
    writer.flush()
}

/// A body that is written on a thread of its own while it is sent.
pub(super) fn written(
    kind: &'static str,
    name: Option<&str>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Response {
    let (pieces, sent) = mpsc::channel::<Bytes>(2);
    tokio::task::spawn_blocking(move || {
        let mut out = Pieces { pieces, held: Vec::with_capacity(PIECE) };
        // where nobody listens any more, nothing is left to do
        let _ = write(&mut out).and_then(|()| out.flush());
    });
    let body = futures_util::stream::unfold(sent, |mut sent| async move {
        let piece = sent.recv().await?;
        Some((Ok::<_, io::Error>(piece), sent))
    });
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let as_file = name.map(|name| format!("attachment; filename=\"{name}\""));
    if let Some(Ok(value)) = as_file.map(|value| HeaderValue::from_str(&value)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Sends what is written in pieces.
struct Pieces {
    pieces: mpsc::Sender<Bytes>,
    held: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.held, Vec::with_capacity(PIECE));
        self.pieces.blocking_send(piece.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
