//! Flows as a client holds them: the tree of the result document, as far as a view goes down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One direction between two endpoints, with the rows below it that the view shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Flow {
    /// Where it comes from.
    pub src: Endpoint,
    /// Where it goes to.
    pub dst: Endpoint,
    /// VLAN identifiers, outermost first.
    pub vlan: Vec<u16>,
    /// `unicast`, `multicast` or `broadcast`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_type: Option<String>,
    /// Capture time of the earliest frame, RFC 3339 with nine digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Capture time of the latest frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// Frames.
    pub total_packets: u64,
    /// Bytes on the wire.
    pub total_bytes: u64,
    /// Bits on the wire per second from the first to the last frame; absent below two frames with different times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<f64>,
    /// Packets in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Bits on the wire in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate_now: Option<f64>,
    /// Inter-arrival times.
    pub timing_stats: Timing,
    /// Names of its transports, also where they are not shown as rows.
    pub transports: Vec<String>,
    /// Names of its encodings, also where they are not shown as rows.
    pub encodings: Vec<String>,
    /// Numbers that never came, over all its streams; absent where none has numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Numbers that should have come, over all its streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Findings at the flow and all below it; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// Bits on the wire of each of the last seconds of capture time, at most 60, the newest last; where asked for. Sent
    /// once a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<u64>>,
    /// Name of the probe that the figures are of, where several look: that which saw most packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals_of: Option<String>,
    /// What each probe saw of it, by name, where several look. Never added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<BTreeMap<String, FlowAtProbe>>,
    /// Its transports, where they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport_protocols: Option<BTreeMap<String, Transport>>,
}

/// What one probe saw of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowAtProbe {
    /// VLAN identifiers there, outermost first.
    pub vlan: Vec<u16>,
    /// Capture time of the earliest frame, by the probe's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// Capture time of the latest frame, by the probe's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// Frames.
    pub total_packets: u64,
    /// Bytes on the wire.
    pub total_bytes: u64,
    /// Packets in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Bits on the wire in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate_now: Option<f64>,
    /// Inter-arrival times.
    pub timing_stats: Timing,
    /// Numbers that never came, over all its streams; absent where none has numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
}

/// An end of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoint {
    /// Address; absent where the link has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Port; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A transport of a flow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transport {
    /// Its standard name.
    pub protocol_name: String,
    /// Ports, where it has ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_info: Option<PortInfo>,
    /// Frames.
    pub packet_count: u64,
    /// Bytes on the wire.
    pub byte_count: u64,
    /// Packets in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Bits on the wire in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate_now: Option<f64>,
    /// Inter-arrival times.
    pub timing_stats: Timing,
    /// How many rows there are right below it, shown or not; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_below: Option<u64>,
    /// Findings at the transport, not at rows below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// Its encodings, where they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application_encodings: Option<BTreeMap<String, Encoding>>,
}

/// The ports of a transport.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PortInfo {
    /// Of the source.
    pub src_port: u16,
    /// Of the destination.
    pub dst_port: u16,
}

/// An application protocol that was identified.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Encoding {
    /// Its name.
    pub encoding_name: String,
    /// How sure that is, 0.5 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence_score: Option<f64>,
    /// Frames.
    pub packet_count: u64,
    /// Bytes of those frames on the wire.
    pub byte_count: u64,
    /// Packets in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Bits on the wire in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate_now: Option<f64>,
    /// Inter-arrival times.
    pub timing_stats: Timing,
    /// Payloads that broke the protocol's rules; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<u64>,
    /// How many rows there are right below it, shown or not; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_below: Option<u64>,
    /// Findings at the encoding and its streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// What became of its packets: sums over its streams, and these where they are shown.
    pub health: Health,
    /// Kinds of PDU by name, where they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_types: Option<BTreeMap<String, PacketType>>,
}

/// What became of the packets of an encoding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// Packets received, duplicates included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Numbers from the first to the highest, over all restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Numbers that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Packets whose number had come before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Packets that came after one with a higher number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// How often counting began afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// The most numbers in a row that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap: Option<u64>,
    /// RFC 3550 §6.4.1 jitter against the media clock in nanoseconds: the greatest of any stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// Streams by their identifier, where they are shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<BTreeMap<String, Stream>>,
}

/// A stream of an encoding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stream {
    /// Its identifier, as its protocol writes it.
    pub id: String,
    /// A name for people, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Packets received, duplicates included.
    pub received: u64,
    /// Numbers from the first to the highest, over all restarts; absent without sequence numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
    /// Numbers that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// Packets whose number had come before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicated: Option<u64>,
    /// Packets that came after one with a higher number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordered: Option<u64>,
    /// How often counting began afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u64>,
    /// The most numbers in a row that never came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest_gap: Option<u64>,
    /// RFC 3550 §6.4.1 jitter against the stream's own clock in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// How much faster its clock runs than the capture's, in parts per million.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift_ppm: Option<f64>,
    /// Packets in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Findings at the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
}

/// A kind of PDU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PacketType {
    /// Its name.
    pub type_name: String,
    /// PDUs, not frames.
    pub packet_count: u64,
    /// Their share of the bytes on the wire.
    pub byte_count: u64,
    /// PDUs in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_rate: Option<f64>,
    /// Bits in the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate_now: Option<f64>,
    /// PDUs that loss or a snap length cut; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<u64>,
    /// Inter-arrival times of the PDUs.
    pub timing_stats: Timing,
    /// How many rows there are right below it, shown or not; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_below: Option<u64>,
    /// Findings at the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
    /// Kinds of PDU that lie in those of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub packet_types: Option<BTreeMap<String, PacketType>>,
}

/// Inter-arrival times; durations in nanoseconds, undefined ones absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Timing {
    /// Number of intervals.
    pub count: u64,
    /// The shortest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ns: Option<u64>,
    /// The longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ns: Option<u64>,
    /// The mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_ns: Option<f64>,
    /// Standard deviation of the population.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std_dev_ns: Option<f64>,
    /// RFC 3550 §6.4.1 filter over the differences of consecutive intervals, without the media clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ns: Option<f64>,
    /// The median; as the next two within 1 %, and up to a second old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// 95 of 100 are not longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// 99 of 100 are not longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Intervals far from the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outliers: Option<Outliers>,
    /// How often the time ran backwards; absent where it never did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backwards: Option<u64>,
}

/// Intervals far from the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outliers {
    /// How many.
    pub count: u64,
}

/// Findings by severity; severities without any are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingCounts {
    /// Worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<u64>,
    /// Not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<u64>,
    /// Data lost, or not to be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<u64>,
}
