//! What a client says.

use serde::{Deserialize, Serialize};

/// What a client calls a message, so that it knows the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(untagged)]
pub enum Id {
    /// A number below 2^53.
    Number(u64),
    /// A text of at most 64 bytes.
    Text(String),
}

/// What all messages of clients have: enough to answer one that is wrong otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The kind of message.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// What the client calls it.
    #[serde(default)]
    pub id: Option<Id>,
}

/// A message of a client. Unknown keys are passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ClientMessage {
    /// Says what the client knows. Answered by `hello`.
    Hello(Hello),
    /// Asks for a view, or changes it. Answered by `done`.
    Subscribe(Subscribe),
    /// Gives a view up.
    Unsubscribe(Unsubscribe),
    /// Asks for details of a row. Answered by `done`, and by a `detail` at once and whenever it changes, at most once a second.
    Watch(Watch),
    /// Gives details up.
    Unwatch(Unwatch),
    /// Asks for nothing more until `resume`.
    Pause(Pause),
    /// Goes on: with what has changed since.
    Resume(Resume),
    /// Shows all views as they were at a time.
    At(At),
    /// Answered by `pong`.
    Ping(Ping),
}

impl ClientMessage {
    /// The kinds of message.
    pub const KINDS: [&str; 9] =
        ["hello", "subscribe", "unsubscribe", "watch", "unwatch", "pause", "resume", "at", "ping"];
}

/// What a client knows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Hello {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Versions of the protocol that it speaks; one has to be `streamlens.v1`.
    #[serde(default)]
    pub versions: Vec<String>,
    /// How messages of a KiB and more are to be compressed; not at all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
}

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub enum Compression {
    /// Binary frames, each a whole stream of RFC 1951 with the text of a message.
    #[serde(rename = "deflate-raw")]
    DeflateRaw,
}

/// A view: which rows, in which order, how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Subscribe {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Number of the view, 1 to 4; 1 unless told. One that there is already becomes this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<u8>,
    /// Which analysis; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// A filter in the language of `-Y`; everything unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The column that flows are ordered by, `first_seen` unless told: the most first for figures, the least for times and
    /// names; a `-` in front turns it round. What is undefined comes last either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Which of the rows; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// The lowest level that is shown of every flow; `flow` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<Depth>,
    /// Rows of which those right below are shown as well, by name; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expanded: Vec<String>,
    /// Messages a second, 1 to 10; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u8>,
    /// Whether findings are sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub findings: bool,
    /// Whether flows have their `history`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub history: bool,
    /// Whether flows are sent whole rather than as patches on what the client holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub whole: bool,
}

/// A part of the rows of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Window {
    /// The place of the first row, counted from 0.
    pub from: u64,
    /// How many rows, at most 2,000.
    pub count: u64,
}

/// The lowest level that is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Flows.
    #[default]
    Flow,
    /// Transports.
    Transport,
    /// Encodings.
    Encoding,
    /// Packet types.
    Type,
    /// Packet types, and streams beside them.
    Stream,
}

/// Gives a view up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Unsubscribe {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Number of the view; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<u8>,
}

/// Asks for details of a row. One that is watched already is watched for these parts from now on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Watch {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Which analysis; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// The name of the row, of any level.
    #[serde(alias = "row")]
    pub flow: String,
    /// What of it; all unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A part of a row's details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Figures by the second.
    Series,
    /// Inter-arrival times by their length.
    Histogram,
    /// The same by the second.
    Heat,
    /// Streams with all that is known of their health.
    Streams,
    /// What decoders know.
    Metadata,
    /// Why it was identified, and what else it may be.
    Reasons,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Series, Self::Histogram, Self::Heat, Self::Streams, Self::Metadata, Self::Reasons];
}

/// Gives details up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Unwatch {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Which analysis; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub analysis: Option<String>,
    /// The name of the row; all that are watched unless told.
    #[serde(default, alias = "row", skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
}

/// Asks for nothing more for now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Pause {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

/// Goes on, and to now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Resume {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

/// Shows views as they were, until `resume`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct At {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Capture time, RFC 3339: the last look at or before it is shown.
    pub time: String,
}

/// Asks whether the server is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
pub struct Ping {
    /// What the client calls the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}
