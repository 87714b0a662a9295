//! JSON Merge Patch (RFC 7396): what a client does with a flow that it holds.

use serde_json::Value;

/// Applies a patch to what is held: null takes away, objects are merged, all else replaces.
///
/// ```
/// use serde_json::json;
/// let mut flow = json!({"total_packets": 1, "lost": 2});
/// streamlens_protocol::merge(&mut flow, json!({"total_packets": 3, "lost": null}));
/// assert_eq!(flow, json!({"total_packets": 3}));
/// ```
pub fn merge(held: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *held = patch;
        return;
    };
    if !held.is_object() {
        *held = Value::Object(serde_json::Map::new());
    }
    let Value::Object(held) = held else { return };
    for (key, value) in patch {
        if value.is_null() {
            held.remove(&key);
        } else {
            merge(held.entry(key).or_insert(Value::Null), value);
        }
    }
}
