//! What stands behind the `?` of an address.

use axum::http::StatusCode;
use streamlens_model::Timestamp;
use streamlens_protocol::Depth;

use super::problem::Fault;

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

    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, key: &str, default: u64) -> Result<u64, Fault> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.parse().map_err(|_| wrong(&format!("{key} is a whole number; '{value}' is none")))
    }

    pub(super) fn time(&self, key: &str) -> Result<Option<Timestamp>, Fault> {
        let time = |text: &str| streamlens_filter::instant(text).ok_or_else(|| wrong(&format!("'{text}' is no time")));
        self.get(key).map(time).transpose()
    }

    pub(super) fn depth(&self) -> Result<Depth, Fault> {
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

pub(super) fn wrong(what: &str) -> Fault {
    Fault::new("query", "The query is wrong", StatusCode::BAD_REQUEST, what)
}
