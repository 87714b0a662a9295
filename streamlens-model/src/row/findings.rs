//! Findings by the rows that they stand at.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::spanning::SpanningFindings;
use super::{Level, RowRef};
use crate::{Finding, FlowKey, Place, Severity};

/// So many lists share the findings.
const LISTS: usize = 1 << 14;
/// A list grows by one in so many of what it holds: no memory lies idle that is worth telling, as it does in one that doubles.
const GROWTH: usize = 16;

/// Where findings stand, and of each its code and severity: what rows know of them.
///
/// Fourteen bytes a finding, for there may be a million; the names of transports, encodings and codes, which recur, are kept
/// once. Flows and streams are known by hashes with keys of the index's own, of 62 and 40 bits: that two of them have the same
/// is as good as impossible.
#[derive(Clone, Debug, Default)]
pub struct FindingIndex {
    hasher: RandomState,
    /// Lists by the lowest bits of the flow's hash; none before the first finding.
    lists: Vec<List>,
    kinds: Vec<Kind>,
    kind_numbers: HashMap<Kind, u32>,
    texts: Vec<Box<str>>,
    text_numbers: HashMap<Box<str>, u32>,
    /// Those that stand at no flow.
    spanning: SpanningFindings,
}

/// Findings, those of a flow in the order in which they were added.
#[derive(Clone, Debug, Default)]
struct List {
    entries: Vec<Entry>,
    /// Whether the entries are in order of their flows.
    is_unsorted: bool,
}

/// A finding.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The flow's hash without the bits that stand for the list.
    flow: [u8; 6],
    /// The hash of its stream; zeros where it names none.
    stream: [u8; 5],
    /// The number of its kind.
    kind: [u8; 3],
}

/// What findings of many flows have in common; the texts by their numbers, from 1, of which 0 stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    transport: u32,
    encoding: u32,
    code: u32,
    severity: Severity,
}

impl FindingIndex {
    /// An index of these findings.
    #[must_use]
    pub fn new<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut index = Self::default();
        findings.into_iter().for_each(|finding| index.add(finding));
        index.sort();
        index
    }

    /// Adds a finding. Those that stand at no flow and name no encoding are of no row.
    pub fn add(&mut self, finding: &Finding) {
        let Place { flow, transport, encoding, stream } = &finding.place;
        let kind = Kind {
            transport: transport.as_deref().map_or(0, |name| self.text_number(name)),
            encoding: encoding.as_deref().map_or(0, |name| self.text_number(name)),
            code: self.text_number(&finding.code),
            severity: finding.severity,
        };
        let Some(kind) = self.kind_number(kind) else { return };
        let Some(flow) = flow else { return self.spanning.add(&finding.place, kind) };
        if self.lists.is_empty() {
            self.lists.resize(LISTS, List::default());
        }
        let stream = stream.as_deref().map_or([0; 5], |name| self.stream_hash(name));
        let (place, flow) = split(self.hasher.hash_one(flow.as_bytes()));
        let Some(List { entries, is_unsorted }) = self.lists.get_mut(place) else { return };
        *is_unsorted |= entries.last().is_some_and(|last| last.flow > flow);
        if entries.len() == entries.capacity() {
            let more = entries.len() / GROWTH + 1;
            entries.reserve_exact(more);
        }
        entries.push(Entry { flow, stream, kind });
    }

    /// Brings what was added into order, so that rows find theirs in little time; without it they look through more.
    pub fn sort(&mut self) {
        for list in self.lists.iter_mut().filter(|list| list.is_unsorted) {
            list.entries.sort_by_key(|entry| entry.flow);
            list.is_unsorted = false;
        }
    }

    /// `None` where there are more kinds than fit into three bytes, which no capture has.
    fn kind_number(&mut self, kind: Kind) -> Option<[u8; 3]> {
        let number = match self.kind_numbers.get(&kind) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.kinds.len()).ok().filter(|number| *number < 1 << 24)?;
                self.kinds.push(kind);
                self.kind_numbers.insert(kind, number);
                number
            }
        };
        let [a, b, c, _] = number.to_le_bytes();
        Some([a, b, c])
    }

    fn kind(&self, [a, b, c]: [u8; 3]) -> Option<&Kind> {
        self.kinds.get(u32::from_le_bytes([a, b, c, 0]) as usize)
    }

    fn text_number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.text_numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.text_numbers.insert(text.into(), number);
        number
    }

    fn text(&self, number: u32) -> &str {
        (number as usize).checked_sub(1).and_then(|place| self.texts.get(place)).map_or("", |text| text)
    }

    /// Never zeros, which stand for none.
    fn stream_hash(&self, name: &str) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.hasher.hash_one(("stream", name)).to_le_bytes();
        [a | 1, b, c, d, e]
    }

    /// Codes and severities of the findings at a row.
    ///
    /// A finding stands at the row where its place ends: a flow, a transport or an encoding. Where it names a stream, it stands
    /// at the encoding and at that stream. Places name no packet types: these have the findings of their encoding. One that
    /// stands at no flow and names an encoding stands at each row that it concerns: without a stream at those of that encoding,
    /// else at streams that are called so, or whose identifier begins so, and at their encodings.
    pub fn at<'a>(&'a self, row: &RowRef<'a>) -> impl Iterator<Item = (&'a str, Severity)> + use<'a> {
        let (entries, flow) = self.of_flow(&row.flow().key);
        let streams = row.stream().filter(|_| !entries.is_empty()).map(|stream| {
            let own = self.stream_hash(&stream.id);
            (own, stream.name.as_deref().map_or(own, |name| self.stream_hash(name)))
        });
        let row = *row;
        let is_of_stream =
            move |entry: &Entry| streams.is_some_and(|(id, name)| entry.stream == id || entry.stream == name);
        entries
            .iter()
            .filter(move |entry| entry.flow == flow && (row.level() != Level::Stream || is_of_stream(entry)))
            .filter_map(move |entry| self.kind(entry.kind).filter(|kind| self.is_at(kind, &row)))
            .chain(self.spanning.at(&row).into_iter().filter_map(|kind| self.kind(kind)))
            .map(move |kind| (self.text(kind.code), kind.severity))
    }

    /// The entries of a flow, where they are in order, or those among which they are.
    fn of_flow(&self, key: &FlowKey) -> (&[Entry], [u8; 6]) {
        if self.lists.is_empty() {
            return (&[], [0; 6]);
        }
        let (place, flow) = split(key.with_text(|text| self.hasher.hash_one(text.as_bytes())));
        let Some(List { entries, is_unsorted }) = self.lists.get(place) else { return (&[], flow) };
        if *is_unsorted {
            return (entries, flow);
        }
        let begin = entries.partition_point(|entry| entry.flow < flow);
        let rest = entries.get(begin..).unwrap_or_default();
        let end = rest.partition_point(|entry| entry.flow == flow);
        (rest.get(..end).unwrap_or_default(), flow)
    }

    fn is_at(&self, kind: &Kind, row: &RowRef<'_>) -> bool {
        let is =
            |number: u32, name: Option<&str>| name.map_or(number == 0, |name| number > 0 && self.text(number) == name);
        is(kind.transport, row.transport().map(|transport| &*transport.protocol_name))
            && is(kind.encoding, row.encoding().map(|encoding| &*encoding.encoding_name))
    }
}

/// The list of a flow by its hash, and what is kept of that there.
fn split(hash: u64) -> (usize, [u8; 6]) {
    let [a, b, c, d, e, f, ..] = (hash >> LISTS.trailing_zeros()).to_le_bytes();
    (hash as usize % LISTS, [a, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{RowContext, rows};
    use crate::{Address, Endpoint, Flow, Occurrence};

    fn finding(flow: &Flow, code: &'static str) -> Finding {
        let place = Place { flow: Some(flow.key.to_string()), ..Place::default() };
        let at = Occurrence { frame: 1, time: None };
        let (severity, text) = (Severity::Info, String::new());
        Finding { code: code.into(), severity, count: 1, packets: None, first: at, last: at, place, text }
    }

    #[test]
    fn flows_have_their_own_findings_in_the_order_of_adding_sorted_or_not() {
        let flow = |number: u32| {
            let src = Endpoint { address: Address::V4(number.into()), port: Some(1) };
            let mut flow = Flow::default();
            flow.key.src = src;
            flow
        };
        let flows: Vec<Flow> = (0..50_000).map(flow).collect();
        let mut index = FindingIndex::default();
        for code in ["b", "a"] {
            flows
                .iter()
                .filter(|flow| flow.key.src.to_string().contains('7'))
                .for_each(|flow| index.add(&finding(flow, code)));
        }
        let hold = |index: &FindingIndex, step: usize| {
            for flow in flows.iter().step_by(step) {
                let codes: Vec<_> = rows(flow, RowContext::default())
                    .flat_map(|row| index.at(&row).collect::<Vec<_>>())
                    .map(|(code, _)| code)
                    .collect();
                let wanted: &[&str] = if flow.key.src.to_string().contains('7') { &["b", "a"] } else { &[] };
                assert_eq!(codes, wanted, "{}", flow.key.src);
            }
        };
        hold(&index, 7);
        index.sort();
        hold(&index, 1);
    }

    #[test]
    fn a_finding_takes_fourteen_bytes() {
        assert_eq!(size_of::<Entry>(), 14);
    }
}
