//! REST as OpenAPI 3.1, made of what stands at the handlers: what is routed is described.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use streamlens_protocol::{Depth, Problem, Severity};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, export, guard, rest, upload};

/// All that is below `/api/v1`.
pub(super) fn api() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(rest::analyses, upload::upload))
        .routes(routes!(rest::analysis, rest::remove))
        .routes(routes!(rest::flows))
        .routes(routes!(rest::flow))
        .routes(routes!(rest::findings))
        .routes(routes!(rest::capture))
        .routes(routes!(rest::document))
        .routes(routes!(export::export))
        .routes(routes!(rest::check))
        .routes(routes!(rest::complete))
        .routes(routes!(rest::decoders))
        .routes(routes!(rest::version))
        .routes(routes!(openapi))
        .routes(routes!(guard::session, guard::end_session))
}

macro_rules! described {
    ($($(#[$attribute:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$attribute])*
            #[allow(dead_code, reason = "it is only described")]
            pub(super) struct $name { $($(#[$of_field])* $field: $kind,)* }
        )*
    };
}

described! {
    /// What is asked of flows.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    FlowsQuery {
        /// A filter of the command's language
        filter: Option<String>,
        /// A column, with `-` in front where it is turned round
        sort: Option<String>,
        /// Place of the first row
        from: Option<u64>,
        /// Rows at most
        #[param(maximum = 2000)]
        count: Option<u64>,
        /// How far down rows go
        #[param(inline)]
        depth: Option<Depth>,
        /// Name of a row whose rows below are shown; may be repeated
        expanded: Option<Vec<String>>,
        /// The capture time that is shown, where it isn't now
        at: Option<String>,
    }
    /// What is asked of findings.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    FindingsQuery {
        /// The least severity
        #[param(inline)]
        severity: Option<Severity>,
        /// How the code begins
        code: Option<String>,
        /// Key of the flow
        flow: Option<String>,
        /// Place of the first
        from: Option<u64>,
        /// How many at most
        count: Option<u64>,
    }
    /// What is asked of an export.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    ExportQuery {
        /// json, ndjson, csv or pcapng; json unless told
        format: Option<String>,
        /// A filter of the command's language
        filter: Option<String>,
        /// A column, with `-` in front where it is turned round
        sort: Option<String>,
        /// How far down rows go
        #[param(inline)]
        depth: Option<Depth>,
        /// Of pcapng: the first capture time
        from: Option<String>,
        /// Of pcapng: the last capture time
        to: Option<String>,
    }
    /// What an upload is called.
    #[derive(IntoParams)]
    #[into_params(parameter_in = Query)]
    UploadQuery {
        /// Name for people; `upload` unless told
        name: Option<String>,
    }
    /// The result document; docs/document.md has it key by key.
    #[derive(ToSchema)]
    Document {
        /// `streamlens.analysis/1`
        schema: String,
        /// Summary of the capture.
        capture: DocumentCapture,
        /// Flows with all below them.
        flows: Vec<DocumentFlow>,
        /// Findings, the gravest first.
        findings: Vec<BTreeMap<String, Value>>,
        /// What spans flows, by kind.
        networks: Option<BTreeMap<String, Value>>,
    }
    /// A capture as the document has it.
    #[derive(ToSchema)]
    DocumentCapture {
        /// Path or name; absent for some sources.
        path: Option<String>,
        /// Frames.
        packets: u64,
        /// Bytes on the wire.
        bytes: u64,
        /// Capture time of the earliest frame.
        first_seen: Option<String>,
        /// Capture time of the latest frame.
        last_seen: Option<String>,
        /// The others, as docs/document.md has them.
        #[schema(value_type = BTreeMap<String, Value>)]
        #[serde(flatten)]
        others: BTreeMap<String, Value>,
    }
    /// A flow as the document has it.
    #[derive(ToSchema)]
    DocumentFlow {
        /// Where it comes from: `address` and `port`, null where there is none.
        src: BTreeMap<String, Value>,
        /// Where it goes to.
        dst: BTreeMap<String, Value>,
        /// VLAN identifiers, outermost first.
        vlan: Vec<u16>,
        /// `unicast`, `multicast` or `broadcast`, where it is known.
        traffic_type: Option<String>,
        /// Frames.
        total_packets: u64,
        /// Bytes on the wire.
        total_bytes: u64,
        /// Inter-arrival times.
        timing_stats: BTreeMap<String, Value>,
        /// Transports by name, with all below them.
        transport_protocols: BTreeMap<String, Value>,
        /// The others, as docs/document.md has them.
        #[schema(value_type = BTreeMap<String, Value>)]
        #[serde(flatten)]
        others: BTreeMap<String, Value>,
    }
}

/// The description: that of the handlers, and what holds for all of them.
fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| {
        let (_, api) = api().split_for_parts();
        let mut all = serde_json::to_value(api).unwrap_or_default();
        all["info"] = json!({"title": "StreamLens", "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
            "description": "docs/protocol.md has the protocol in words, and that of /stream"});
        all["servers"] = json!([{"url": "/api/v1"}]);
        all["security"] = json!([{}, {"token": []}]);
        all["components"]["securitySchemes"] = json!({"token": {"type": "http", "scheme": "bearer"}});
        let mut schemas = vec![("Problem".to_owned(), Problem::schema())];
        Problem::schemas(&mut schemas);
        for (name, schema) in schemas {
            all["components"]["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
        }
        let problem = json!({"description": "What is wrong (RFC 9457)", "content": {"application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"}}}});
        if let Some(paths) = all["paths"].as_object_mut() {
            // what takes the rest of an address is a name as any other here
            *paths = std::mem::take(paths).into_iter().map(|(path, of)| (path.replace("{*", "{"), of)).collect();
            for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
                operation["responses"]["default"] = problem.clone();
            }
        }
        without_null(&mut all);
        all
    })
}

/// What is undefined is absent: takes null away from among the types that something may have.
fn without_null(of: &mut Value) {
    match of {
        Value::Array(all) => all.iter_mut().for_each(without_null),
        Value::Object(keys) => {
            keys.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    keys.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(others)) = keys.get_mut("oneOf") {
                others.retain(|one| one["type"] != "null");
                if let [Value::Object(only)] = others.as_slice() {
                    let only = only.clone();
                    keys.remove("oneOf");
                    keys.extend(only);
                }
            }
        }
        _ => {}
    }
}

#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "This description", body = BTreeMap<String, Value>)))]
pub(super) async fn openapi() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ([kind], description().to_string()).into_response()
}

pub(super) async fn page() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    ([kind], super::openapi_page::text(description())).into_response()
}
