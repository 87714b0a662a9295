//! Format 3: packets that follow each other in the datagrams of a source and begin anywhere in them.

use streamlens_model::Packet;
use streamlens_model::stats::Arrival;

use super::super::transfer::{Transfer, start_in_stream};
use super::{Chapter10Flow, PacketView, Rest, begins_with_sync, occurrence};
use crate::{DecodingResult, PacketType, PduState};
use streamlens_chapter10_wire::{HEADER_LENGTH, PacketHeader};

/// The stream of packets of one source (Format 3).
#[derive(Debug, Default)]
pub(super) struct ByteStream {
    source: u16,
    /// The beginning of a packet that goes on in the next datagram.
    pub(super) buffer: Vec<u8>,
    /// Whether it is known where the next packet begins.
    synced: bool,
    /// The capture left off the end of the last datagram.
    cut: bool,
}

impl Chapter10Flow {
    /// A datagram of Format 3. Returns the bytes taken, the transfer header's included.
    pub(super) fn stream_datagram(
        &mut self,
        transfer: &Transfer,
        arrival: Arrival,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        result.state = PduState::Unfinished;
        let all = packet.payload.len();
        let index = match self.streams.iter().position(|held| held.source == transfer.source) {
            Some(index) => index,
            None if self.streams.len() < Self::MAX_SOURCES => {
                self.streams.push(ByteStream { source: transfer.source, ..ByteStream::default() });
                self.streams.len() - 1
            }
            None => return all,
        };
        let Some(stream) = self.streams.get_mut(index) else { return all };
        if matches!(arrival, Arrival::Reordered(_)) {
            return all;
        }
        if arrival != Arrival::InOrder || stream.cut {
            if !stream.buffer.is_empty() {
                self.statistics.partial_dropped(&stream.buffer, occurrence(packet));
                stream.buffer.clear();
            }
            stream.synced = false;
        }
        stream.cut = packet.missing > 0;
        let mut begin = transfer.header_length;
        let at_packet = |at: usize| packet.payload.get(at..).is_some_and(begins_with_sync);
        if !stream.synced || (stream.buffer.is_empty() && !at_packet(begin)) {
            let Some(at) = start_in_stream(packet.payload, usize::from(transfer.packet_start)) else { return all };
            stream.synced = true;
            begin = at;
        }
        self.rest = Rest::Stream(index);
        begin + self.stream_packet(index, packet.payload.get(begin..).unwrap_or_default(), packet, result)
    }

    /// The next packet of a stream, or the part of it that has come. Returns the bytes taken.
    pub(super) fn stream_packet(
        &mut self,
        index: usize,
        bytes: &[u8],
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        result.state = PduState::Unfinished;
        let held: usize = self.streams.iter().map(|stream| stream.buffer.capacity()).sum();
        let Some(stream) = self.streams.get_mut(index) else { return bytes.len() };
        let mut used = 0;
        if !stream.buffer.is_empty() && stream.buffer.len() < HEADER_LENGTH {
            used = bytes.len().min(HEADER_LENGTH - stream.buffer.len());
            stream.buffer.extend_from_slice(bytes.get(..used).unwrap_or_default());
        }
        let front = if stream.buffer.is_empty() { bytes } else { &stream.buffer };
        if front.len() < HEADER_LENGTH {
            if stream.buffer.is_empty() && begins_with_sync(front) {
                stream.buffer.extend_from_slice(bytes);
            }
            return bytes.len();
        }
        let rest = bytes.get(used..).unwrap_or_default();
        let missing = PacketHeader::parse(front)
            .filter(PacketHeader::length_is_legal)
            .map(|header| (header, (header.packet_length as usize).saturating_sub(stream.buffer.len())));
        let Some((header, missing)) = missing else {
            // The stream is not where it should be: the next datagram whose offset leads to a packet goes on.
            if !stream.buffer.is_empty() {
                self.statistics.partial_dropped(&stream.buffer, occurrence(packet));
                stream.buffer.clear();
            }
            stream.synced = false;
            self.statistics.no_sync += 1;
            return bytes.len();
        };
        if missing > rest.len() {
            if held + rest.len() > Self::MAX_HELD {
                self.statistics.partial_dropped(&stream.buffer, occurrence(packet));
                stream.buffer = Vec::new();
                stream.synced = false;
                return bytes.len();
            }
            stream.buffer.extend_from_slice(rest);
            return bytes.len();
        }
        let mut buffer = std::mem::take(&mut stream.buffer);
        let end = rest.get(..missing).unwrap_or_default();
        let whole = if buffer.is_empty() {
            end
        } else {
            buffer.extend_from_slice(end);
            &buffer
        };
        self.statistics.complete += 1;
        let view = PacketView { header: &header, bytes: whole, transfer: &[], late: false };
        self.statistics.header(view, packet, result);
        self.statistics.body(&header, whole, packet);
        result.packet_type = PacketType(u32::from(header.data_type));
        result.state = PduState::Whole;
        result.pdu_length = Some(header.packet_length);
        buffer.clear();
        if let Some(stream) = self.streams.get_mut(index) {
            stream.buffer = buffer;
        }
        used + missing
    }
}
