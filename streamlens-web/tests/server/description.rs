//! The description of REST: each address that it names answers, and each answer is as it says.

use serde_json::{Map, Value, json};

use crate::{Response, Running, demo, options, serve};

/// What is wrong with a value, by the part of JSON Schema that the description uses. Stricter than that in one thing: an object
/// has no key that isn't told.
fn faults(value: &Value, schema: &Value, all: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keys) = schema.as_object() else { return found.push(format!("{at}: no schema: {schema}")) };
    for (key, of) in keys {
        let mut wrong = |what: String| found.push(format!("{at}: {what}"));
        match key.as_str() {
            "$ref" => {
                let path = of.as_str().and_then(|path| path.strip_prefix('#')).unwrap();
                match all.pointer(path) {
                    Some(schema) => faults(value, schema, all, at, found),
                    None => wrong(format!("{path} is not described")),
                }
            }
            "type" => {
                let is = match of.as_str().unwrap_or_else(|| panic!("{at}: {of}")) {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_u64() || value.is_i64(),
                    other => panic!("{at}: type {other}"),
                };
                if !is {
                    wrong(format!("{value} is no {of}"));
                }
            }
            "enum" if !of.as_array().unwrap().contains(value) => wrong(format!("{value} is none of {of}")),
            "minimum" if value.as_f64() < of.as_f64() => wrong(format!("{value} is below {of}")),
            "required" => {
                for name in of.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        wrong(format!("{name} is missing"));
                    }
                }
            }
            "items" => {
                for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                    faults(item, of, all, &format!("{at}[{number}]"), found);
                }
            }
            "properties" | "additionalProperties" | "enum" | "minimum" => {}
            "description" | "format" | "propertyNames" => {}
            other => panic!("{at}: {other} is not checked"),
        }
    }
    let Some(held) = value.as_object() else { return };
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    for (key, value) in held {
        match (known.get(key), schema.get("additionalProperties")) {
            (Some(of), _) | (None, Some(of)) => faults(value, of, all, &format!("{at}.{key}"), found),
            (None, None) if keys.contains_key("type") => found.push(format!("{at}: {key} is not described")),
            (None, None) => {}
        }
    }
}

/// Asks as the description has it.
fn ask(running: &Running, method: &str, path: &str) -> Response {
    let row = "192.168.20.11:40001 -> 192.168.20.50:5600/UDP/IENA"
        .replace('/', "%2F")
        .replace(' ', "%20")
        .replace('>', "%3E");
    let filled = path.replace("{id}", if method == "delete" { "2" } else { "1" }).replace("{row}", &row);
    let address = format!("/api/v1{filled}");
    let json = [("Content-Type", "application/json")];
    match (method, path) {
        ("post", "/analyses") => {
            let capture = std::fs::read(demo()).unwrap();
            running.request("POST", &address, &[("Content-Type", "application/octet-stream")], &capture)
        }
        ("post", "/filter/check") => running.request("POST", &address, &json, br#"{"filter": "lost >"}"#),
        ("post", "/filter/complete") => running.request("POST", &address, &json, br#"{"filter": "enc", "cursor": 3}"#),
        ("get", path) if path.ends_with("/flows") => {
            let expanded = row.replace("%2FUDP%2FIENA", "");
            running.get(&format!("{address}?depth=stream&expanded={expanded}"))
        }
        (method, _) => running.request(&method.to_uppercase(), &address, &[], &[]),
    }
}

#[test]
fn what_is_described_answers_as_it_says() {
    let running = serve(options(), Some(0.0));
    running.until("/api/v1/analyses", |list| list[0]["state"] == "ended");
    let all = running.get("/api/v1/openapi.json").json();
    assert!(all["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut asked = 0;
    // what takes away comes last
    let order = ["get", "post", "delete"];
    for method in order {
        for (path, operations) in all["paths"].as_object().unwrap() {
            let Some(operation) = operations.get(method) else { continue };
            assert!(operations.as_object().unwrap().keys().all(|method| order.contains(&method.as_str())), "{path}");
            let answer = ask(&running, method, path);
            let described = &operation["responses"][answer.status.to_string()];
            assert!(described.is_object(), "{method} {path}: {answer:?}");
            asked += 1;
            let Some(kinds) = described.get("content") else {
                assert!(answer.body.is_empty(), "{method} {path}");
                continue;
            };
            let schema = &kinds[&answer.headers["content-type"]]["schema"];
            let mut found = Vec::new();
            faults(&answer.json(), schema, &all, "", &mut found);
            assert_eq!(found, Vec::<String>::new(), "{method} {path}");
        }
    }
    assert_eq!(asked, 17);
    // and what is refused
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    for path in ["analyses/9", "analyses/1/flows?filter=lost%20%3E", "analyses/1/flows/nothing", "nothing"] {
        let answer = running.get(&format!("/api/v1/{path}"));
        assert!((400..500).contains(&answer.status) && answer.headers["content-type"] == "application/problem+json");
        let mut found = Vec::new();
        faults(&answer.json(), &problem, &all, "", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{path}");
    }
}

#[test]
fn a_value_that_is_not_as_described_is_told() {
    let all = json!({"components": {"schemas": {"Point": {"type": "object", "required": ["x"],
        "properties": {"x": {"type": "integer", "minimum": 0}, "kind": {"type": "string", "enum": ["a"]}}}}}});
    let schema = json!({"type": "array", "items": {"$ref": "#/components/schemas/Point"}});
    let count = |value: Value| {
        let mut found = Vec::new();
        faults(&value, &schema, &all, "", &mut found);
        found.len()
    };
    assert_eq!(count(json!([{"x": 1, "kind": "a"}, {"x": 0}])), 0);
    for wrong in [json!({}), json!([{}]), json!([{"x": -1}]), json!([{"x": 1, "y": 2}]), json!([{"x": 1, "kind": "b"}])]
    {
        assert_eq!(count(wrong.clone()), 1, "{wrong}");
    }
}

#[test]
fn the_page_shows_what_is_described() {
    let running = serve(options(), None);
    let all = running.get("/api/v1/openapi.json").json();
    let page = running.get("/api/");
    assert!(page.status == 200 && page.headers["content-type"].starts_with("text/html"));
    let text = String::from_utf8(page.body).unwrap();
    for path in all["paths"].as_object().unwrap().keys() {
        assert!(text.contains(&format!("<code>/api/v1{path}</code>")), "{path}");
    }
    for (name, schema) in all["components"]["schemas"].as_object().unwrap() {
        assert!(text.contains(&format!("<h3 id=\"{name}\">")), "{name}");
        for key in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
            assert!(text.contains(&format!("<code>{key}</code>")), "{name}: {key}");
        }
    }
    assert!(!text.contains("<script") && !text.contains("src="));
}
