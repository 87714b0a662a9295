//! What is counted of the capture as a whole, before any frame is looked into.

use streamlens_model::{CaptureSummary, Frame, LinkType, Timestamp};

/// Sums over all frames.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) packets: u64,
    bytes: u64,
    captured_bytes: u64,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// Link types in order of first appearance.
    link_types: Vec<LinkType>,
    /// Time of the last frame, by interface.
    previous: Vec<Option<Timestamp>>,
    backward_steps: u64,
    largest_step: u64,
    without_time: u64,
}

/// Interfaces whose time is followed; frames of further ones are still counted.
const MAX_INTERFACES: usize = 4096;

impl Totals {
    #[inline]
    pub(crate) fn note(&mut self, frame: &Frame<'_>) {
        self.packets += 1;
        self.bytes += u64::from(frame.original_length);
        self.captured_bytes += frame.data.len() as u64;
        if self.link_types.last() != Some(&frame.link_type) && !self.link_types.contains(&frame.link_type) {
            self.link_types.push(frame.link_type);
        }
        let Some(time) = frame.time else {
            self.without_time += 1;
            return;
        };
        self.first_seen = Some(self.first_seen.map_or(time, |first| first.min(time)));
        self.last_seen = Some(self.last_seen.map_or(time, |last| last.max(time)));
        let interface = frame.interface as usize;
        if interface >= self.previous.len() {
            if interface >= MAX_INTERFACES {
                return;
            }
            self.previous.resize(interface + 1, None);
        }
        if let Some(slot) = self.previous.get_mut(interface) {
            // packets of a recorder file are written by channel, lawfully out of order
            let step = slot.map(|previous| previous.since(time)).filter(|step| *step > 0);
            if let Some(step) = step.filter(|_| frame.link_type != LinkType::CHAPTER10_FILE) {
                self.backward_steps += 1;
                self.largest_step = self.largest_step.max(step.unsigned_abs());
            }
            *slot = Some(time);
        }
    }

    /// Fills in what was counted; what a reader knows is left as it is.
    pub(crate) fn fill(&self, summary: &mut CaptureSummary) {
        summary.packets = self.packets;
        summary.bytes = self.bytes;
        summary.captured_bytes = self.captured_bytes;
        (summary.first_seen, summary.last_seen) = (self.first_seen, self.last_seen);
        summary.link_types.clear();
        for name in self.link_types.iter().map(|link| link.name().into_owned()) {
            // several numbers have one name
            if !summary.link_types.contains(&name) {
                summary.link_types.push(name);
            }
        }
        let timestamps = &mut summary.timestamps;
        timestamps.backward_steps = self.backward_steps;
        timestamps.largest_backward_step_ns = (self.backward_steps > 0).then_some(self.largest_step);
        timestamps.without_time = self.without_time;
    }
}
