//! What decoders with memory and monitors add to a result.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Index;

use streamlens_model::{FindingLog, Metadata, StreamId, Value};

use crate::PacketType;

/// A more exact name for what was identified: ST 2110-20 rather than RTP. It takes over the counts of its base.
#[derive(Clone, Debug, PartialEq)]
pub struct Refinement {
    /// The name of the encoding that replaces the base's.
    pub encoding_name: Cow<'static, str>,
    /// How sure that is, 0.0 to 1.0. Below 0.5 it stays a candidate.
    pub confidence: f32,
    /// Why, and what it was preferred to.
    pub reason: String,
}

/// What is known of one stream beyond the generic health figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamReport {
    /// A name for people, where it says more than the identifier: a channel's name.
    pub name: Option<String>,
    /// Replaces the engine's RFC 3550 jitter in nanoseconds where the decoder came to know the clock rate later than
    /// the first packet.
    pub jitter_ns: Option<f64>,
    /// Replaces the engine's clock drift in parts per million, likewise.
    pub drift_ppm: Option<f64>,
    /// How many of its missing packets came by another path, so that whoever merges the paths has them (ST 2022-7).
    pub recovered: u64,
    /// Named measures and facts.
    pub measures: Metadata,
}

/// What is known of the streams of a flow, by stream.
///
/// A list that is kept in order, for most flows have one stream, and there may be a million flows. Streams that come in order
/// are added in no time; a flow has a few thousand of them at most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamReports {
    /// In strictly ascending order of the streams.
    entries: Vec<(StreamId, StreamReport)>,
}

impl StreamReports {
    /// The facts of a stream, to add to; without any where it is new.
    pub fn of(&mut self, id: StreamId) -> &mut StreamReport {
        let place = match self.entries.last() {
            Some((last, _)) if *last >= id => self.place(id),
            _ => Err(self.entries.len()),
        };
        let (Ok(place) | Err(place)) = place;
        if self.entries.get(place).is_none_or(|(known, _)| *known != id) {
            if self.entries.is_empty() {
                self.entries.reserve_exact(1);
            }
            self.entries.insert(place, (id, StreamReport::default()));
        }
        &mut self.entries[place].1
    }

    /// The facts of a stream.
    #[must_use]
    pub fn get(&self, id: StreamId) -> Option<&StreamReport> {
        let place = self.place(id).ok()?;
        self.entries.get(place).map(|(_, report)| report)
    }

    /// Takes the facts of a stream out, and leaves it without any.
    pub fn take(&mut self, id: StreamId) -> Option<StreamReport> {
        let place = self.place(id).ok()?;
        self.entries.get_mut(place).map(|(_, report)| std::mem::take(report))
    }

    /// The facts of all.
    pub fn values(&self) -> impl Iterator<Item = &StreamReport> {
        self.entries.iter().map(|(_, report)| report)
    }

    /// How many streams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn place(&self, id: StreamId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |(known, _)| *known)
    }
}

impl IntoIterator for StreamReports {
    type Item = (StreamId, StreamReport);
    type IntoIter = std::vec::IntoIter<(StreamId, StreamReport)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

/// The facts of a stream.
///
/// # Panics
///
/// Where there are none; [`StreamReports::get`] doesn't.
impl Index<&StreamId> for StreamReports {
    type Output = StreamReport;

    fn index(&self, id: &StreamId) -> &StreamReport {
        match self.get(*id) {
            Some(report) => report,
            None => panic!("nothing is known of {id:?}"),
        }
    }
}

/// What a flow's decoder or a conversation's monitor adds to the encoding of one flow.
#[derive(Debug, Default)]
pub struct FlowReport {
    /// Facts about the encoding in this flow.
    pub metadata: Metadata,
    /// Facts by stream.
    pub streams: StreamReports,
    /// Facts by packet type.
    pub packet_types: BTreeMap<PacketType, Metadata>,
    /// Other names for packet types, where what they are is only known from many packets (IENA variants). Types that
    /// end up with one name are merged.
    pub type_names: BTreeMap<PacketType, Cow<'static, str>>,
    /// A more exact name for the encoding; the surest one wins.
    pub refinements: Vec<Refinement>,
    /// What it found.
    pub findings: Vec<FindingLog>,
    /// Further reasons for the identification.
    pub reasons: Vec<String>,
    /// The most that the identification may be believed, whatever speaks for it: where every packet shows the same
    /// flaw, one more of them is no further evidence. `None` where nothing limits it.
    pub confidence_limit: Option<f32>,
}

impl FlowReport {
    /// Takes the values of these names out, at any depth.
    pub fn remove_all(&mut self, names: &[&str]) {
        self.metadata.remove_all(names);
        self.streams.entries.iter_mut().for_each(|(_, stream)| stream.measures.remove_all(names));
        self.packet_types.values_mut().for_each(|facts| facts.remove_all(names));
    }

    /// Adds a fact about the encoding.
    pub fn fact(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.metadata.insert(name.into(), value.into());
    }

    /// The facts of one stream, to add to.
    pub fn stream(&mut self, id: StreamId) -> &mut StreamReport {
        self.streams.of(id)
    }
}

/// What a network monitor adds to the result.
#[derive(Debug, Default)]
pub struct NetworkReport {
    /// Additions to single flows, by their index among the peers.
    pub flows: BTreeMap<u64, FlowReport>,
    /// Facts about the network: PTP domains, announced sessions, redundant pairs.
    pub facts: Metadata,
    /// What it found beyond single flows.
    pub findings: Vec<FindingLog>,
    /// Names of the streams that those findings speak of.
    pub stream_names: BTreeMap<StreamId, String>,
    /// Streams whose media time can be held against PTP time, once that is known.
    #[cfg(all(feature = "sap", feature = "ptp"))]
    pub(crate) media_times: Vec<crate::sap::MediaTime>,
}
