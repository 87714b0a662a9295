#![doc = include_str!("../README.md")]

mod address;
mod analysis;
mod ascii;
mod capture;
mod finding;
mod frame;
mod health;
mod link;
mod metadata;
mod packet;
pub mod row;
mod shared;
mod source;
pub mod stats;
pub mod text;
mod time;
mod timing;
mod transport;
mod value;
pub mod words;

pub use address::{Address, Endpoint, FlowKey, MacAddress, TrafficType, VlanStack};
pub use analysis::{
    Analysis, ApplicationEncoding, Candidate, Change, Flow, Health, Interval, MacPair, PacketTypeStats, SCHEMA,
    TransportProtocol,
};
pub use ascii::ASCII;
pub use capture::{CaptureSummary, DropPlace, DroppedBy, Interface, LiveCounts, TimestampQuality, Warning};
pub use finding::{FigureRange, Finding, FindingLog, LoggedFinding, Occurrence, Place, Severity, StreamId, Subject};
pub use frame::{Frame, FrameBatch, FrameRecord};
pub use health::StreamHealth;
pub use link::LinkType;
pub use metadata::{Metadata, STATIC};
pub use packet::Packet;
pub use shared::{SHARED, Shared};
pub use source::{FirstFrames, FrameSource, Position, SourceError, SourceLayer};
pub use time::{INSTANT, InstantText, Timestamp};
pub use timing::{Outlier, Outliers, TimingStatistics, TimingSummary};
pub use transport::Transport;
pub use value::Value;

/// Whether a count is 0; such counts are left out of the document where their absence says the same.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}
