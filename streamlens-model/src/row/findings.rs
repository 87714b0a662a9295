//! Findings by the rows that they stand at.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::{Level, RowRef};
use crate::{Finding, FlowKey, Place, Severity};

/// Where findings stand, and of each its code and severity: what rows know of them.
///
/// A few machine words a finding, for there may be a million; texts that recur are kept once. It finds flows by a hash of 64
/// bits with keys of its own for each index: that two flows have the same is as good as impossible.
#[derive(Clone, Debug, Default)]
pub struct FindingIndex {
    hasher: RandomState,
    by_flow: HashMap<u64, Vec<Entry>>,
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

/// A finding, by the numbers of its texts.
#[derive(Clone, Copy, Debug)]
struct Entry {
    transport: Option<u32>,
    encoding: Option<u32>,
    stream: Option<u32>,
    code: u32,
    severity: Severity,
}

impl FindingIndex {
    /// An index of these findings.
    #[must_use]
    pub fn new<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut index = Self::default();
        findings.into_iter().for_each(|finding| index.add(finding));
        index
    }

    /// Adds a finding. Those that stand at no flow are of no row.
    pub fn add(&mut self, finding: &Finding) {
        let Place { flow: Some(flow), transport, encoding, stream } = &finding.place else { return };
        let entry = Entry {
            transport: transport.as_deref().map(|name| self.number(name)),
            encoding: encoding.as_deref().map(|name| self.number(name)),
            stream: stream.as_deref().map(|name| self.number(name)),
            code: self.number(&finding.code),
            severity: finding.severity,
        };
        self.by_flow.entry(self.hasher.hash_one(flow.as_bytes())).or_default().push(entry);
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", |text| text)
    }

    /// Codes and severities of the findings at a row.
    ///
    /// A finding stands at the row where its place ends: a flow, a transport or an encoding. Where it names a stream, it stands
    /// at the encoding and at that stream. Places name no packet types: these have the findings of their encoding.
    pub fn at<'a>(&'a self, row: &RowRef<'a>) -> impl Iterator<Item = (&'a str, Severity)> + use<'a> {
        let entries: &[Entry] = if self.by_flow.is_empty() { &[] } else { self.of_flow(&row.flow().key) };
        let row = *row;
        entries
            .iter()
            .filter(move |entry| self.is_at(entry, &row))
            .map(move |entry| (self.text(entry.code), entry.severity))
    }

    fn of_flow(&self, key: &FlowKey) -> &[Entry] {
        let hash = key.with_text(|text| self.hasher.hash_one(text.as_bytes()));
        self.by_flow.get(&hash).map_or(&[], Vec::as_slice)
    }

    fn is_at(&self, entry: &Entry, row: &RowRef<'_>) -> bool {
        let is = |number: Option<u32>, name: Option<&str>| match (number, name) {
            (Some(number), Some(name)) => self.text(number) == name,
            (number, name) => number.is_none() && name.is_none(),
        };
        let own = is(entry.transport, row.transport().map(|transport| &*transport.protocol_name))
            && is(entry.encoding, row.encoding().map(|encoding| &*encoding.encoding_name));
        let names_stream = || {
            let (Some(named), Some(stream)) = (entry.stream, row.stream()) else { return false };
            let named = self.text(named);
            named == stream.id || stream.name.as_deref() == Some(named)
        };
        own && (row.level() != Level::Stream || names_stream())
    }
}
