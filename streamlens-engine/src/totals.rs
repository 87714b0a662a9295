//! What is counted of the capture as a whole, before any frame is looked into.

use streamlens_model::stats::Events;
use streamlens_model::{CaptureSummary, FrameRecord, InterfaceBursts, LinkType, Occurrence, Timestamp};

use crate::flow::Bursts;
use crate::options::EngineOptions;

/// Sums over all frames.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) packets: u64,
    bytes: u64,
    captured_bytes: u64,
    /// The earliest and the latest time.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Those of the first and of the last frame.
    ends: [Option<Timestamp>; 2],
    /// Link types in order of first appearance.
    link_types: Vec<LinkType>,
    /// Time of the last frame, by interface.
    previous: Vec<Option<Timestamp>>,
    backwards: Option<Events>,
    largest_step: u64,
    without_time: u64,
    /// The fullest moments by interface, where they are asked for.
    bursts: Vec<Bursts>,
}

/// Interfaces whose time is followed; frames of further ones are still counted.
const MAX_INTERFACES: usize = 4096;

impl Totals {
    /// The latest time of any frame.
    pub(crate) fn last_seen(&self) -> Option<Timestamp> {
        self.last
    }

    /// Records frames. What they add up to is kept apart until the last one, for which a processor has registers.
    pub(crate) fn note<'r>(&mut self, frames: impl DoubleEndedIterator<Item = &'r FrameRecord> + Clone) {
        let (mut packets, mut bytes, mut captured_bytes, mut last) = (0, 0, 0, self.last);
        if let Some(first) = frames.clone().next().filter(|_| self.packets == 0) {
            self.ends[0] = first.time;
        }
        if let Some(last) = frames.clone().next_back() {
            self.ends[1] = last.time;
        }
        for frame in frames {
            packets += 1;
            bytes += u64::from(frame.original_length);
            captured_bytes += u64::from(frame.captured_length);
            let Some(time) = frame.time else {
                self.without_time += 1;
                continue;
            };
            last = last.max(Some(time));
            match self.previous.get_mut(frame.interface as usize) {
                Some(Some(previous)) if *previous <= time => *previous = time,
                _ => self.note_step(frame, Occurrence { frame: self.packets + packets, time: Some(time) }, time),
            }
        }
        self.packets += packets;
        self.bytes += bytes;
        self.captured_bytes += captured_bytes;
        self.last = last;
    }

    /// Records frames for the fullest moments of their interfaces.
    pub(crate) fn note_bursts(&mut self, frames: &[FrameRecord], windows_ns: &[u64]) {
        if windows_ns.is_empty() {
            return;
        }
        for frame in frames {
            let interface = frame.interface as usize;
            if interface >= self.bursts.len() && interface < MAX_INTERFACES {
                self.bursts.resize(interface + 1, Bursts::new(windows_ns));
            }
            if let (Some(bursts), Some(time)) = (self.bursts.get_mut(interface), frame.time) {
                bursts.push(time, frame.original_length);
            }
        }
    }

    /// Says in the summary which moments were the fullest, of interfaces that had any.
    pub(crate) fn fill_bursts(&self, summary: &mut CaptureSummary, options: &EngineOptions) {
        summary.bursts.clear();
        for (number, bursts) in self.bursts.iter().enumerate() {
            let known = summary.interfaces.get(number);
            let link_speed = options.link_speed.or(known.and_then(|known| known.speed));
            let interface = known.and_then(|known| known.name.clone()).unwrap_or_else(|| number.to_string());
            let bursts = bursts.figures(link_speed);
            if !bursts.is_empty() {
                summary.bursts.push(InterfaceBursts { interface, link_speed, bursts });
            }
        }
    }

    /// Adds bytes of the frames that were taken off before: on the wire, and captured.
    pub(crate) fn note_outer(&mut self, (wire, captured): (u64, u64)) {
        self.bytes += wire;
        self.captured_bytes += captured;
    }

    /// Notes the link types of frames as the capture has them, before anything is taken off.
    pub(crate) fn note_link_types<'r>(&mut self, frames: impl Iterator<Item = &'r FrameRecord>) {
        let mut link_type = self.link_types.last().copied().unwrap_or_default();
        for frame in frames {
            if link_type != frame.link_type || self.link_types.is_empty() {
                link_type = frame.link_type;
                self.note_link_type(link_type);
            }
        }
    }

    #[inline(never)]
    fn note_link_type(&mut self, link_type: LinkType) {
        if link_type != LinkType::UNDESCRIBED && !self.link_types.contains(&link_type) {
            self.link_types.push(link_type);
        }
    }

    /// The first frame of an interface, or one earlier than the one before it: only such a one can be the earliest of all.
    #[inline(never)]
    fn note_step(&mut self, frame: &FrameRecord, at: Occurrence, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        let interface = frame.interface as usize;
        if interface >= MAX_INTERFACES {
            return;
        }
        if interface >= self.previous.len() {
            self.previous.resize(interface + 1, None);
        }
        if let Some(previous) = self.previous.get_mut(interface) {
            let step = previous.map_or(0, |previous| previous.since(time));
            // packets of a recorder file are written by channel, lawfully out of order
            if step > 0 && frame.link_type != LinkType::CHAPTER10_FILE {
                match &mut self.backwards {
                    Some(steps) => steps.push(at),
                    none => *none = Some(Events::once(at)),
                }
                self.largest_step = self.largest_step.max(step.unsigned_abs());
            }
            *previous = Some(time);
        }
    }

    /// Bytes on the wire.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills in what was counted; what a reader knows is left as it is.
    pub(crate) fn fill(&self, summary: &mut CaptureSummary) {
        summary.packets = self.packets;
        summary.bytes = self.bytes;
        summary.captured_bytes = self.captured_bytes;
        (summary.first_seen, summary.last_seen) = (self.first, self.last);
        summary.end_times = self.ends;
        summary.link_types.clear();
        for name in self.link_types.iter().map(|link| link.name().into_owned()) {
            // several numbers have one name
            if !summary.link_types.contains(&name) {
                summary.link_types.push(name);
            }
        }
        let timestamps = &mut summary.timestamps;
        timestamps.backward_steps = self.backwards.map_or(0, |steps| steps.count);
        timestamps.largest_backward_step_ns = self.backwards.map(|_| self.largest_step);
        timestamps.first_backward_step = self.backwards.map(|steps| steps.first);
        timestamps.last_backward_step = self.backwards.map(|steps| steps.last);
        timestamps.without_time = self.without_time;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(interface: u32, nanos: Option<i64>) -> FrameRecord {
        let time = nanos.map(Timestamp::from_nanos);
        FrameRecord {
            offset: 0,
            captured_length: 60,
            original_length: 64,
            interface,
            time,
            link_type: LinkType::ETHERNET,
        }
    }

    fn summary(records: &[FrameRecord]) -> CaptureSummary {
        let (mut totals, mut summary) = (Totals::default(), CaptureSummary::default());
        // in two batches
        let (first, second) = records.split_at(records.len() / 2);
        totals.note(first.iter());
        totals.note(second.iter());
        totals.fill(&mut summary);
        summary
    }

    #[test]
    fn the_earliest_frame_may_be_the_first_of_a_later_interface() {
        let summary = summary(&[record(1, Some(50)), record(1, Some(60)), record(0, Some(10)), record(2, Some(55))]);
        assert_eq!(summary.first_seen, Some(Timestamp::from_nanos(10)));
        assert_eq!(summary.last_seen, Some(Timestamp::from_nanos(60)));
        assert_eq!(summary.end_times, [Some(50), Some(55)].map(|time| time.map(Timestamp::from_nanos)));
        assert_eq!((summary.packets, summary.bytes, summary.captured_bytes), (4, 256, 240));
        assert_eq!(summary.timestamps.backward_steps, 0);
    }

    #[test]
    fn a_step_back_is_one_of_an_interface() {
        let times = [Some(50), None, Some(40), Some(45)];
        let summary = summary(&times.map(|time| record(0, time)));
        assert_eq!(summary.first_seen, Some(Timestamp::from_nanos(40)));
        assert_eq!(summary.timestamps.backward_steps, 1);
        assert_eq!(summary.timestamps.largest_backward_step_ns, Some(10));
        assert_eq!(summary.timestamps.first_backward_step.map(|at| at.frame), Some(3));
        assert_eq!(summary.timestamps.without_time, 1);
    }

    #[test]
    fn without_times_there_is_no_first_one() {
        let summary = summary(&[record(0, None)]);
        assert_eq!((summary.first_seen, summary.last_seen, summary.end_times), (None, None, [None; 2]));
    }
}
