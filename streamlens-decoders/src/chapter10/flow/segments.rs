//! Segments of Formats 1 and 2: slices of packets, which may be lost, late, or mixed with those of other channels.

use streamlens_model::Packet;

use super::super::reassembly::{Added, Assembly};
use super::super::transfer::{Format, Transfer};
use super::{Chapter10Flow, PacketView, occurrence};
use crate::{DecodingResult, PacketType, PduState};

/// Packets that may be put together at the same time, one a channel.
const MAX_OPEN: usize = 32;
/// The most memory that is kept for the next packet, in bytes.
const MAX_SPARE: usize = 1 << 20;

/// A datagram with a slice of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) transfer: Transfer,
    /// Datagrams with higher numbers came before.
    pub(super) late: bool,
}

impl Segment {
    /// What tells its packet from others of the channel: Format 1 the channel's number, Format 2 the datagram's.
    fn key(&self) -> u32 {
        match self.transfer.format {
            Format::One => u32::from(self.transfer.channel_sequence),
            _ => self.transfer.sequence,
        }
    }

    fn is_format_1(&self) -> bool {
        self.transfer.format == Format::One
    }
}

/// Where a segment belongs.
enum Slot {
    /// To the packet with this index.
    Open(usize),
    /// To none that was begun.
    New,
    /// To a new packet, which shows that the one with this index, of the same channel, will never be whole.
    Supersedes(usize),
    /// To a packet that was given up: it came too late.
    TooLate,
}

impl Chapter10Flow {
    /// A slice of a packet; returns the bytes it takes. Where it shows that an earlier packet of its channel will never be
    /// whole, that one is the PDU, and the slice is left for the next call: it takes 0 bytes.
    pub(super) fn segment(
        &mut self,
        segment: Segment,
        slice: &[u8],
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        result.state = PduState::Unfinished;
        let index = match self.slot(&segment) {
            Slot::TooLate => return slice.len(),
            Slot::Open(index) => index,
            Slot::New => self.open(&segment),
            Slot::Supersedes(index) => {
                let old = self.assemblies.swap_remove(index);
                if self.abandon(old, packet, result) {
                    self.rest = super::Rest::Segment(segment);
                    return 0;
                }
                self.open(&segment)
            }
        };
        self.fill(index, &segment, slice, packet, result);
        slice.len()
    }

    fn slot(&self, segment: &Segment) -> Slot {
        let channel = segment.transfer.channel;
        let found = self.assemblies.iter().enumerate().find(|(_, open)| open.channel == channel);
        let Some((index, open)) = found else { return Slot::New };
        let begins_anew = segment.is_format_1() && segment.transfer.offset == 0 && !open.bytes.is_empty();
        match (open.key == segment.key(), segment.late) {
            (true, true) => Slot::Open(index),
            (true, false) if !begins_anew => Slot::Open(index),
            (false, true) => Slot::TooLate,
            _ => Slot::Supersedes(index),
        }
    }

    /// Begins the packet of a segment; returns its index.
    fn open(&mut self, segment: &Segment) -> usize {
        if self.assemblies.len() >= MAX_OPEN {
            let oldest = self.assemblies.remove(0);
            // Its kind goes uncounted: this call has a PDU of its own to speak of.
            self.statistics.evicted += u64::from(!oldest.done);
            self.statistics.incomplete += u64::from(!oldest.done);
        }
        let length = (!segment.is_format_1()).then_some(segment.transfer.packet_length);
        let spare = std::mem::take(&mut self.spare);
        self.assemblies.push(Assembly::new(segment.transfer.channel, segment.key(), length, spare));
        self.assemblies.len() - 1
    }

    /// Adds a slice to its packet, and hands that on where it is whole then.
    fn fill(
        &mut self,
        index: usize,
        segment: &Segment,
        slice: &[u8],
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) {
        let held: usize = self.assemblies.iter().map(Assembly::held).sum();
        let Some(assembly) = self.assemblies.get_mut(index) else { return };
        let had_header = assembly.header.is_some();
        let added = assembly.add(segment.transfer.offset, slice, Self::MAX_HELD.saturating_sub(held));
        if let (false, Some(header)) = (had_header, &assembly.header) {
            let view = PacketView { header, bytes: &assembly.bytes, transfer: &[], late: segment.late };
            self.statistics.header(view, packet, result);
        }
        if added == Added::Open {
            return;
        }
        let bytes = assembly.finish();
        if let Some(header) = assembly.header {
            let whole = bytes.get(..header.packet_length as usize).unwrap_or(&bytes);
            self.statistics.complete += 1;
            self.statistics.body(&header, whole, packet);
            result.packet_type = PacketType(u32::from(header.data_type));
            result.state = PduState::Whole;
            result.pdu_length = u32::try_from(whole.len()).ok();
        }
        if segment.is_format_1() {
            // Its number is the channel's, of 8 bits: it will come again for another packet.
            self.assemblies.swap_remove(index);
        }
        self.keep_spare(bytes);
    }

    /// Gives up on a packet. Returns whether it is to be counted: its header came.
    fn abandon(&mut self, mut old: Assembly, packet: &Packet<'_>, result: &mut DecodingResult) -> bool {
        if old.done {
            return false;
        }
        self.statistics.incomplete += 1;
        let stated = old.header.map(|header| header.packet_length);
        self.statistics.incomplete_packet(old.channel, occurrence(packet), old.received, stated);
        let bytes = old.finish();
        self.keep_spare(bytes);
        let Some(header) = old.header else { return false };
        result.packet_type = PacketType(u32::from(header.data_type));
        result.state = PduState::Cut;
        result.pdu_length = Some(old.received);
        true
    }

    fn keep_spare(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > self.spare.capacity() && bytes.capacity() <= MAX_SPARE {
            self.spare = bytes;
        }
    }

    /// Whether a packet of this key is not whole yet.
    pub(super) fn is_open(&self, key: u32) -> bool {
        self.assemblies.iter().any(|open| open.key == key && !open.done)
    }
}
