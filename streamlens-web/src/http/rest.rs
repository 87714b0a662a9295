//! REST, and what others ask of a server's state.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use streamlens_engine::FlowSelection;
use streamlens_filter::{Filter, complete as completions};
use streamlens_model::row::FlowId;
use streamlens_model::{Analysis as Document, CaptureSummary, SCHEMA};
use streamlens_protocol::{
    Analysis, Completions, DecoderInfo, FilterCheck, FilterText, FindingPage, FlowPage, PROTOCOL, Severity, Version,
    Window,
};
use tokio::sync::oneshot;

use super::App;
use super::export::written;
use super::openapi::Document as DocumentSchema;
use super::openapi::{DocumentCapture, DocumentFlow, FindingsQuery, FlowsQuery};
use super::problem::Fault;
use super::query::{Query, wrong};
use crate::hub::{Hub, MOST_ROWS, ViewSpec, bytes_of, utf16};

pub(super) type Answer = Result<Response, Fault>;

fn json(value: &impl Serialize) -> Response {
    text(serde_json::to_vec(value).unwrap_or_default(), "application/json")
}

fn text(body: Vec<u8>, kind: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

pub(super) async fn ask<T: Send + 'static>(
    app: &App,
    ask: impl FnOnce(&mut Hub) -> T + Send + 'static,
) -> Result<T, Fault> {
    app.shared.hub.ask(ask).await.ok_or_else(Fault::ending)
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

#[utoipa::path(get, path = "/analyses", responses((status = 200, description = "The analyses, the oldest first", body = Vec<Analysis>)))]
pub(super) async fn analyses(State(app): State<Arc<App>>) -> Answer {
    Ok(json(&ask(&app, |hub| hub.infos()).await?))
}

#[utoipa::path(get, path = "/analyses/{id}", params(("id" = String, Path, description = "Identifier of the analysis")), responses((status = 200, description = "One analysis", body = Analysis)))]
pub(super) async fn analysis(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let of = id.clone();
    let info = ask(&app, move |hub| hub.infos().into_iter().find(|info| info.id == of)).await?;
    Ok(json(&info.ok_or_else(|| Fault::no_analysis(&id))?))
}

#[utoipa::path(delete, path = "/analyses/{id}", params(("id" = String, Path, description = "Identifier of the analysis")), responses((status = 204, description = "An analysis that was dropped is taken away")))]
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

#[utoipa::path(get, path = "/analyses/{id}/flows", params(("id" = String, Path, description = "Identifier of the analysis"), FlowsQuery), responses((status = 200, description = "A part of the flows, as a view of the stream holds them; it has an ETag", body = FlowPage), (status = 304, description = "They are as If-None-Match knows them")))]
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
    let at = query.time("at")?;
    let expanded: Vec<String> = query.all("expanded").take(1_000).map(str::to_owned).collect();
    app.shared.hub.awake(&id).await;
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
            return Some(Err(("capture", "This is no capture", failure)));
        }
        let Some(driver) = analysis.driver() else {
            let what =
                "its rows come from a probe, which has the document; flows, findings and details are here".to_owned();
            return analysis.is_fed().then_some(Err(("elsewhere", "This is measured elsewhere", what)));
        };
        driver.with(move |engine, capture| drop(answer.send(work(engine, capture))));
        Some(Ok(()))
    });
    match asked.await? {
        None => Err(Fault::no_analysis(id)),
        Some(Err((kind, title, what))) => Err(Fault::new(kind, title, StatusCode::UNPROCESSABLE_ENTITY, what)),
        Some(Ok(())) => answered.await.map_err(|_| Fault::ending()),
    }
}

#[utoipa::path(get, path = "/analyses/{id}/flows/{*row}", params(("id" = String, Path, description = "Identifier of the analysis"), ("row" = String, Path, description = "Name of a row, percent-encoded")), responses((status = 200, description = "The flow of a row, as the document has it", body = DocumentFlow)))]
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

#[utoipa::path(get, path = "/analyses/{id}/findings", params(("id" = String, Path, description = "Identifier of the analysis"), FindingsQuery), responses((status = 200, description = "Findings, the gravest first", body = FindingPage)))]
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
    app.shared.hub.awake(&id).await;
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
pub(super) async fn report(app: &App, id: &str) -> Result<Document, Fault> {
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
            encoding.health.streams.iter_mut().for_each(|stream| stream.intervals.clear());
            let mut kinds: Vec<_> = encoding.packet_types.iter_mut().collect();
            while let Some(kind) = kinds.pop() {
                kind.intervals.clear();
                kinds.extend(kind.packet_types.iter_mut());
            }
        }
    }
}

#[utoipa::path(get, path = "/analyses/{id}/capture", params(("id" = String, Path, description = "Identifier of the analysis")), responses((status = 200, description = "The document's summary of the capture", body = DocumentCapture)))]
pub(super) async fn capture(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let nothing = FlowSelection { top: Some(0), most_findings: Some(0), ..FlowSelection::default() };
    let document = engine(&app, &id, move |engine, capture| engine.report(capture, nothing)).await?;
    Ok(json(&document.capture))
}

#[utoipa::path(get, path = "/analyses/{id}/document", params(("id" = String, Path, description = "Identifier of the analysis")), responses((status = 200, description = "The whole document", body = DocumentSchema)))]
pub(super) async fn document(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let document = report(&app, &id).await?;
    Ok(written("application/json", None, move |out| {
        serde_json::to_writer(&mut *out, &document)?;
        out.write_all(b"\n")
    }))
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

#[utoipa::path(post, path = "/filter/check", request_body = FilterText, responses((status = 200, description = "Whether a text is a filter, and what is wrong where", body = FilterCheck)))]
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

#[utoipa::path(post, path = "/filter/complete", request_body = FilterText, responses((status = 200, description = "What a filter may go on with at a cursor", body = Completions)))]
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

#[utoipa::path(get, path = "/decoders", responses((status = 200, description = "Encodings that are recognised", body = Vec<DecoderInfo>)))]
pub(super) async fn decoders(State(app): State<Arc<App>>) -> Response {
    let registry = &app.options.registry;
    let info = |(name, base): (&str, Option<&str>)| DecoderInfo {
        encoding_name: name.to_owned(),
        base: base.map(str::to_owned),
        ports: registry.get(name).map_or_else(Vec::new, |decoder| decoder.info().ports.to_vec()),
    };
    json(&registry.encodings().map(info).collect::<Vec<_>>())
}

#[utoipa::path(get, path = "/version", responses((status = 200, description = "Versions of program, protocol and schema", body = Version)))]
pub(super) async fn version() -> Response {
    json(&Version {
        name: "streamlens".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL.to_owned(),
        schema: SCHEMA.to_owned(),
    })
}
