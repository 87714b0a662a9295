//! What of a result does not depend on time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::lab::BINARY;

pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/captures/demo.pcapng")
}

/// The document of a file.
pub fn document(path: &Path) -> Value {
    let output = Command::new(BINARY).arg(path).args(["--format", "json"]).output().expect("it runs");
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn picked(value: &Value, keys: &[&str]) -> Value {
    let pairs = keys.iter().filter_map(|key| Some(((*key).to_owned(), value.get(*key)?.clone())));
    Value::Object(pairs.collect::<Map<_, _>>())
}

fn each<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten().map(|(name, one)| (name.clone(), one))
}

/// Flows with their VLANs, frames, bytes, encodings, packet types, and the sequence health of each stream.
pub fn timeless(document: &Value) -> BTreeMap<String, Value> {
    let flows = document["flows"].as_array().expect("flows");
    flows
        .iter()
        .map(|flow| {
            let key = json!([flow["src"], flow["dst"], flow["vlan"]]).to_string();
            let transports: Map<_, _> = each(flow, "transport_protocols")
                .map(|(name, transport)| {
                    let encodings: Map<_, _> = each(transport, "application_encodings")
                        .map(|(name, encoding)| {
                            let types: Map<_, _> = each(encoding, "packet_types")
                                .map(|(name, one)| (name, picked(one, &["packet_count", "byte_count"])))
                                .collect();
                            let streams: Vec<_> = encoding["health"]["streams"]
                                .as_array()
                                .into_iter()
                                .flatten()
                                .map(|stream| {
                                    picked(stream, &["id", "received", "expected", "lost", "duplicated", "reordered"])
                                })
                                .collect();
                            let counts = picked(encoding, &["packet_count", "byte_count"]);
                            (name, json!({"counts": counts, "types": types, "streams": streams}))
                        })
                        .collect();
                    (
                        name,
                        json!({"counts": picked(transport, &["packet_count", "byte_count"]), "encodings": encodings}),
                    )
                })
                .collect();
            (key, json!({"counts": picked(flow, &["total_packets", "total_bytes"]), "transports": transports}))
        })
        .collect()
}

/// What differs between the result of a capture and that of a file, in words; empty where nothing does.
pub fn differences(live: &Value, file: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["packets", "bytes"] {
        if live["capture"][key] != file["capture"][key] {
            found.push(format!("{key}: {} live, {} in the file", live["capture"][key], file["capture"][key]));
        }
    }
    let (live, file) = (timeless(live), timeless(file));
    for (key, flow) in &file {
        match live.get(key) {
            None => found.push(format!("{key} is missing")),
            Some(other) if other != flow => found.push(format!("{key}: {other} live, {flow} in the file")),
            Some(_) => {}
        }
    }
    found.extend(live.keys().filter(|key| !file.contains_key(*key)).map(|key| format!("{key} is live only")));
    found
}
