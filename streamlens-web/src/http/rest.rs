//! REST, and what others ask of a server's state.

use std::io::{self, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use streamlens_engine::FlowSelection;
use streamlens_filter::{Filter, complete as completions};
use streamlens_model::row::FlowId;
use streamlens_model::{Analysis as Document, CaptureSummary, SCHEMA};
use streamlens_protocol::{
    Completions, DecoderInfo, Depth, FilterCheck, FilterText, FindingPage, PROTOCOL, Severity, Version, Window,
};
use tokio::sync::{mpsc, oneshot};

use super::App;
use super::problem::Fault;
use crate::hub::{Hub, MOST_ROWS, ViewSpec, bytes_of, filter_problem, utf16};

type Answer = Result<Response, Fault>;

/// Bytes of a body that is sent in pieces.
const PIECE: usize = 64 << 10;

fn json(value: &impl Serialize) -> Response {
    text(serde_json::to_vec(value).unwrap_or_default(), "application/json")
}

fn text(body: Vec<u8>, kind: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

async fn ask<T: Send + 'static>(app: &App, ask: impl FnOnce(&mut Hub) -> T + Send + 'static) -> Result<T, Fault> {
    app.shared.hub.ask(ask).await.ok_or_else(Fault::ending)
}

/// What stands behind the `?`, taken apart.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(query: Option<String>) -> Self {
        let query = query.unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(key, value)| (decoded(key), decoded(value)))
                .collect(),
        )
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str, default: u64) -> Result<u64, Fault> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.parse().map_err(|_| wrong(&format!("{key} is a whole number; '{value}' is none")))
    }

    fn depth(&self) -> Result<Depth, Fault> {
        Ok(match self.get("depth") {
            None | Some("flow") => Depth::Flow,
            Some("transport") => Depth::Transport,
            Some("encoding") => Depth::Encoding,
            Some("type") => Depth::Type,
            Some("stream") => Depth::Stream,
            Some(other) => {
                return Err(wrong(&format!("depth is flow, transport, encoding, type or stream; '{other}' is none")));
            }
        })
    }
}

/// Percent-encoded text, with `+` for blanks, as forms and browsers write it.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (first, behind.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wrong(what: &str) -> Fault {
    Fault::new("query", "The query is wrong", StatusCode::BAD_REQUEST, what)
}

pub(super) async fn nothing() -> Response {
    let what = "there is nothing at this address; /api/v1/openapi.json and docs/protocol.md list what there is";
    Fault::new("address", "There is nothing here", StatusCode::NOT_FOUND, what).into_response()
}

pub(super) async fn wrong_method() -> Response {
    let what = "this address has another method; docs/protocol.md lists them";
    Fault::new("method", "Not with this method", StatusCode::METHOD_NOT_ALLOWED, what).into_response()
}

pub(super) async fn healthz() -> Response {
    text(b"ok\n".to_vec(), "text/plain; charset=utf-8")
}

pub(super) async fn metrics(State(app): State<Arc<App>>) -> Answer {
    let metrics = Arc::clone(&app.shared.metrics);
    let body = ask(&app, move |hub| metrics.text(hub)).await?;
    Ok(text(body.into_bytes(), "application/openmetrics-text; version=1.0.0; charset=utf-8"))
}

pub(super) async fn analyses(State(app): State<Arc<App>>) -> Answer {
    Ok(json(&ask(&app, |hub| hub.infos()).await?))
}

pub(super) async fn analysis(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let of = id.clone();
    let info = ask(&app, move |hub| hub.infos().into_iter().find(|info| info.id == of)).await?;
    Ok(json(&info.ok_or_else(|| Fault::no_analysis(&id))?))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let of = id.clone();
    let may = ask(&app, move |hub| hub.analysis(&of).map(|analysis| analysis.may_be_removed())).await?;
    match may {
        None => return Err(Fault::no_analysis(&id)),
        Some(false) => {
            let what = "only what was dropped can be taken away; what the server was started with stays";
            return Err(Fault::new("rights", "This may not be done", StatusCode::FORBIDDEN, what));
        }
        Some(true) => {}
    }
    ask(&app, move |hub| hub.remove(&id)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn flows(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query = Query::of(query);
    let spec = ViewSpec::new(query.get("filter"), query.get("sort"), query.depth()?, &app.shared.catalogue)?;
    let window = Window { from: query.number("from", 0)?, count: query.number("count", 100)? };
    if window.count > MOST_ROWS as u64 {
        return Err(wrong(&format!("count is at most {MOST_ROWS}")));
    }
    let time = |text: &str| streamlens_filter::instant(text).ok_or_else(|| wrong(&format!("'{text}' is no time")));
    let at = query.get("at").map(time).transpose()?;
    let expanded: Vec<String> = query.all("expanded").take(1_000).map(str::to_owned).collect();
    let page = ask(&app, move |hub| {
        let etag = hub.analysis(&id).map(|analysis| format!("\"{}-{}\"", analysis.identity().1, analysis.epoch()));
        hub.page(&id, &spec, window, &expanded, at).map(|page| (page, etag.unwrap_or_default()))
    });
    let (page, etag) = page.await??;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(etag.as_str()) && at.is_none() {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut response = text(page, "application/json");
    if let (None, Ok(etag)) = (at, HeaderValue::from_str(&etag)) {
        response.headers_mut().insert(header::ETAG, etag);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

/// Has the engine of an analysis do something.
async fn engine<T: Send + 'static>(
    app: &App,
    id: &str,
    work: impl FnOnce(&mut streamlens_engine::Engine, CaptureSummary) -> T + Send + 'static,
) -> Result<T, Fault> {
    let (answer, answered) = oneshot::channel();
    let of = id.to_owned();
    let asked = ask(app, move |hub| {
        let analysis = hub.analysis(&of)?;
        if let Some(failure) = analysis.has_failed() {
            return Some(Err(failure));
        }
        let driver = analysis.driver()?;
        driver.with(move |engine, capture| drop(answer.send(work(engine, capture))));
        Some(Ok(()))
    });
    match asked.await? {
        None => Err(Fault::no_analysis(id)),
        Some(Err(failure)) => {
            Err(Fault::new("capture", "This is no capture", StatusCode::UNPROCESSABLE_ENTITY, failure))
        }
        Some(Ok(())) => answered.await.map_err(|_| Fault::ending()),
    }
}

pub(super) async fn flow(State(app): State<Arc<App>>, Path((id, row)): Path<(String, String)>) -> Answer {
    let (of, name) = (id.clone(), row.clone());
    let flow: Option<FlowId> = ask(&app, move |hub| hub.analysis(&of)?.flow_of(&name)).await?;
    let missing =
        || Fault::new("row", "There is no such row", StatusCode::NOT_FOUND, format!("there is no row '{row}'"));
    let flow = flow.ok_or_else(missing)?;
    let mut detail = engine(&app, &id, move |engine, _| engine.detail(flow)).await?.ok_or_else(missing)?;
    without_intervals(&mut detail);
    Ok(json(&detail))
}

pub(super) async fn findings(State(app): State<Arc<App>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let query = Query::of(query);
    let least = match query.get("severity") {
        None | Some("info") => Severity::Info,
        Some("warning") => Severity::Warning,
        Some("error") => Severity::Error,
        Some(other) => return Err(wrong(&format!("severity is info, warning or error; '{other}' is none"))),
    };
    let (from, count) = (query.number("from", 0)?, query.number("count", 100)?);
    let of = id.clone();
    let mut all = ask(&app, move |hub| hub.findings(&of)).await?.ok_or_else(|| Fault::no_analysis(&id))?;
    all.retain(|finding| {
        finding.severity >= least
            && query.get("code").is_none_or(|code| finding.code.starts_with(code))
            && query.get("flow").is_none_or(|flow| finding.place.flow.as_deref() == Some(flow))
    });
    let total = all.len() as u64;
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let findings = all.into_iter().skip(place(from)).take(place(count.min(MOST_ROWS as u64))).collect();
    Ok(json(&FindingPage { findings, total }))
}

/// The result as it is now.
async fn report(app: &App, id: &str) -> Result<Document, Fault> {
    let mut document = engine(app, id, |engine, capture| engine.report(capture, FlowSelection::default())).await?;
    // intervals are kept for charts; a document has them where the command is asked for them
    document.flows.iter_mut().for_each(without_intervals);
    Ok(document)
}

fn without_intervals(flow: &mut streamlens_model::Flow) {
    flow.intervals.clear();
    for transport in &mut flow.transport_protocols {
        transport.intervals.clear();
        for encoding in &mut transport.application_encodings {
            encoding.intervals.clear();
            let mut kinds: Vec<_> = encoding.packet_types.iter_mut().collect();
            while let Some(kind) = kinds.pop() {
                kind.intervals.clear();
                kinds.extend(kind.packet_types.iter_mut());
            }
        }
    }
}

pub(super) async fn capture(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let nothing = FlowSelection { top: Some(0), most_findings: Some(0), ..FlowSelection::default() };
    let document = engine(&app, &id, move |engine, capture| engine.report(capture, nothing)).await?;
    Ok(json(&document.capture))
}

pub(super) async fn document(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let document = report(&app, &id).await?;
    Ok(written("application/json", None, move |out| {
        serde_json::to_writer(&mut *out, &document)?;
        out.write_all(b"\n")
    }))
}

pub(super) async fn export(State(app): State<Arc<App>>, Path(id): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let query = Query::of(query);
    let depth = query.get("depth").map(|_| query.depth()).transpose()?;
    let text = query.get("filter").unwrap_or_default();
    let filter = Filter::parse(text, &app.shared.catalogue).map_err(|error| filter_problem(text, &error))?;
    let sort = query.get("sort").map(str::to_owned);
    let format = query.get("format").unwrap_or("json").to_owned();
    if !matches!(format.as_str(), "json" | "ndjson") {
        return Err(wrong(&format!("format is json or ndjson; '{format}' is not exported by this server")));
    }
    let mut document = report(&app, &id).await?;
    let now = document.capture.last_seen;
    let spec = ViewSpec::new(Some(text), sort.as_deref(), depth.unwrap_or(Depth::Stream), &app.shared.catalogue)?;
    spec.apply(&mut document, &filter, now);
    let name = format!("streamlens-{id}.{format}");
    let kind = if format == "json" { "application/json" } else { "application/x-ndjson" };
    Ok(written(kind, Some(&name), move |out| {
        if format == "json" {
            serde_json::to_writer(&mut *out, &document)?;
            return out.write_all(b"\n");
        }
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
    }))
}

/// A body that is written on a thread of its own while it is sent.
fn written(
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

/// Reads a body that only a program can have sent: forms have no such content type.
fn filter_text(headers: &HeaderMap, body: &Bytes) -> Result<FilterText, Fault> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let what = "the body is JSON; send Content-Type: application/json";
        return Err(Fault::new("content-type", "Not this content type", StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    serde_json::from_slice(body).map_err(|error| wrong(&format!("the body is no filter text: {error}")))
}

pub(super) async fn check(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let text = filter_text(&headers, &body)?.filter;
    Ok(json(&match Filter::parse(&text, &app.shared.catalogue) {
        Ok(filter) => FilterCheck { valid: true, printed: Some(filter.to_string()), ..FilterCheck::default() },
        Err(error) => FilterCheck {
            message: Some(error.message().to_owned()),
            place: Some(utf16(&text, error.place())),
            ..FilterCheck::default()
        },
    }))
}

pub(super) async fn complete(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let FilterText { filter, cursor } = filter_text(&headers, &body)?;
    if filter.len() > 16_384 {
        return Err(wrong("a filter has at most 4,096 characters"));
    }
    let cursor = cursor.map_or(filter.len(), |cursor| bytes_of(&filter, cursor));
    let found = completions(&filter, cursor, &app.shared.catalogue);
    let owned = |texts: Vec<&'static str>| texts.into_iter().map(str::to_owned).collect();
    Ok(json(&Completions {
        place: utf16(&filter, found.place),
        suggestions: found.suggestions,
        values: owned(found.values),
        next: owned(found.next),
    }))
}

pub(super) async fn decoders(State(app): State<Arc<App>>) -> Response {
    let registry = &app.options.registry;
    let info = |(name, base): (&str, Option<&str>)| DecoderInfo {
        encoding_name: name.to_owned(),
        base: base.map(str::to_owned),
        ports: registry.get(name).map_or_else(Vec::new, |decoder| decoder.info().ports.to_vec()),
    };
    json(&registry.encodings().map(info).collect::<Vec<_>>())
}

pub(super) async fn version() -> Response {
    json(&Version {
        name: "streamlens".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL.to_owned(),
        schema: SCHEMA.to_owned(),
    })
}
