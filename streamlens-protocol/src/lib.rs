#![doc = include_str!("../README.md")]
//!
//! A server sends what flows are and how they change, as a terminal, a browser or another instance shows it; `docs/protocol.md`
//! has the protocol in words. Names are those of the result document, with what only a live view has beside them. What is
//! undefined is absent, never null: null stands in a patch alone, and takes away.

mod client;
mod flow;
mod patch;
mod path;
mod probe;
mod problem;
mod rest;
mod server;
#[cfg(feature = "ts")]
mod typescript;

pub use client::{
    At, ClientMessage, Compression, Depth, Envelope, Hello, Id, Part, Pause, Ping, Resume, Subscribe, Unsubscribe,
    Unwatch, Watch, Window,
};
pub use flow::{
    Encoding, Endpoint, FindingCounts, Flow, FlowAtProbe, Health, Outliers, PacketType, PortInfo, Stream, Timing,
    Transport,
};
pub use patch::merge;
pub use path::{RowPart, RowPath, RowPathError};
pub use probe::{
    Ack, Aggregate, Aggregates, Fill, GapKind, HubMessage, Probe, ProbeClock, ProbeGap, ProbeIdentity, ProbeMessage,
    ProbeSecond, ProbeSeries, ProbeState, ProbeStatus, SpoolState,
};
pub use problem::{FilterPlace, Problem};
pub use rest::{
    Analysis, AnalysisKind, AnalysisState, Completions, DecoderInfo, FilterCheck, FilterText, FindingPage, FlowPage,
    Version,
};
pub use server::{
    Analyses, Bucket, Capture, Detail, Done, ErrorMessage, Finding, FindingState, FlowUpdate, Heat, HeatColumn,
    HelloAnswer, Limits, Occurrence, Pong, Reasons, Retired, RetiredCounts, Rights, Series, ServerMessage, Severity,
    Where,
};
#[cfg(feature = "ts")]
pub use typescript::typescript;

#[cfg(test)]
mod documentation;

/// The name and version of the protocol. Keys may be added under it, never renamed or removed.
pub const PROTOCOL: &str = "streamlens.v1";

/// The first number that a reader of JSON with 64-bit floats may get wrong; counts are below.
pub const MAX_SAFE: u64 = 1 << 53;
