//! The interface as OpenAPI 3.1, from one table of what is routed.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A way to ask: method, path, what stands behind the `?`, what it does, status and content type of the answer.
type Operation = (&'static str, &'static str, &'static [&'static str], &'static str, u16, &'static str);

const JSON: &str = "application/json";

/// All of them.
const OPERATIONS: &[Operation] = &[
    ("get", "/analyses", &[], "The analyses, the oldest first", 200, JSON),
    ("post", "/analyses", &["name"], "Takes a capture, and analyses it as it arrives", 201, JSON),
    ("get", "/analyses/{id}", &[], "One analysis", 200, JSON),
    ("delete", "/analyses/{id}", &[], "Takes an analysis away that was dropped", 204, ""),
    (
        "get",
        "/analyses/{id}/flows",
        &["filter", "sort", "from", "count", "depth", "expanded", "at"],
        "A part of the flows, as a view of the stream holds them",
        200,
        JSON,
    ),
    ("get", "/analyses/{id}/flows/{row}", &[], "The flow of a row, as the document has it", 200, JSON),
    (
        "get",
        "/analyses/{id}/findings",
        &["severity", "code", "flow", "from", "count"],
        "Findings, the gravest first",
        200,
        JSON,
    ),
    ("get", "/analyses/{id}/capture", &[], "The document's summary of the capture", 200, JSON),
    ("get", "/analyses/{id}/document", &[], "The whole document of schema streamlens.analysis/1", 200, JSON),
    (
        "get",
        "/analyses/{id}/export",
        &["format", "filter", "sort", "depth"],
        "What is shown, as a file of JSON or NDJSON",
        200,
        JSON,
    ),
    ("post", "/filter/check", &[], "Whether a text is a filter, and what is wrong where", 200, JSON),
    ("post", "/filter/complete", &[], "What a filter may go on with at a cursor", 200, JSON),
    ("get", "/decoders", &[], "Encodings that are recognised", 200, JSON),
    ("get", "/version", &[], "Versions of program, protocol and schema", 200, JSON),
    ("post", "/session", &[], "Gives a cookie for a token", 204, ""),
    ("delete", "/session", &[], "Takes the cookie back", 204, ""),
    ("get", "/openapi.json", &[], "This description", 200, JSON),
];

/// The description.
fn document() -> Value {
    let problem = json!({"description": "what is wrong", "content": {"application/problem+json": {"schema":
        {"$ref": "#/components/schemas/Problem"}}}});
    let mut paths = Map::new();
    for (method, path, query, summary, status, kind) in OPERATIONS {
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameter = |name: &str, place: &str| json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}});
        let mut parameters: Vec<Value> = in_path.map(|name| parameter(name, "path")).collect();
        parameters.extend(query.iter().map(|name| parameter(name, "query")));
        let mut answer = json!({"description": summary});
        if !kind.is_empty() {
            answer["content"] = json!({*kind: {}});
        }
        let mut operation = json!({"summary": summary, "parameters": parameters, "responses": {status.to_string(): answer, "default": problem}});
        if *method == "post" && path.starts_with("/filter") {
            operation["requestBody"] = json!({"required": true, "content": {JSON: {"schema":
                {"$ref": "#/components/schemas/FilterText"}}}});
        }
        if *method == "post" && *path == "/analyses" {
            operation["requestBody"] = json!({"required": true, "content": {"application/octet-stream": {}}});
        }
        let of_path = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        of_path[*method] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "StreamLens", "version": env!("CARGO_PKG_VERSION"),
            "description": "docs/protocol.md has the protocol in words, and that of /stream"},
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": {"type": "object", "required": ["type", "title", "status"], "properties": {
                    "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
                    "detail": {"type": "string"}}},
                "FilterText": {"type": "object", "required": ["filter"], "properties": {
                    "filter": {"type": "string"}, "cursor": {"type": "integer", "minimum": 0}}}
            }
        },
        "security": [{}, {"token": []}]
    })
}

pub(super) async fn openapi() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    ([kind], document().to_string()).into_response()
}
