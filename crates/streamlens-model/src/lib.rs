//! The data of StreamLens: frames and packets as borrowed views, the hierarchy of flows, transports, encodings and
//! packet types with its statistics, stream health, findings, and the whole result. No I/O and no parsing.

mod capture;
mod frame;
mod link;
mod time;

pub use capture::{CaptureSummary, Interface, TimestampQuality, Warning};
pub use frame::{Frame, FrameBatch, FrameRecord};
pub use link::LinkType;
pub use time::Timestamp;

/// Whether a count is 0; such counts are left out of the document where their absence says the same.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}
