//! What a server says on `/stream`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Analysis, Compression, FindingCounts, Flow, Id, ProbeIdentity, Problem};

/// A message of a server. `F` is what a flow is: a [`Flow`] where messages are whole, else a patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<F = Flow> {
    /// What has changed of a view.
    FlowUpdate(FlowUpdate<F>),
    /// The answer to `hello`.
    Hello(HelloAnswer),
    /// What there is to analyse has changed; to clients that said `hello`.
    Analyses(Analyses),
    /// Details of a row that is watched.
    Detail(Detail),
    /// The answer to what has been done.
    Done(Done),
    /// The answer to what could not be done.
    Error(ErrorMessage),
    /// The answer to `ping`.
    Pong(Pong),
}

/// What has changed of a view since the last message about it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct FlowUpdate<F = Flow> {
    /// Capture time of what is shown; absent before the first frame with a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The server's clock when it was sent.
    pub sent: String,
    /// Which start of the analysis: with another, all that was held is of no use.
    pub start: String,
    /// Which analysis.
    pub analysis: String,
    /// Number of the message, 1 more for each of this connection.
    pub seq: u64,
    /// Number of the look that is shown.
    pub epoch: u64,
    /// Number of the view.
    pub view: u8,
    /// Begins anew: what was held of the view is forgotten first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub reset: bool,
    /// Whether all of the view as it is now has been sent; else more follows.
    pub complete: bool,
    /// Keys of flows that left the view. Applied before `flows`: one in both is sent anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))]
    pub removed: Vec<String>,
    /// By key: of a client that has subscribed a patch on what it holds, else whole flows.
    pub flows: BTreeMap<String, F>,
    /// Place of the first row of `order`, with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Flows of the view in front of that of the first row, with `order`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_flow: Option<u64>,
    /// Names of the rows of the window from the top, where that has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// Rows of the view, in the window or not.
    pub total: u64,
    /// Flows of the view.
    pub total_flows: u64,
    /// Counts of the capture.
    pub capture: Capture,
    /// Findings that are new, grew or were resolved, where the view asks for them; the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<Finding>>"))]
    pub findings: Vec<Finding>,
}

/// Counts of a capture so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capture {
    /// Frames read.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Flows that are kept.
    pub flows: u64,
    /// Frames of those.
    pub packets_in_flows: u64,
    /// Frames in no flow.
    pub packets_not_in_flows: u64,
    /// Fragments that wait for the first one of their datagram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// Flows that ended for want of room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Retired>,
    /// Frames that the capture itself lost, by interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<BTreeMap<String, u64>>,
    /// Findings of the whole analysis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<FindingCounts>,
}

/// Totals of flows that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Retired {
    /// Number of flows.
    pub flows: u64,
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// By transport.
    pub transports: BTreeMap<String, RetiredCounts>,
    /// By encoding.
    pub encodings: BTreeMap<String, RetiredCounts>,
}

/// Counts of ended flows under one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetiredCounts {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    #[default]
    Info,
    /// Something is not as it should be.
    Warning,
    /// Data were lost or can't be trusted.
    Error,
}

/// What became of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FindingState {
    /// The client has not had it before.
    #[default]
    New,
    /// It happened again, or reads otherwise.
    Grown,
    /// It is no longer so, or its flow left the analysis.
    Resolved,
}

/// A finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Which finding, for the life of the analysis: 16 hexadecimal digits.
    pub id: String,
    /// What became of it.
    pub state: FindingState,
    /// Name of the row that it stands at; absent for those of a network or the capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Stable code, such as `rtp.loss`.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// How often it happened.
    pub count: u64,
    /// When first.
    pub first: Occurrence,
    /// When last.
    pub last: Occurrence,
    /// Where, as the document has it.
    #[serde(rename = "where")]
    pub place: Where,
    /// A sentence with figures and units.
    pub text: String,
    /// Names of the probes that it is of, where several look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))]
    pub probes: Vec<String>,
}

/// A frame at which something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Occurrence {
    /// Its number, counted from 1.
    pub frame: u64,
    /// Its capture time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// Where a finding stands; the parts that apply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Where {
    /// The flow's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// The transport's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// The encoding's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The stream's identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

/// The answer to `hello`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct HelloAnswer {
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// The version that is spoken.
    pub protocol: String,
    /// Version of the program.
    pub version: String,
    /// The compression from the next message on; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// What a client may ask for.
    pub limits: Limits,
    /// What is analysed.
    pub analyses: Vec<Analysis>,
    /// What the client may do.
    pub rights: Rights,
    /// Who answers, where it is a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ProbeIdentity>,
}

/// What a client may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Limits {
    /// Rows of one message, and of a window.
    pub rows: u64,
    /// Bytes of one message.
    pub message_bytes: u64,
    /// Bytes of a client's message.
    pub client_message_bytes: u64,
    /// A client's messages in a second.
    pub client_messages_per_second: u64,
    /// Views of a connection.
    pub views: u64,
    /// Rows that a connection may watch.
    pub watches: u64,
    /// Nanoseconds that `at` reaches back, at most.
    pub at_ns: u64,
    /// Bytes of an upload.
    pub upload_bytes: u64,
    /// Analyses that are kept.
    pub analyses: u64,
}

/// What a client may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Rights {
    /// Whether captures may be dropped, and analyses be taken away.
    pub upload: bool,
    /// Whether packets may be exported where they can be read again.
    pub packets: bool,
}

/// What is analysed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Analyses {
    /// All of them, the oldest first.
    pub analyses: Vec<Analysis>,
}

/// The answer to what has been done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Done {
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// The view that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<u8>,
    /// Of `at`: the capture time that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

/// The answer to what could not be done. The connection stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct ErrorMessage {
    /// What it answers, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// What went wrong.
    pub error: Problem,
}

/// The answer to `ping`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Pong {
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// The server's clock.
    pub sent: String,
    /// The same clock when the `ping` had come, of a probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
}

/// Details of a row that is watched; the parts that were asked for and that there are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Detail {
    /// Which analysis.
    pub analysis: String,
    /// Which start of it.
    pub start: String,
    /// Name of the row.
    pub row: String,
    /// Capture time of what is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The row has ended, or there is none of that name: nothing more will come until it appears.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub gone: bool,
    /// Figures by the second: those that were not sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    /// Inter-arrival times by length, in ascending order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Vec<Bucket>>,
    /// The same by the second: columns that were not sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat: Option<Heat>,
    /// Streams as the document has them (`health.streams`), of the row's encoding or all of its encodings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<Vec<Value>>,
    /// The row's element of the document, whole, but without the rows below it: timing with the worst outliers, addresses of
    /// the link layer, metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, Value>>,
    /// Why it was identified, and what else it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons: Option<Reasons>,
    /// Findings at the row and below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<Finding>>"))]
    pub findings: Vec<Finding>,
}

/// Figures by the second, as columns of equal length; null is undefined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Series {
    /// Capture time at which the first value's time begins.
    pub start: String,
    /// Nanoseconds from one value to the next.
    pub step_ns: u64,
    /// Packets.
    pub packets: Vec<Option<u64>>,
    /// Bits on the wire.
    pub bits: Vec<Option<u64>>,
    /// Numbers found missing, less those that came late; negative where more came late.
    pub lost: Vec<Option<i64>>,
    /// Jitter at the end of the time, in nanoseconds: against the media clock where there is one, else of inter-arrival times.
    pub jitter_ns: Vec<Option<f64>>,
}

/// Inter-arrival times of a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Bucket {
    /// The shortest of the bucket, in nanoseconds.
    pub low_ns: u64,
    /// The longest, in nanoseconds.
    pub high_ns: u64,
    /// How many.
    pub count: u64,
}

/// Inter-arrival times by length and by the second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Heat {
    /// Nanoseconds from one column to the next.
    pub step_ns: u64,
    /// Columns that were not sent before, in order of time; seconds without an interval have none.
    pub columns: Vec<HeatColumn>,
}

/// Inter-arrival times of a second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct HeatColumn {
    /// Capture time at which it begins.
    pub start: String,
    /// What is in it, in ascending order.
    pub buckets: Vec<Bucket>,
}

/// Why an encoding was identified.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Reasons {
    /// What speaks for it, by encoding.
    pub encodings: BTreeMap<String, Vec<String>>,
    /// What it may be as well, by transport, as the document has it.
    pub candidates: BTreeMap<String, Vec<Value>>,
}
