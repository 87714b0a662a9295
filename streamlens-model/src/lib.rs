#![doc = include_str!("../README.md")]

mod address;
mod analysis;
mod ascii;
mod burst;
mod capture;
pub mod customary;
mod declared;
mod finding;
mod frame;
mod health;
mod link;
mod metadata;
mod outer;
mod packet;
mod reading;
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

pub use address::{Address, Endpoint, FlowKey, MacAddress, ParseMacAddressError, TrafficType, VlanStack};
pub use analysis::{
    Analysis, ApplicationEncoding, Candidate, Change, Flow, Health, Interval, MacPair, PacketTypeStats, PayloadSample,
    SCHEMA, TransportProtocol,
};
pub use ascii::ASCII;
pub use burst::{Burst, InterfaceBursts};
pub use capture::{
    CaptureSummary, DropPlace, DroppedBy, Interface, LinkState, LiveCounts, MergedFrames, RingUse, TimestampQuality,
    Warning,
};
pub use declared::{Declared, FindingInfo, Term, ValueType, WarningInfo};
pub use finding::{FigureRange, Finding, FindingLog, LoggedFinding, Occurrence, Place, Severity, StreamId, Subject};
pub use frame::{Frame, FrameBatch, FrameRecord};
pub use health::{StreamHealth, StreamInterval};
pub use link::LinkType;
pub use metadata::{Metadata, STATIC};
pub use outer::OuterPath;
pub use packet::Packet;
pub use shared::{SHARED, Shared};
pub use source::{FirstFrames, FrameSource, Position, SourceError, SourceLayer};
pub use time::{INSTANT, InstantText, ParseTimestampError, Timestamp};
pub use timing::{Outlier, Outliers, TimingStatistics, TimingSummary};
pub use transport::Transport;
pub use value::Value;

/// Whether a flag is not set; such flags are left out of the document.
pub(crate) fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Whether a count is 0; such counts are left out of the document where their absence says the same.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}
