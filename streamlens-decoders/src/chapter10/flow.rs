//! The decoder of one flow: from datagrams to packets.

mod stream;

use smallvec::SmallVec;
use streamlens_model::{Occurrence, Packet, Severity, Transport};

use self::stream::ByteStream;
use super::account::Account;
use super::reassembly::{Added, Assembly};
use super::transfer::{Evidence, Format, Transfer, classify};
use super::window::{Arrival, SequenceWindow};
use super::{NAME, udp_stream};
use crate::{DecodeError, DecodingResult, FlowDecoder, FlowReport, PacketType, PduState, Sequence};
use streamlens_chapter10_wire::{HEADER_LENGTH, PacketHeader, SYNC};

/// Decodes one flow of Chapter 10 datagrams, or one recorder file.
#[derive(Debug, Default)]
pub struct Chapter10Flow {
    /// Formats of which a datagram was proved by sync word and checksum or length.
    proved: [bool; 3],
    preferred: Option<Format>,
    /// What the calls after the first one do with the rest of a datagram.
    rest: Rest,
    windows: SmallVec<[((Format, u16), SequenceWindow); 1]>,
    assemblies: Vec<Assembly>,
    /// Memory of the last packet put together, for the next one.
    spare: Vec<u8>,
    streams: Vec<ByteStream>,
    pub(super) account: Account,
}

#[derive(Clone, Copy, Debug, Default)]
enum Rest {
    #[default]
    Nothing,
    Packets {
        late: bool,
    },
    Segment {
        transfer: Transfer,
        late: bool,
    },
    Stream(usize),
}

impl Chapter10Flow {
    /// Packets that may be put together at the same time, one a channel.
    const MAX_OPEN: usize = 32;
    /// Bytes of unfinished packets that are kept.
    const MAX_HELD: usize = 8 << 20;
    /// Numbers of sources whose datagrams are told apart.
    const MAX_SOURCES: usize = 16;

    fn datagram(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if let Some(taken) = self.plain_datagram(packet, result) {
            return Ok(taken);
        }
        self.rest = Rest::Nothing;
        let refused = |reason| Err(DecodeError::Refused { protocol: NAME, reason });
        let Some((transfer, evidence)) = classify(packet.payload, packet.missing, self.preferred) else {
            return refused("no transfer header with a packet behind it");
        };
        let format = transfer.format;
        let is_proved = self.proved.get(format as usize).copied().unwrap_or_default();
        match evidence {
            Evidence::Checksum | Evidence::Length => {
                self.preferred = Some(format);
                if let Some(proved) = self.proved.get_mut(format as usize) {
                    *proved = true;
                }
            }
            // Before the first proved datagram, only a flow that was identified by a later one gets here.
            Evidence::Continuation if is_proved || self.preferred.is_none() => {}
            Evidence::Sync if is_proved => {
                self.account.damaged_headers += 1;
                return Err(DecodeError::Malformed {
                    protocol: NAME,
                    field: "packet header",
                    offset: transfer.header_length,
                    reason: "neither checksum nor length is right",
                });
            }
            _ => return refused("no packet header, and no datagram of this format before"),
        }
        self.account.transfer(format, transfer.segmented);
        let arrival = self.arrival(&transfer);
        let mut sequence = Sequence::new(u64::from(transfer.sequence), transfer.sequence_bits);
        sequence.repeats = format == Format::Two && transfer.segmented;
        result.sequence(udp_stream(format, transfer.source), sequence);
        let late = arrival == Arrival::Late;
        let is_again = match arrival {
            Arrival::Same => !sequence.repeats,
            // Segments of a Format 2 packet share a number, and packets of other channels may come in between.
            Arrival::Again => {
                !(sequence.repeats && self.assemblies.iter().any(|a| a.key == transfer.sequence && !a.done))
            }
            _ => false,
        };
        let begin = transfer.header_length;
        let Some(body) = packet.payload.get(begin..) else { return refused("no transfer header") };
        if is_again {
            result.state = PduState::Unfinished;
            return Ok(packet.payload.len());
        }
        Ok(begin
            + match format {
                Format::Three => self.stream_datagram(&transfer, arrival, packet, result) - begin,
                _ if transfer.segmented => self.segment(transfer, body, late, packet, result),
                _ => {
                    self.rest = Rest::Packets { late };
                    let header = packet.payload.get(..begin).unwrap_or_default();
                    self.whole_packet(body, header, late, packet, result)
                }
            })
    }

    /// A datagram like most: whole packets behind Format 1, proved by the checksum, in a flow of that format. `None`
    /// where it is not that, or came before.
    #[inline]
    fn plain_datagram(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Option<usize> {
        let (head, bytes) = packet.payload.split_first_chunk::<4>()?;
        if self.preferred != Some(Format::One) || head[0] != 1 {
            return None;
        }
        let header = PacketHeader::parse(bytes).filter(PacketHeader::checksum_ok)?;
        let number = u32::from_le_bytes([head[1], head[2], head[3], 0]);
        let ((format, _), window) = self.windows.first_mut()?;
        if *format != Format::One || !window.accept_next(number) {
            return None;
        }
        self.account.transfer(Format::One, false);
        result.sequence(udp_stream(Format::One, 0), Sequence::new(u64::from(number), 24));
        self.rest = Rest::Packets { late: false };
        if header.packet_length as usize != bytes.len() {
            return Some(4 + self.packet(&header, bytes, head, false, packet, result));
        }
        result.packet_type = PacketType(u32::from(header.data_type));
        result.pdu_length = Some(header.packet_length);
        if !self.account.goes_on(&header, packet, result) {
            self.account.header(&header, bytes, head, false, packet, result);
        }
        self.account.body(&header, bytes, packet);
        Some(packet.payload.len())
    }

    fn go_on(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        Ok(match self.rest {
            Rest::Packets { late } => self.whole_packet(packet.payload, &[], late, packet, result),
            Rest::Segment { transfer, late } => self.segment(transfer, packet.payload, late, packet, result),
            Rest::Stream(index) => self.stream_packet(index, packet.payload, packet, result),
            Rest::Nothing => {
                return Err(DecodeError::Refused { protocol: NAME, reason: "nothing was begun in this datagram" });
            }
        })
    }

    #[inline]
    fn arrival(&mut self, transfer: &Transfer) -> Arrival {
        let key = (transfer.format, transfer.source);
        let at = match self.windows.iter().position(|(held, _)| *held == key) {
            Some(at) => at,
            None if self.windows.len() < Self::MAX_SOURCES => {
                self.windows.push((key, SequenceWindow::new(transfer.sequence_bits)));
                self.windows.len() - 1
            }
            None => return Arrival::Jump,
        };
        self.windows.get_mut(at).map_or(Arrival::Jump, |(_, window)| window.accept(transfer.sequence))
    }

    /// One of the whole packets of a datagram. Returns the bytes it takes.
    #[inline(never)]
    fn whole_packet(
        &mut self,
        bytes: &[u8],
        transfer: &[u8],
        late: bool,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        let Some(header) = PacketHeader::parse(bytes) else {
            self.account.no_sync += 1;
            result.state = PduState::Unfinished;
            return bytes.len();
        };
        self.packet(&header, bytes, transfer, late, packet, result)
    }

    /// A whole packet whose header has been read. Returns the bytes it takes.
    #[inline(never)]
    fn packet(
        &mut self,
        header: &PacketHeader,
        bytes: &[u8],
        transfer: &[u8],
        late: bool,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        let at = occurrence(packet);
        let (stated, on_wire) = (header.packet_length as usize, bytes.len() + packet.missing);
        let length = if stated < HEADER_LENGTH { bytes.len() } else { stated.min(bytes.len()) };
        if stated > bytes.len() && stated <= on_wire {
            result.state = PduState::Cut;
        } else if stated == on_wire + 4 || stated < HEADER_LENGTH {
            self.account.wrong_length(header, on_wire, at);
            result.state = if packet.missing > 0 { PduState::Cut } else { PduState::Whole };
        } else if stated > on_wire {
            result.state = PduState::Cut;
            self.account.incomplete_packet(header.channel, at, on_wire as u32, Some(header.packet_length));
        }
        let whole = bytes.get(..length).unwrap_or_default();
        result.packet_type = PacketType(u32::from(header.data_type));
        result.pdu_length = u32::try_from(length).ok();
        if late || !self.account.goes_on(header, packet, result) {
            self.account.header(header, whole, transfer, late, packet, result);
        }
        if result.state == PduState::Whole {
            self.account.body(header, whole, packet);
        }
        let behind = bytes.get(length..).unwrap_or_default();
        if behind.is_empty() || begins_with_sync(behind) {
            return length;
        }
        if behind.iter().any(|byte| !matches!(byte, 0 | 0xFF)) {
            self.account.no_sync += 1;
        }
        bytes.len()
    }

    /// A slice of a packet. Where it shows that an earlier packet of its channel will never be whole, that one is
    /// given first, and the slice is left for the next call.
    fn segment(
        &mut self,
        transfer: Transfer,
        slice: &[u8],
        late: bool,
        packet: &Packet<'_>,
        result: &mut DecodingResult,
    ) -> usize {
        result.state = PduState::Unfinished;
        let is_format_1 = transfer.format == Format::One;
        let key = if is_format_1 { u32::from(transfer.channel_sequence) } else { transfer.sequence };
        let found = self.assemblies.iter().position(|held| held.channel == transfer.channel);
        let mut index = None;
        if let Some(at) = found
            && let Some(held) = self.assemblies.get(at)
        {
            let begins_anew = is_format_1 && transfer.offset == 0 && !held.bytes.is_empty();
            if late && held.key != key {
                return slice.len();
            }
            if held.key == key && (late || !begins_anew) {
                index = Some(at);
            } else {
                let old = self.assemblies.swap_remove(at);
                if self.abandon(old, packet, result) {
                    self.rest = Rest::Segment { transfer, late };
                    return 0;
                }
            }
        }
        let index = index.unwrap_or_else(|| {
            if self.assemblies.len() >= Self::MAX_OPEN {
                let oldest = self.assemblies.remove(0);
                // Its kind goes uncounted: this call has a PDU of its own to speak of.
                self.account.evicted += u64::from(!oldest.done);
                self.account.incomplete += u64::from(!oldest.done);
            }
            let length = (!is_format_1).then_some(transfer.packet_length);
            self.assemblies.push(Assembly::new(transfer.channel, key, length, std::mem::take(&mut self.spare)));
            self.assemblies.len() - 1
        });
        let held: usize = self.assemblies.iter().map(Assembly::held).sum();
        let Some(assembly) = self.assemblies.get_mut(index) else { return slice.len() };
        let had_header = assembly.header.is_some();
        let added = assembly.add(transfer.offset, slice, Self::MAX_HELD.saturating_sub(held));
        if let (false, Some(header)) = (had_header, assembly.header) {
            self.account.header(&header, &assembly.bytes, &[], late, packet, result);
        }
        if added == Added::Open {
            return slice.len();
        }
        let bytes = assembly.finish();
        if let Some(header) = assembly.header {
            let whole = bytes.get(..header.packet_length as usize).unwrap_or(&bytes);
            self.account.complete += 1;
            self.account.body(&header, whole, packet);
            result.packet_type = PacketType(u32::from(header.data_type));
            result.state = PduState::Whole;
            result.pdu_length = u32::try_from(whole.len()).ok();
        }
        if is_format_1 {
            // Its number is the channel's, of 8 bits: it will come again for another packet.
            self.assemblies.swap_remove(index);
        }
        self.keep_spare(bytes);
        slice.len()
    }

    /// Gives up on a packet. Returns whether it is to be counted: its header came.
    fn abandon(&mut self, mut old: Assembly, packet: &Packet<'_>, result: &mut DecodingResult) -> bool {
        if old.done {
            return false;
        }
        self.account.incomplete += 1;
        let stated = old.header.map(|header| header.packet_length);
        self.account.incomplete_packet(old.channel, occurrence(packet), old.received, stated);
        let bytes = old.finish();
        self.keep_spare(bytes);
        let Some(header) = old.header else { return false };
        result.packet_type = PacketType(u32::from(header.data_type));
        result.state = PduState::Cut;
        result.pdu_length = Some(old.received);
        true
    }

    fn keep_spare(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() > self.spare.capacity() && bytes.capacity() <= 1 << 20 {
            self.spare = bytes;
        }
    }

    /// Packets that are not whole yet.
    pub(super) fn open_packets(&self) -> u64 {
        let segmented = self.assemblies.iter().filter(|held| !held.done).count();
        (segmented + self.streams.iter().filter(|stream| !stream.buffer.is_empty()).count()) as u64
    }
}

impl FlowDecoder for Chapter10Flow {
    fn may_have_findings(&self) -> bool {
        super::report::findings(&self.account).is_some()
    }

    fn decode_packet(&mut self, packet: &Packet<'_>, result: &mut DecodingResult) -> Result<usize, DecodeError> {
        if packet.payload.is_empty() {
            return Err(DecodeError::Refused { protocol: NAME, reason: "empty" });
        }
        let taken = if packet.transport == Transport::Chapter10File {
            if !begins_with_sync(packet.payload) || packet.payload.len() < HEADER_LENGTH {
                return Err(DecodeError::Refused { protocol: NAME, reason: "no packet header" });
            }
            self.account.is_file = true;
            self.whole_packet(packet.payload, &[], false, packet, result)
        } else if packet.offset > 0 {
            self.go_on(packet, result)?
        } else {
            self.datagram(packet, result)?
        };
        Ok(taken)
    }

    fn report(&self, report: &mut FlowReport) {
        super::report::report(self, report);
    }
}

fn begins_with_sync(bytes: &[u8]) -> bool {
    bytes.first_chunk::<2>().is_some_and(|sync| u16::from_le_bytes(*sync) == SYNC)
}

fn occurrence(packet: &Packet<'_>) -> Occurrence {
    Occurrence { frame: packet.frame, time: packet.time }
}

/// How much an incomplete packet matters: data are lost.
pub(super) const INCOMPLETE: Severity = Severity::Error;
