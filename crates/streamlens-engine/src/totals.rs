//! What is counted of the capture as a whole, before any frame is looked into.

use streamlens_model::{CaptureSummary, FrameRecord, LinkType, Timestamp};

/// Sums over all frames.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) packets: u64,
    bytes: u64,
    captured_bytes: u64,
    /// The earliest and the latest time.
    seen: Option<(Timestamp, Timestamp)>,
    /// Link types in order of first appearance.
    link_types: Vec<LinkType>,
    /// Time of the last frame, by interface; [`NEVER`] where none had a time.
    previous: Vec<Timestamp>,
    backward_steps: u64,
    largest_step: u64,
    without_time: u64,
}

/// Interfaces whose time is followed; frames of further ones are still counted.
const MAX_INTERFACES: usize = 4096;

/// Before all times.
const NEVER: Timestamp = Timestamp::from_nanos(i64::MIN);
/// After all times.
const FAR: Timestamp = Timestamp::from_nanos(i64::MAX);

impl Totals {
    /// Takes note of frames. What they add up to is kept apart until the last one, for which a processor has registers.
    pub(crate) fn note<'r>(&mut self, frames: impl Iterator<Item = &'r FrameRecord>) {
        let (mut packets, mut bytes, mut captured_bytes, mut with_time) = (0, 0, 0, 0);
        let (mut first, mut last) = self.seen.unwrap_or((FAR, NEVER));
        let mut link_type = self.link_types.last().copied();
        for frame in frames {
            packets += 1;
            bytes += u64::from(frame.original_length);
            captured_bytes += u64::from(frame.captured_length);
            if link_type != Some(frame.link_type) {
                link_type = Some(frame.link_type);
                self.note_link_type(frame.link_type);
            }
            let Some(time) = frame.time else { continue };
            with_time += 1;
            (first, last) = (first.min(time), last.max(time));
            match self.previous.get_mut(frame.interface as usize) {
                Some(previous) if *previous <= time => *previous = time,
                _ => self.note_step(frame, time),
            }
        }
        self.packets += packets;
        self.bytes += bytes;
        self.captured_bytes += captured_bytes;
        self.without_time += packets - with_time;
        if with_time > 0 {
            self.seen = Some((first, last));
        }
    }

    #[inline(never)]
    fn note_link_type(&mut self, link_type: LinkType) {
        if !self.link_types.contains(&link_type) {
            self.link_types.push(link_type);
        }
    }

    /// A frame of an interface that has no place yet, or earlier than the one before it.
    #[inline(never)]
    fn note_step(&mut self, frame: &FrameRecord, time: Timestamp) {
        let interface = frame.interface as usize;
        if interface >= MAX_INTERFACES {
            return;
        }
        if interface >= self.previous.len() {
            self.previous.resize(interface + 1, NEVER);
        }
        if let Some(previous) = self.previous.get_mut(interface) {
            let step = previous.since(time);
            // packets of a recorder file are written by channel, lawfully out of order
            if step > 0 && frame.link_type != LinkType::CHAPTER10_FILE {
                self.backward_steps += 1;
                self.largest_step = self.largest_step.max(step.unsigned_abs());
            }
            *previous = time;
        }
    }

    /// Fills in what was counted; what a reader knows is left as it is.
    pub(crate) fn fill(&self, summary: &mut CaptureSummary) {
        summary.packets = self.packets;
        summary.bytes = self.bytes;
        summary.captured_bytes = self.captured_bytes;
        (summary.first_seen, summary.last_seen) = self.seen.unzip();
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
