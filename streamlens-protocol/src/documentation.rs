//! The examples of docs/protocol.md are messages of the protocol.

use serde_json::Value;

use crate::{ClientMessage, Flow, HubMessage, ProbeMessage, ServerMessage};

#[test]
fn the_examples_are_messages() {
    let text = include_str!("../../docs/protocol.md");
    let blocks: Vec<&str> =
        text.split("```json\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block).collect();
    let mut kinds = Vec::new();
    for block in blocks {
        for value in serde_json::Deserializer::from_str(block).into_iter::<Value>() {
            let value = value.unwrap_or_else(|error| panic!("{error}: {block}"));
            let kind = value["type"].as_str().expect("a type").to_owned();
            let is_client = ClientMessage::KINDS.contains(&kind.as_str()) && value.get("protocol").is_none();
            let again = if is_client {
                let message: ClientMessage = serde_json::from_value(value.clone()).expect("a message of a client");
                serde_json::to_value(message)
            } else if value["reset"] == true {
                let message: ServerMessage<Flow> = serde_json::from_value(value.clone()).expect("whole flows");
                serde_json::to_value(message)
            } else {
                let message: ServerMessage<Value> =
                    serde_json::from_value(value.clone()).expect("a message of a server");
                serde_json::to_value(message)
            };
            // nothing in an example is unknown, but for numbers that are written otherwise
            assert_eq!(keys(&again.expect("it serializes")), keys(&value), "{value}");
            kinds.push(kind);
        }
    }
    for kind in ClientMessage::KINDS.iter().chain(&["flow_update", "detail", "done", "error", "pong", "analyses"]) {
        assert!(kinds.iter().any(|known| known == kind), "no example of {kind}");
    }
}

#[test]
fn what_probes_and_hubs_say_is_as_described() {
    let text = include_str!("../../docs/probes.md");
    let (_, rest) = text.split_once("```json\n").expect("there are examples");
    let (block, _) = rest.split_once("```").expect("they end");
    let mut kinds = Vec::new();
    for value in serde_json::Deserializer::from_str(block).into_iter::<Value>() {
        let value = value.unwrap_or_else(|error| panic!("{error}: {block}"));
        let kind = value["type"].as_str().expect("a type").to_owned();
        let again = if HubMessage::KINDS.contains(&kind.as_str()) {
            serde_json::from_value::<HubMessage>(value.clone()).map(serde_json::to_value)
        } else {
            serde_json::from_value::<ProbeMessage>(value.clone()).map(serde_json::to_value)
        };
        let again = again.unwrap_or_else(|error| panic!("{error}: {value}")).expect("it serializes");
        assert_eq!(keys(&again), keys(&value), "{value}");
        kinds.push(kind);
    }
    for kind in HubMessage::KINDS.iter().chain(&ProbeMessage::KINDS) {
        assert!(kinds.iter().any(|known| known == kind), "no example of {kind}");
    }
}

/// All keys of a value, as paths.
fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let below = |(key, value): (&String, &Value)| -> Vec<String> {
                let deeper = keys(value);
                std::iter::once(key.clone()).chain(deeper.into_iter().map(|path| format!("{key}.{path}"))).collect()
            };
            let mut all: Vec<String> = map.iter().flat_map(below).collect();
            all.sort();
            all
        }
        Value::Array(list) => list.iter().flat_map(keys).collect(),
        _ => Vec::new(),
    }
}
