//! Paths into a JSON document.
//!
//! `health.streams[id=0x00009999].lost`: keys with dots between them. `[KEY=VALUE&KEY=VALUE]` behind a key keeps those elements
//! of a list whose values read like that, `*` stands for every key or element. `#` at the end is the number of values, `+`
//! their sum; both give 0 where nothing is there.

use libtest_mimic::Trial;
use serde_json::Value;

/// The values at a path, none where it leads nowhere.
pub(crate) fn values(start: &Value, path: &str) -> Vec<Value> {
    let (path, end) = match path.strip_suffix(['#', '+']) {
        Some(shorter) => (shorter, path.chars().last()),
        None => (path, None),
    };
    let mut found = vec![start];
    for step in steps(path) {
        let (key, condition) = match step.split_once('[') {
            Some((key, rest)) => (key, rest.strip_suffix(']')),
            None => (step, None),
        };
        found = found.into_iter().flat_map(|value| below(value, key)).collect();
        if let Some(condition) = condition {
            let elements = found.into_iter().flat_map(|value| value.as_array().into_iter().flatten());
            found = elements.filter(|element| fits(element, condition)).collect();
        }
    }
    found.retain(|value| !value.is_null());
    match end {
        Some('#') => vec![found.len().into()],
        Some(_) => {
            vec![found.iter().filter_map(|value| value.as_f64()).fold(0.0, |sum: f64, number| sum + number).into()]
        }
        None => found.into_iter().cloned().collect(),
    }
}

/// The steps of a path: dots within brackets separate nothing.
fn steps(path: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    path.split(move |character| {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == '.' && depth == 0
    })
    .collect()
}

fn below<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    match value {
        Value::Object(members) if key == "*" => members.values().collect(),
        Value::Array(elements) if key == "*" => elements.iter().collect(),
        _ => value.get(key).into_iter().collect(),
    }
}

fn fits(element: &Value, condition: &str) -> bool {
    condition.split('&').all(|part| {
        let Some((key, wanted)) = part.split_once('=') else { return false };
        let value = key.split('.').try_fold(element, |value, key| value.get(key));
        value.is_some_and(|value| match value {
            Value::String(text) => text == wanted,
            other => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| *other == wanted),
        })
    })
}

/// The tests of this module.
pub(crate) fn tests() -> impl Iterator<Item = Trial> {
    let document = serde_json::json!({
        "flows": [{"tcp": {"n": 1}}, {"udp": {"n": 2}}],
        "findings": [{"code": "a.b", "count": 3, "where": {"stream": "x, y"}}, {"code": "a.c", "count": 4, "where": {}}],
        "nothing": null,
    });
    let cases = [
        ("flows.*.*.n+", serde_json::json!([3.0])),
        ("flows.*.udp.n", serde_json::json!([2])),
        ("flows.*.udp.n#", serde_json::json!([1])),
        ("findings[code=a.b].count", serde_json::json!([3])),
        ("findings[code=a.b&where.stream=x, y].count", serde_json::json!([3])),
        ("findings[code=a.c&where.stream=x, y].count", serde_json::json!([])),
        ("findings[code=a.d]#", serde_json::json!([0])),
        ("findings[count=4].code", serde_json::json!(["a.c"])),
        ("nothing", serde_json::json!([])),
        ("nowhere.at.all+", serde_json::json!([0.0])),
    ];
    cases.into_iter().map(move |(path, wanted)| {
        let document = document.clone();
        Trial::test(format!("path {path}"), move || {
            let found = Value::Array(values(&document, path));
            if found == wanted { Ok(()) } else { Err(format!("{found} instead of {wanted}").into()) }
        })
    })
}
