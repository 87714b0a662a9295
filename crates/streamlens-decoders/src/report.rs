//! What decoders with memory and monitors add to a result.

use std::borrow::Cow;
use std::collections::BTreeMap;

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
    /// Named measures and facts.
    pub measures: Metadata,
}

/// What a flow's decoder or a conversation's monitor adds to the encoding of one flow.
#[derive(Debug, Default)]
pub struct FlowReport {
    /// Facts about the encoding in this flow.
    pub metadata: Metadata,
    /// Facts by stream.
    pub streams: BTreeMap<StreamId, StreamReport>,
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
    /// Adds a fact about the encoding.
    pub fn fact(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        self.metadata.insert(name.into(), value.into());
    }

    /// The facts of one stream, to add to.
    pub fn stream(&mut self, id: StreamId) -> &mut StreamReport {
        self.streams.entry(id).or_default()
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
}
