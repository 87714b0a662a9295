//! What is found of that which spans flows (a domain of PTP, a redundant pair), in one of the captures alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::Serialize;
use streamlens::model::{Analysis, Severity};

use super::{Verdict, quoted};
use crate::text::escaped;

/// What tells such findings apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    code: String,
    encoding: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
}

/// A finding that is in one capture and not in the other.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Found {
    /// Worse where it is new, better where it is gone.
    pub(super) verdict: Verdict,
    #[serde(flatten)]
    key: Key,
    text: String,
}

/// The findings that are not in both, of these encodings where any are given: the new ones first.
pub(super) fn found(good: &Analysis, bad: &Analysis, encodings: Option<&BTreeSet<&str>>) -> Vec<Found> {
    let all = |of: &Analysis| -> BTreeMap<Key, String> {
        let grave = of.findings.iter().filter(|one| one.severity >= Severity::Warning && one.place.flow.is_none());
        let keyed = grave.filter_map(|one| {
            let encoding = one.place.encoding.clone()?;
            let is_wanted = encodings.is_none_or(|wanted| wanted.contains(&*encoding));
            let key = Key { code: one.code.to_string(), encoding, stream: one.place.stream.clone() };
            is_wanted.then(|| (key, one.text.clone()))
        });
        keyed.collect()
    };
    let (good, bad) = (all(good), all(bad));
    let only = |of: &BTreeMap<Key, String>, other: &BTreeMap<Key, String>, verdict| {
        let keys = of.iter().filter(|(key, _)| !other.contains_key(key));
        keys.map(|(key, text)| Found { verdict, key: key.clone(), text: text.clone() }).collect::<Vec<_>>()
    };
    let new = only(&bad, &good, Verdict::Worse);
    new.into_iter().chain(only(&good, &bad, Verdict::Better)).collect()
}

impl Found {
    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Key { code, encoding, stream } = &self.key;
        let stream = stream.as_ref().map_or_else(String::new, |stream| format!(", stream {stream}"));
        let what = format!("{encoding}{stream}: {} {code}", self.said());
        writeln!(out, "\n{:<10}{}", self.verdict.name(), escaped(&what))?;
        writeln!(out, "{:<10}{}", "", escaped(&self.text))
    }

    /// As a line of CSV, with so many empty fields behind.
    pub(super) fn write_csv(&self, out: &mut impl Write, empty: usize) -> io::Result<()> {
        let Key { code, encoding, stream } = &self.key;
        let reason = format!("{} {code}: {}", self.said(), self.text);
        let texts = [self.verdict.name(), "", "", encoding, stream.as_deref().unwrap_or_default(), &reason];
        writeln!(out, "{}{}", texts.map(quoted).join(","), ",".repeat(empty))
    }

    fn said(&self) -> &'static str {
        if self.verdict == Verdict::Worse { "new finding" } else { "finding that is gone" }
    }
}
