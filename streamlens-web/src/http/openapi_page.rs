//! The description of REST as a page for people: it loads nothing, and has no script.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Entries of an object.
fn entries(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flat_map(Map::iter)
}

fn word(of: &Value) -> String {
    of.as_str().unwrap_or_default().replace('&', "&amp;").replace('<', "&lt;")
}

/// A type in words, with a link to those that have a name.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(word).collect::<Vec<_>>().join(" | ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("{} by name", kind(&schema["additionalProperties"]))
        }
        Some(other) => other.to_owned(),
        None => "anything".to_owned(),
    }
}

/// The page.
pub(super) fn text(all: &Value) -> String {
    let (mut operations, mut schemas) = (String::new(), String::new());
    for (path, methods) in entries(&all["paths"]) {
        for (method, operation) in entries(methods) {
            let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
            let mut told = String::new();
            for parameter in parameters {
                let (name, what) = (word(&parameter["name"]), word(&parameter["description"]));
                let _ = write!(told, "<br><code>{name}</code> ({}) {what}", kind(&parameter["schema"]));
            }
            for (content, of) in entries(&operation["requestBody"]["content"]) {
                let _ = write!(told, "<br>body: <code>{content}</code> {}", kind(&of["schema"]));
            }
            let mut answers = String::new();
            for (status, answer) in entries(&operation["responses"]).filter(|(status, _)| *status != "default") {
                let _ = write!(answers, "{status} {}<br>", word(&answer["description"]));
                for (content, of) in entries(&answer["content"]) {
                    let _ = write!(answers, "<code>{content}</code> {}<br>", kind(&of["schema"]));
                }
            }
            let _ = writeln!(
                operations,
                "<tr><td>{}</td><td><code>/api/v1{path}</code>{told}</td><td>{answers}</td></tr>",
                method.to_uppercase()
            );
        }
    }
    for (name, schema) in entries(&all["components"]["schemas"]) {
        let _ = writeln!(schemas, "<h3 id=\"{name}\">{name}</h3>\n<p>{}</p>", word(&schema["description"]));
        if schema["properties"].is_null() {
            let _ = writeln!(schemas, "<p>{}</p>", kind(schema));
            continue;
        }
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        schemas += "<table><thead><tr><th>key</th><th>type</th><th>there</th><th>what it is</th></tr></thead><tbody>\n";
        for (key, of) in entries(&schema["properties"]) {
            let there = if required.iter().any(|one| one == key) { "always" } else { "where it is defined" };
            let _ = writeln!(
                schemas,
                "<tr><td><code>{key}</code></td><td>{}</td><td>{there}</td><td>{}</td></tr>",
                kind(of),
                word(&of["description"])
            );
        }
        schemas += "</tbody></table>\n";
    }
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>StreamLens: REST</title></head><body>\n\
         <h1>StreamLens {}: REST</h1>\n\
         <p>The same for programs, as OpenAPI 3.1: <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>. Faults are \
         <code>application/problem+json</code> with a <a href=\"#Problem\">Problem</a>. Where there is a token, send it as \
         <code>Authorization: Bearer</code>. Flows as they change come over a WebSocket at <code>/stream</code>.</p>\n\
         <table><thead><tr><th>method</th><th>address</th><th>answer</th></tr></thead><tbody>\n{operations}\
         </tbody></table>\n<h2>Types</h2>\n{schemas}</body></html>\n",
        env!("CARGO_PKG_VERSION")
    )
}
