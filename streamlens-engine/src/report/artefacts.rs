//! Frames that a mirror port delivered twice.

use streamlens_model::Timestamp;

use crate::flow::FlowEntry;

/// Copies make a mirrored flow from this share of its frames on (two in five: nearly every frame has one).
const MIRRORED_SHARE: f64 = 0.4;

/// What mirror ports delivered twice, over some flows.
#[derive(Clone, Copy, Default)]
pub(super) struct Mirrored {
    pub(super) flows: u64,
    pub(super) frames: u64,
    /// The first and the last frame, and the time of that.
    pub(super) first: Option<u64>,
    pub(super) last: u64,
    pub(super) last_seen: Option<Timestamp>,
}

impl Mirrored {
    /// Adds a flow, where it is mirrored.
    pub(super) fn add(&mut self, flow: &FlowEntry) {
        if is_mirrored(flow) {
            let (frames, first) = (flow.copies.count, flow.copies.first);
            self.merge(Self { flows: 1, frames, first, last: flow.changed, last_seen: flow.last_seen });
        }
    }

    /// Adds those of other flows.
    pub(super) fn merge(&mut self, other: Self) {
        self.flows += other.flows;
        self.frames += other.frames;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.last_seen = self.last_seen.max(other.last_seen);
    }
}

/// Whether nearly every frame of a flow is followed by a copy of itself.
fn is_mirrored(flow: &FlowEntry) -> bool {
    flow.copies.count >= 2 && flow.copies.count as f64 >= MIRRORED_SHARE * flow.packets() as f64
}
