//! Which frames rows count, where that is asked for: for whoever picks their packets out of a capture.

use super::{EncodingEntry, IntervalSeries, Pdu, Pdus, TransportEntry};

/// Where this is the length of the intervals of time, frames are listed instead: no interval has it.
pub(crate) const LISTS_FRAMES: u64 = 0;
/// Frames that wait for the PDU that they belong to.
const MOST_WAITING: usize = 1 << 16;

/// Numbers of frames, nearly always in ascending order: a byte or two each.
#[derive(Debug, Default)]
pub(crate) struct FrameList {
    steps: Vec<u8>,
    last: u64,
}

impl FrameList {
    /// Adds a frame; one that was added last is there already.
    pub(crate) fn push(&mut self, frame: u64) {
        let step = frame.wrapping_sub(self.last).cast_signed();
        if step == 0 {
            return;
        }
        self.last = frame;
        let mut rest = ((step << 1) ^ (step >> 63)).cast_unsigned();
        while rest > 0x7f {
            self.steps.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.steps.push(rest as u8);
    }

    /// The frame that was added last.
    fn last(&self) -> u64 {
        self.last
    }

    /// The frames in the order in which they were added.
    pub(crate) fn frames(&self) -> impl Iterator<Item = u64> {
        let mut steps = self.steps.iter();
        let mut last = 0_u64;
        std::iter::from_fn(move || {
            let (mut step, mut shift) = (0_u64, 0);
            loop {
                let byte = *steps.next()?;
                step |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
                shift += 7;
            }
            last = last.wrapping_add((step >> 1) ^ (step & 1).wrapping_neg());
            Some(last)
        })
    }
}

/// Frames of an encoding of which it is not known yet what they bring.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Those that completed no PDU: fragments of a datagram, segments of a stream.
    parts: Vec<u64>,
    /// Those that said nothing of a stream.
    unmarked: Vec<u64>,
    /// A frame, and the streams that its PDUs are of.
    streams: (u64, Vec<u32>),
    /// PDUs that broke the rules before.
    malformed: u64,
}

impl IntervalSeries {
    /// Notes that a frame has a PDU of a stream of the encoding, by its index.
    pub(crate) fn note_stream_of(series: &mut Option<Box<Self>>, frame: u64, stream: u32) {
        let (known, streams) = &mut series.get_or_insert_default().waiting.streams;
        if *known != frame {
            *known = frame;
            streams.clear();
        }
        if !streams.contains(&stream) {
            streams.push(stream);
        }
    }
}

impl TransportEntry {
    /// Lists a frame.
    pub(super) fn list(&mut self, frame: u64) {
        self.series.get_or_insert_default().frames.push(frame);
    }
}

impl EncodingEntry {
    /// Lists a frame, which brought these PDUs.
    pub(super) fn list(&mut self, frame: u64, pdus: &Pdus) {
        let series = self.series.get_or_insert_default();
        series.frames.push(frame);
        let waiting = &mut series.waiting;
        // what can't be read is a part of nothing
        let is_malformed = std::mem::replace(&mut waiting.malformed, self.malformed) != self.malformed;
        if pdus.first.is_some() || !is_malformed {
            [&mut waiting.parts, &mut waiting.unmarked].into_iter().for_each(|list| {
                if list.len() < MOST_WAITING && list.last() != Some(&frame) {
                    list.push(frame);
                }
            });
        }
        self.list_pdus(frame, pdus);
    }

    /// Notes whether a PDU of the stream has begun: it may begin in a frame that completed another one.
    pub(crate) fn note_beginning(&mut self, frame: u64, has_begun: bool) {
        let Some(series) = self.series.as_deref_mut().filter(|_| has_begun) else { return };
        if series.frames.last() == frame && series.waiting.parts.is_empty() {
            series.waiting.parts.push(frame);
        }
    }

    /// Lists the frames of PDUs, the last of which was completed at this frame.
    pub(crate) fn list_pdus(&mut self, frame: u64, pdus: &Pdus) {
        let Some(waiting) = self.series.as_deref_mut().map(|series| &mut series.waiting) else { return };
        if pdus.first.is_some() {
            let parts = std::mem::take(&mut waiting.parts);
            pdus.first.iter().chain(&pdus.others).for_each(|pdu| self.list_parts(pdu, &parts));
        }
        let Some(series) = self.series.as_deref_mut() else { return };
        if series.waiting.streams.0 == frame {
            let frames = std::mem::take(&mut series.waiting.unmarked);
            for stream in std::mem::take(&mut series.waiting.streams.1) {
                let place = stream as usize;
                if series.streams.len() <= place {
                    series.streams.resize_with(place + 1, Option::default);
                }
                if let Some(own) = series.streams.get_mut(place) {
                    frames.iter().for_each(|frame| own.get_or_insert_default().frames.push(*frame));
                }
            }
        }
    }

    /// Lists the frames of a PDU at its type.
    fn list_parts(&mut self, pdu: &Pdu, frames: &[u64]) {
        let entry = match pdu.within {
            None => self.types.iter_mut().find(|known| known.kind == pdu.kind),
            Some(within) => {
                let nested =
                    self.nested.iter_mut().find(|known| known.within == within && known.entry.kind == pdu.kind);
                nested.map(|nested| &mut nested.entry)
            }
        };
        if let Some(entry) = entry {
            let list = &mut entry.series.get_or_insert_default().frames;
            frames.iter().for_each(|frame| list.push(*frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_kept_in_any_order_and_mostly_in_a_byte() {
        let frames = [1, 2, 5, 4, 4, 300, 7, u64::MAX, 1];
        let mut list = FrameList::default();
        frames.iter().for_each(|frame| list.push(*frame));
        assert_eq!(list.frames().collect::<Vec<_>>(), [1, 2, 5, 4, 300, 7, u64::MAX, 1]);
        let mut list = FrameList::default();
        (1..=1000).for_each(|frame| list.push(frame));
        assert_eq!(list.steps.len(), 1000);
    }
}
