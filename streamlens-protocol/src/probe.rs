//! What a probe and a hub say to each other. On `/probe` the roles of `/stream` are turned round: the probe has dialled, the hub
//! is the client. What is said there beside the messages of `/stream` stands here, with what a hub says of its probes.

use serde::{Deserialize, Serialize};

/// Who a probe is; in its answer to `hello`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct ProbeIdentity {
    /// UUID (RFC 9562), made at its first start and kept.
    pub id: String,
    /// Its name for people, at most 64 characters.
    pub name: String,
    /// Where it is, in the words of its operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// When it was started, by its clock: another start begins anew.
    pub start: String,
    /// Where its packet stamps come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<String>,
}

/// What a probe says beside the messages of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProbeMessage {
    /// How it is, once a second: a hub that hears nothing calls it late.
    Status(ProbeStatus),
    /// Figures by the second: those that have just come, or earlier ones that the hub asked for.
    Aggregates(Aggregates),
}

impl ProbeMessage {
    /// The kinds of message.
    pub const KINDS: [&str; 2] = ["status", "aggregates"];
}

/// How a probe is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeStatus {
    /// What it keeps for its hub.
    pub spool: SpoolState,
    /// Load average of its machine over the last minute, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

/// What a probe keeps for its hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct SpoolState {
    /// Number of the earliest aggregate that is kept; as the next where there is none.
    pub first: u64,
    /// Number that the next aggregate will have.
    pub next: u64,
    /// Bytes that are kept.
    pub bytes: u64,
    /// Aggregates that went for want of room before a hub had them.
    pub dropped: u64,
}

/// Figures by the second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregates {
    /// Whether they have just come; else they were asked for by `fill`, and are answered by `ack`.
    pub live: bool,
    /// In the order of their numbers.
    pub aggregates: Vec<Aggregate>,
}

/// What came within a second of capture time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Its number, 1 more for each since the start of the probe.
    pub number: u64,
    /// Capture time at which it begins.
    pub from: String,
    /// Capture time at which it ends; the next begins here or later.
    pub to: String,
    /// Of each flow that had packets: its key, then packets, bytes on the wire, and numbers found missing less those that came
    /// late, where it has numbers.
    pub rows: Vec<(String, u64, u64, Option<i64>)>,
}

/// What a hub says beside the messages of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HubMessage {
    /// It has the aggregates up to and with this number, but for what it asks for by `fill`.
    Ack(Ack),
    /// It wants earlier aggregates. What is no longer kept is passed over.
    Fill(Fill),
}

impl HubMessage {
    /// The kinds of message.
    pub const KINDS: [&str; 2] = ["ack", "fill"];
}

/// What a hub has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The highest number of the message that is answered.
    pub number: u64,
}

/// What a hub lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// First and last number of what is missing, in ascending order; at most 64.
    pub ranges: Vec<(u64, u64)>,
}

/// A probe as its hub knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Probe {
    /// Its UUID.
    pub id: String,
    /// Its name, which tells it from the others: where two have the same, the second has the beginning of its UUID behind it.
    pub name: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// How it is.
    pub state: ProbeState,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was started, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it dialled from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// When the hub last heard of it, by the hub's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
    /// The analysis that shows it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// Frames that it has read.
    pub frames: u64,
    /// Frames that its capture lost.
    pub dropped: u64,
    /// Flows that it sees.
    pub flows: u64,
    /// Its clock against the hub's; absent before it has been measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ProbeClock>,
    /// Where its packet stamps come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<String>,
    /// What it keeps for the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolState>,
    /// Aggregates that the hub still waits for.
    pub pending: u64,
    /// Load average of its machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

/// How a probe is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ProbeState {
    /// It is connected, and was heard within three seconds.
    #[default]
    Live,
    /// It is connected, but nothing was heard for longer.
    Late,
    /// It is not connected.
    Away,
    /// It was not let in.
    Refused,
}

/// A probe's clock against its hub's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct ProbeClock {
    /// The probe's clock less the hub's, in nanoseconds.
    pub offset_ns: i64,
    /// How far the truth may lie from that: half the shortest round trip of the last ones.
    pub uncertainty_ns: u64,
    /// Whether the times that are shown of the probe are less that offset.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub corrected: bool,
}

/// Figures by the second of a flow at a probe, as `probes/{id}/series` gives them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct ProbeSeries {
    /// In order of time; seconds in which the flow had no packets have 0.
    pub seconds: Vec<ProbeSecond>,
    /// Where there is nothing, and why.
    pub gaps: Vec<ProbeGap>,
}

/// What came of a flow within a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct ProbeSecond {
    /// Capture time at which it begins, by the probe's clock.
    pub from: String,
    /// Capture time at which it ends.
    pub to: String,
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Numbers found missing, less those that came late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<i64>,
    /// Whether it came later than it was measured.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub filled: bool,
}

/// A time of which a hub has nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct ProbeGap {
    /// Capture time at which it begins, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Capture time at which it ends, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Why.
    pub kind: GapKind,
    /// Aggregates that are missing; 0 where nothing was measured.
    pub aggregates: u64,
}

/// Why a hub has nothing of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// The probe has it, and will send it.
    #[default]
    NotYetSent,
    /// It was measured, but neither the probe nor the hub keeps it any more.
    NotKept,
    /// The probe was not running.
    NeverMeasured,
}
