//! What REST gives under `/api/v1`, beside flows and findings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Capture, FilterPlace, Finding, Flow};

/// An analysis that the server has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Analysis {
    /// What it is called in messages and addresses.
    pub id: String,
    /// Its name for people: the capture, the interface.
    pub name: String,
    /// What is analysed.
    pub kind: AnalysisKind,
    /// How far it is.
    pub state: AnalysisState,
    /// Which start of it: another one has nothing in common with it.
    pub start: String,
    /// Bytes read so far; never falls.
    pub bytes_read: u64,
    /// Bytes that there are to read, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Frames read so far.
    pub frames: u64,
    /// The format, once it is known: `pcapng`, `pcap in gzip`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The exit status that the command would end with: 0, 3 (no capture), 5 (read in part); once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_status: Option<u8>,
    /// What is wrong, where something is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<Vec<String>>"))]
    pub messages: Vec<String>,
    /// Whether its packets can be read again, for export as pcapng.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "ts", ts(optional, as = "Option<bool>"))]
    pub has_packets: bool,
}

/// What is analysed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AnalysisKind {
    /// A capture that the server was started with.
    #[default]
    Capture,
    /// A capture at its own pace.
    Replay,
    /// Interfaces.
    Interface,
    /// A capture that was dropped.
    Upload,
    /// What one probe sees.
    Probe,
    /// What all probes see, as one.
    Hub,
}

/// How far an analysis is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum AnalysisState {
    /// Frames come.
    #[default]
    Running,
    /// All that there was has been read.
    Ended,
    /// Its source could not be read, or not to its end.
    Failed,
}

/// A part of the flows of an analysis: what a view with the same filter, order, depth and window holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FlowPage {
    /// Capture time of what is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Which start of the analysis.
    pub start: String,
    /// Which analysis.
    pub analysis: String,
    /// Number of the look.
    pub epoch: u64,
    /// Flows of the window by key.
    pub flows: BTreeMap<String, Flow>,
    /// Place of the first row.
    pub from: u64,
    /// Flows in front of that of the first row.
    pub from_flow: u64,
    /// Rows of the window from the top.
    pub order: Vec<String>,
    /// Rows in the window or not.
    pub total: u64,
    /// Flows in the window or not.
    pub total_flows: u64,
    /// Counts of the capture.
    pub capture: Capture,
}

/// Findings of an analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingPage {
    /// Findings, the gravest first, then by when they were first.
    pub findings: Vec<Finding>,
    /// How many there are, in the page or not.
    pub total: u64,
}

/// The body of `filter/check` and `filter/complete`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilterText {
    /// The text of a filter.
    pub filter: String,
    /// Where the cursor is, in UTF-16 code units; at the end unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u32>,
}

/// What `filter/check` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FilterCheck {
    /// Whether it is a filter.
    pub valid: bool,
    /// How it is printed: another text that is printed alike is the same filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<FilterPlace>,
}

/// What `filter/complete` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Completions {
    /// What a suggestion replaces.
    pub place: FilterPlace,
    /// Texts that may stand there.
    pub suggestions: Vec<String>,
    /// Values that can't be listed, in a word each: `number`, `duration`, `address`, ...
    pub values: Vec<String>,
    /// Signs that may follow right behind.
    pub next: Vec<String>,
}

/// A decoder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecoderInfo {
    /// Name of the encoding.
    pub encoding_name: String,
    /// The encoding that it refines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Ports at which it is customarily found.
    pub ports: Vec<u16>,
}

/// What `version` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// `streamlens`.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// The protocol of `/stream`.
    pub protocol: String,
    /// The schema of documents.
    pub schema: String,
}
