//! An index of findings by the rows that they belong to.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::spanning::SpanningFindings;
use super::{Level, RowRef};
use crate::{Finding, FlowKey, Place, Severity};

/// The number of lists that share the findings.
const LISTS: usize = 1 << 14;
/// A list grows by a sixteenth of its length, so that little of its memory is unused. A `Vec` that doubles may leave half unused.
const GROWTH: usize = 16;

/// The place, code and severity of each finding, by which a row finds its findings.
///
/// A finding takes fourteen bytes, for there may be a million of them; the names of transports, encodings and codes, which recur,
/// are kept once. Flows and streams are known by hashes of 62 and 40 bits with random keys of the index, so that two flows, or two
/// streams of a flow, hardly ever have the same hash.
#[derive(Clone, Debug, Default)]
pub struct FindingIndex {
    hasher: RandomState,
    /// The lists, by the lowest bits of the flow's hash; empty before the first finding.
    lists: Vec<List>,
    kinds: Vec<Kind>,
    kind_numbers: HashMap<Kind, u32>,
    texts: Vec<Box<str>>,
    text_numbers: HashMap<Box<str>, u32>,
    /// The findings that belong to no single flow.
    spanning: SpanningFindings,
}

/// Findings of several flows. Those of one flow are in the order in which they were added.
#[derive(Clone, Debug, Default)]
struct List {
    entries: Vec<Entry>,
    /// Whether the entries are in order of their flows.
    is_unsorted: bool,
}

/// A finding.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The flow's hash without the bits that choose the list.
    flow: [u8; 6],
    /// The hash of the stream that the finding names; zeros if it names none.
    stream: [u8; 5],
    /// The number of its kind.
    kind: [u8; 3],
}

/// What findings of many flows have in common. Texts are given by their numbers, which begin with 1; 0 means that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    transport: u32,
    encoding: u32,
    code: u32,
    severity: Severity,
}

impl FindingIndex {
    /// Returns an index of these findings.
    #[must_use]
    pub fn new<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut index = Self::default();
        findings.into_iter().for_each(|finding| index.add(finding));
        index.sort();
        index
    }

    /// Adds a finding. A finding that names neither a flow nor an encoding belongs to no row.
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

    /// Sorts the lists to which findings were added, so that a row finds its findings by binary search. In a list that is not sorted
    /// it looks through all.
    pub fn sort(&mut self) {
        for list in self.lists.iter_mut().filter(|list| list.is_unsorted) {
            list.entries.sort_by_key(|entry| entry.flow);
            list.is_unsorted = false;
        }
    }

    /// Returns the number of a kind. Returns `None` if there are more kinds than fit into three bytes, which no capture has.
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

    /// Returns the hash of a stream, which is never zeros: those mean that a finding names no stream.
    fn stream_hash(&self, name: &str) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.hasher.hash_one(("stream", name)).to_le_bytes();
        [a | 1, b, c, d, e]
    }

    /// Returns codes and severities of the findings that belong to a row.
    ///
    /// A finding belongs to the row where its place ends: a flow, a transport or an encoding. A finding that names a stream
    /// belongs to the encoding and to that stream. Places name no packet types: a packet type has the findings of its encoding.
    /// A finding that names an encoding and no flow belongs to each row that it concerns. If it names no stream, these are the
    /// rows of that encoding; if it names one, they are the streams of that name or identifier, those whose identifier begins
    /// with it, and the encodings of all these.
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

    /// Returns the entries of a flow if its list is sorted, else the whole list; and the hash that the entries of the flow have.
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

/// Splits the hash of a flow into the number of its list and the bytes that the entries of that list keep.
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
