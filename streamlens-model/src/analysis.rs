//! The whole result of an analysis: what every output shows.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{self, Unexpected};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reading::values;
use crate::row::FlowId;
use crate::{
    Burst, CaptureSummary, Finding, FlowKey, MacAddress, Metadata, OuterPath, Severity, Shared, StreamHealth,
    Timestamp, TimingSummary, TrafficType,
};

/// The name and version of the document's form. Keys may be added under it, never renamed or removed.
pub const SCHEMA: &str = "streamlens.analysis/1";

/// A whole result. Serializes to the document of `--format json`, and reads back from it: what is read is written as the same
/// bytes again, where the reader reads floating-point numbers to the last bit (`serde_json` does with its feature `float_roundtrip`).
/// What is no part of the document (identifiers of flows, histograms) is empty then, and the totals count what the document holds.
#[derive(Clone, Debug, Serialize)]
pub struct Analysis {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was read.
    pub capture: CaptureSummary,
    /// The flows, by the time they were first seen, then by key, unless another order was asked for.
    pub flows: Vec<Flow>,
    /// How many flows there are; more than `flows` holds where only some were asked for.
    #[serde(skip)]
    pub total_flows: usize,
    /// Findings, gravest first, then by first occurrence.
    pub findings: Vec<Finding>,
    /// How many findings of each severity there are; more than `findings` holds where only some were asked for.
    #[serde(skip)]
    pub total_findings: BTreeMap<Severity, u64>,
    /// Facts that span flows, by encoding: PTP domains, announced sessions, redundant pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Metadata>,
}

/// One direction between two endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Flow {
    /// Which flow, for as long as anyone may hold the identifier. Not part of the document.
    #[serde(skip)]
    pub id: FlowId,
    /// Endpoints and VLANs.
    #[serde(flatten)]
    pub key: FlowKey,
    /// By the destination address, or by what the link says; `None` where neither is known.
    pub traffic_type: Option<TrafficType>,
    /// Earliest time of a frame.
    pub first_seen: Option<Timestamp>,
    /// Latest time of a frame.
    pub last_seen: Option<Timestamp>,
    /// Number of frames. The name is the document's.
    pub total_packets: u64,
    /// Bytes on the wire.
    pub total_bytes: u64,
    /// Bits on the wire per second from the first to the last frame (the bits of the last frame left out, since
    /// their time is not in the span); `None` below two frames with different times.
    pub bit_rate: Option<f64>,
    /// Inter-arrival times of its frames.
    pub timing_stats: Shared<TimingSummary>,
    /// Link-layer addresses, with the changes they went through.
    pub macs: Vec<Change<MacPair>>,
    /// Differentiated services code points (RFC 2474, 0 to 63), with changes.
    pub dscp: Vec<Change<u8>>,
    /// Time to live or hop limit, with changes.
    pub ttl: Vec<Change<u8>>,
    /// Changes that found no room in the three lists.
    #[serde(default)]
    pub changes_not_kept: u64,
    /// What lay around its frames and was taken off: mirror formats and tunnels. The outermost of a frame comes first.
    #[serde(default)]
    pub outer: Vec<OuterPath>,
    /// The most within short times, where that is asked for.
    #[serde(default)]
    pub bursts: Vec<Burst>,
    /// What carries its payloads, by name.
    #[serde(deserialize_with = "values")]
    pub transport_protocols: Vec<TransportProtocol>,
    /// Per interval of time, where asked for.
    #[serde(default)]
    pub intervals: Vec<Interval>,
}

/// A property of a flow and the frame from which on it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change<T> {
    /// The value.
    pub value: T,
    /// The first frame with it.
    pub since_frame: u64,
    /// Frames with it.
    pub packets: u64,
}

/// Source and destination address of the link layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MacPair {
    /// Source; `None` where the link has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<MacAddress>,
    /// Destination; `None` where the link has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<MacAddress>,
}

/// One transport protocol of a flow.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TransportProtocol {
    /// Its standard name.
    pub protocol_name: Cow<'static, str>,
    /// Ports, where it has ports.
    #[serde(default, rename = "port_info", deserialize_with = "ports")]
    pub ports: Option<(u16, u16)>,
    /// Number of frames. The name is the document's.
    pub packet_count: u64,
    /// Bytes on the wire.
    pub byte_count: u64,
    /// Inter-arrival times of its frames.
    pub timing_stats: Shared<TimingSummary>,
    /// What was identified in it, surest and largest first.
    #[serde(deserialize_with = "values")]
    pub application_encodings: Vec<ApplicationEncoding>,
    /// What it may be, but for want of evidence is not said to be.
    pub candidates: Vec<Candidate>,
    /// Facts of the transport itself: retransmissions, gaps.
    #[serde(default)]
    pub metadata: Metadata,
    /// Per interval of time, where asked for.
    #[serde(default)]
    pub intervals: Vec<Interval>,
    /// What its payloads look like, where no decoder took them and that is asked for.
    #[serde(rename = "payload_sample")]
    pub sample: Option<PayloadSample>,
}

/// What payloads that no decoder took look like: enough to report them, or to begin a decoder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayloadSample {
    /// Payloads.
    pub payloads: u64,
    /// The length of the shortest on the wire, in bytes.
    pub shortest: u32,
    /// The length of the longest.
    pub longest: u32,
    /// The Ethernet type in front of the first of them, where there is no IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ether_type: Option<u16>,
    /// The first bytes of the first of them, at most 32, in hexadecimal digits.
    pub first_bytes: String,
}

/// An application protocol that a decoder identified.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ApplicationEncoding {
    /// Its name.
    pub encoding_name: Cow<'static, str>,
    /// The evidence so far, 0.5 to 1.0.
    pub confidence_score: f64,
    /// Number of frames. The name is the document's.
    pub packet_count: u64,
    /// Bytes of those frames on the wire.
    pub byte_count: u64,
    /// Inter-arrival times of those frames.
    pub timing_stats: Shared<TimingSummary>,
    /// What the decoder knows about it.
    pub decoder_metadata: Metadata,
    /// Why it was identified, and what it was preferred to.
    pub reasons: Vec<Cow<'static, str>>,
    /// The frame that decided; counting began with the first frame of the flow where `counted_from_start`.
    pub identified_at_frame: u64,
    /// Whether all its frames are counted: false where it was identified too late for the first ones.
    pub counted_from_start: bool,
    /// Payloads that broke the protocol's rules.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub malformed: u64,
    /// What became of its packets.
    pub health: Health,
    /// Kinds of PDU by name.
    #[serde(serialize_with = "by_type_name", deserialize_with = "values")]
    pub packet_types: Vec<PacketTypeStats>,
    /// Per interval of time, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
}

/// Health of an encoding in a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// By stream, in order of their identifiers.
    pub streams: Vec<StreamHealth>,
    /// Streams beyond the most that are kept apart; 65,536 stands for that many or more.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub streams_not_kept: u64,
    /// Holes in the byte stream that carries it, which the capture doesn't have and nobody sent again: each counts as one loss.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub stream_gaps: u64,
}

/// One kind of PDU.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PacketTypeStats {
    /// Its name.
    pub type_name: Cow<'static, str>,
    /// PDUs, not frames.
    pub packet_count: u64,
    /// Their share of the wire bytes.
    pub byte_count: u64,
    /// PDUs that loss or a snap length cut.
    #[serde(default, skip_serializing_if = "crate::is_zero")]
    pub incomplete: u64,
    /// Inter-arrival times of the PDUs.
    pub timing_stats: Shared<TimingSummary>,
    /// Lengths and what the decoder knows about the kind.
    pub payload_characteristics: Metadata,
    /// Kinds of PDUs of a protocol of their own that lie in PDUs of this kind, such as the mailbox messages in EtherCAT
    /// datagrams. Their bytes are their own lengths, and part of this kind's.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "by_type_name",
        deserialize_with = "values"
    )]
    pub packet_types: Vec<PacketTypeStats>,
    /// Per interval of time, where asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
}

/// What a transport's payloads may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name of the encoding.
    pub encoding_name: Cow<'static, str>,
    /// The evidence, 0.0 to 1.0.
    pub confidence_score: f64,
    /// What speaks for it.
    pub reason: Cow<'static, str>,
}

/// Counts of one interval of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Where it begins: a multiple of its length since the epoch.
    pub start: Timestamp,
    /// Frames (packet types: PDUs).
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Numbers that were found missing in it and never came, over all streams, with holes in the byte stream below; only for
    /// encodings, whose total is the sum of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<i64>,
    /// RFC 3550 §6.4.1 jitter by the media clock in nanoseconds: the greatest of the streams that had packets in it, of
    /// each that after its last packet there. Only for encodings; `None` where no stream states a media clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
}

impl<'de> Deserialize<'de> for Analysis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What of a result the document holds.
        #[derive(Deserialize)]
        struct Document {
            schema: String,
            capture: CaptureSummary,
            flows: Vec<Flow>,
            findings: Vec<Finding>,
            #[serde(default)]
            networks: BTreeMap<String, Metadata>,
        }
        let Document { schema, capture, flows, findings, networks } = Document::deserialize(deserializer)?;
        if schema != SCHEMA {
            return Err(de::Error::invalid_value(Unexpected::Str(&schema), &SCHEMA));
        }
        let mut total_findings = BTreeMap::new();
        findings.iter().for_each(|finding| *total_findings.entry(finding.severity).or_default() += 1);
        Ok(Self { schema: SCHEMA, capture, total_flows: flows.len(), flows, findings, total_findings, networks })
    }
}

impl Flow {
    /// The encodings of all its transports.
    pub fn encodings(&self) -> impl Iterator<Item = &ApplicationEncoding> {
        self.transport_protocols.iter().flat_map(|transport| &transport.application_encodings)
    }
}

/// Serializes with a borrowed set of names, in the order of the design.
impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Transports<'a>(&'a [TransportProtocol]);
        impl Serialize for Transports<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|transport| (&transport.protocol_name, transport)))
            }
        }
        let mut fields = serializer.serialize_struct("Flow", 18)?;
        fields.serialize_field("src", &self.key.src)?;
        fields.serialize_field("dst", &self.key.dst)?;
        fields.serialize_field("vlan", &self.key.vlan)?;
        optional(&mut fields, "traffic_type", self.traffic_type.as_ref())?;
        optional(&mut fields, "first_seen", self.first_seen.as_ref())?;
        optional(&mut fields, "last_seen", self.last_seen.as_ref())?;
        fields.serialize_field("total_packets", &self.total_packets)?;
        fields.serialize_field("total_bytes", &self.total_bytes)?;
        optional(&mut fields, "bit_rate", self.bit_rate.as_ref())?;
        fields.serialize_field("timing_stats", &self.timing_stats)?;
        fields.serialize_field("macs", &self.macs)?;
        fields.serialize_field("dscp", &self.dscp)?;
        fields.serialize_field("ttl", &self.ttl)?;
        optional(&mut fields, "changes_not_kept", (self.changes_not_kept > 0).then_some(&self.changes_not_kept))?;
        optional(&mut fields, "outer", (!self.outer.is_empty()).then_some(&self.outer))?;
        optional(&mut fields, "bursts", (!self.bursts.is_empty()).then_some(&self.bursts))?;
        fields.serialize_field("transport_protocols", &Transports(&self.transport_protocols))?;
        optional(&mut fields, "intervals", (!self.intervals.is_empty()).then_some(&self.intervals))?;
        fields.end()
    }
}

impl Serialize for TransportProtocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Encodings<'a>(&'a [ApplicationEncoding]);
        impl Serialize for Encodings<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|encoding| (&encoding.encoding_name, encoding)))
            }
        }
        let mut fields = serializer.serialize_struct("TransportProtocol", 10)?;
        fields.serialize_field("protocol_name", &self.protocol_name)?;
        let ports = self.ports.map(|(src_port, dst_port)| Ports { src_port, dst_port });
        optional(&mut fields, "port_info", ports.as_ref())?;
        fields.serialize_field("packet_count", &self.packet_count)?;
        fields.serialize_field("byte_count", &self.byte_count)?;
        fields.serialize_field("timing_stats", &self.timing_stats)?;
        fields.serialize_field("application_encodings", &Encodings(&self.application_encodings))?;
        fields.serialize_field("candidates", &self.candidates)?;
        optional(&mut fields, "payload_sample", self.sample.as_ref())?;
        optional(&mut fields, "metadata", (!self.metadata.is_empty()).then_some(&self.metadata))?;
        optional(&mut fields, "intervals", (!self.intervals.is_empty()).then_some(&self.intervals))?;
        fields.end()
    }
}

/// Ports, as the document holds them.
#[derive(Serialize, Deserialize)]
struct Ports {
    src_port: u16,
    dst_port: u16,
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<(u16, u16)>, D::Error> {
    let ports = Option::deserialize(deserializer)?;
    Ok(ports.map(|Ports { src_port, dst_port }| (src_port, dst_port)))
}

fn optional<F: SerializeStruct, T: Serialize>(
    fields: &mut F,
    key: &'static str,
    value: Option<&T>,
) -> Result<(), F::Error> {
    match value {
        Some(value) => fields.serialize_field(key, value),
        None => fields.skip_field(key),
    }
}

fn by_type_name<S: Serializer>(types: &[PacketTypeStats], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(types.iter().map(|kind| (&kind.type_name, kind)))
}
